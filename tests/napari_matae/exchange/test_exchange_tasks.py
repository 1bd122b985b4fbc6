"""What the Learn step asks of a study: counted on an empty one first, and compared in words."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from matae.errors import StoreError
from matae.exchange import ExportOptions
from matae.phantom import make_phantom
from matae.store import Edit, FrameStatus, Study
from matae.store.types import Release
from napari_matae.exchange.tasks import (
    ExportChoice,
    compare_in_words,
    overview,
    prepare_export,
    prepare_import,
    write_export,
)


def never() -> bool:
    return False


@pytest.fixture
def target(tmp_path) -> str:
    Study.create(tmp_path / "study.sqlite", rater="anna").close()
    return str(tmp_path / "study.sqlite")


def release(number: int, clips: list[dict]) -> Release:
    return Release("lv", number, {"clips": clips}, datetime(2026, 1, number, tzinfo=UTC))


def test_a_study_that_is_gone_is_an_error_in_words(tmp_path) -> None:
    with pytest.raises(StoreError):
        overview(str(tmp_path / "gone.sqlite"))


def test_an_empty_study_counts_nothing(target) -> None:
    found = overview(target)
    assert (found.accepted, found.edited, found.clips, found.patients) == (0, 0, 0, 0)
    assert found.new_patients is None
    assert found.unknown == ()


def test_an_export_is_prepared_as_the_options_say_and_written(target, tmp_path) -> None:
    import SimpleITK as sitk  # noqa: N813

    from matae.read import open_cine

    phantom = make_phantom(seed=5, n_frames=6, shape=(96, 112))
    sitk.WriteImage(sitk.GetImageFromArray(np.array(phantom.cine.frames)), str(tmp_path / "a.mha"))
    with Study.open(target, rater="anna") as study:
        cine = open_cine(tmp_path / "a.mha")
        study.add_cine(cine, subject="P1")
        masks = (phantom.masks == 1).astype(np.uint8)
        study.put_edits(cine.content_id, [Edit(1, masks[1], 0, FrameStatus.ACCEPTED)])
        study.put_edits(cine.content_id, [Edit(2, masks[2], 0, FrameStatus.EDITED)])
    ticks = []
    for edited, count in ((False, 1), (True, 2)):
        choice = ExportChoice(ExportOptions("npz", "lv", edited=edited), tmp_path / f"out-{edited}")
        prepared = prepare_export(target, choice, ticks.append, never)
        assert prepared.plan.n_frames == count
        assert prepared.before[cine.content_id].shape == (96, 112, 3)
        written = write_export(prepared, True, ticks.append, never)
        assert (written.folder / "release.json").is_file()
    assert ticks
    again = prepare_import(target, tmp_path / "out-True", ticks.append, never)
    assert (again.plan.n_new, again.plan.n_same) == (0, 2)


def test_releases_are_compared_in_the_words_of_the_screen() -> None:
    def clip(frames: dict[int, str]) -> dict:
        return {
            "name": "c1", "original": "id1", "patient": "s", "split": "train",
            "frames": [{"frame": frame, "mask_sha256": digest} for frame, digest in frames.items()],
        }  # fmt: skip

    first, second = release(1, [clip({0: "a", 4: "b"})]), release(2, [clip({0: "a", 4: "c", 6: "d"})])
    text = compare_in_words(first, second, {"id1": "apical"})
    assert "1 label the same." in text
    assert "Added: 1, in apical (frame 7)." in text
    assert "Changed: 1, in apical (frame 5)." in text
    assert "Removed: none." in text

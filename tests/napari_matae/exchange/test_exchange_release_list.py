"""Releases, the newest first, any two compared; one that no export made is no crash."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from matae.store.types import Release
from napari_matae.exchange.release_list import ReleaseList
from napari_matae.exchange.tasks import Overview

pytestmark = pytest.mark.gui


def overview(*manifests: dict) -> Overview:
    releases = tuple(
        Release("lv", number, manifest, datetime(2026, 1, number, 12, tzinfo=UTC))
        for number, manifest in enumerate(manifests, start=1)
    )
    frames = {
        (made.name, made.number): sum(len(clip.get("frames", ())) for clip in made.manifest.get("clips", ()))
        for made in releases
    }
    return Overview(0, 0, 0, 0, {}, None, releases, {}, frames=frames)


@pytest.fixture
def shown(qtbot) -> ReleaseList:
    made = ReleaseList()
    qtbot.addWidget(made)
    return made


def test_without_a_release_it_says_how_one_is_made(shown) -> None:
    for none in (None, overview()):
        shown.show_overview(none)
        assert not shown.message.isHidden()
        assert shown.list.isHidden()
        assert shown._choice.isHidden()


def test_one_release_is_listed_and_not_compared(shown) -> None:
    shown.show_overview(overview({"format": "png", "clips": [{"frames": [1, 2]}]}))
    row = shown.list.topLevelItem(0)
    assert [row.text(place) for place in range(4)] == ["lv 1", "2026-01-01", "2", "png"]
    assert shown._choice.isHidden()


def test_what_a_retraining_froze_counts_its_frames_though_it_has_no_list_of_clips(shown, tmp_path) -> None:
    import numpy as np

    from matae.store import Edit, FrameStatus, Study
    from napari_matae.exchange.tasks import overview as look

    from ..conftest import make_cine

    cine = make_cine(4)
    with Study.create(tmp_path / "study.sqlite", rater="anna") as study:
        study.add_cine(cine, subject="P1")
        edits = [Edit(frame, np.ones(cine.shape, np.uint8), 0, FrameStatus.EDITED) for frame in (0, 2)]
        study.put_edits(cine.content_id, edits)
        study.add_release("retrain", {cine.content_id: [0, 2]}, {"kind": "retrain", "base": "matae-lv"})
    shown.show_overview(look(str(tmp_path / "study.sqlite")))
    row = shown.list.topLevelItem(0)
    assert [row.text(place) for place in (0, 2, 3)] == ["retrain 1", "2", "retrain"]


def test_the_last_two_are_compared_first(shown) -> None:
    clip = {"name": "c", "patient": "p", "split": "train", "frames": [{"frame": 0, "mask_sha256": "a"}]}
    shown.show_overview(overview({"clips": []}, {"clips": [clip]}))
    assert (shown.first.currentText(), shown.second.currentText()) == ("lv 1", "lv 2")
    assert shown.words.text().startswith("0 labels the same.\nAdded: 1, in c (frame 1).")


def test_what_no_export_made_is_not_compared(shown) -> None:
    shown.show_overview(overview({"clips": [{"frames": [1]}]}, {}))
    assert "These two cannot be compared" in shown.words.text()

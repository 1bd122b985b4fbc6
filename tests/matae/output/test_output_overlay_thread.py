"""The overlay video while masks are being made: it keeps up, waits, fails in one sentence and stops when told."""

from __future__ import annotations

import errno
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from by_hand import make_cine, make_result

from matae.errors import OutputError
from matae.output import ResultWriter, write_results
from matae.output.overlay_thread import _WAITING, OverlayThread
from matae.output.video import OverlayVideo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment import Segmentation

PATIENCE = 60.0


def at_work() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "matae-overlay"]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Have the video say that it draws its first frame, and wait there until it may go on."""
    began, may_go_on = threading.Event(), threading.Event()
    draw = OverlayVideo.add

    def wait(video: OverlayVideo, mask: NDArray[np.uint8]) -> None:
        began.set()
        assert may_go_on.wait(PATIENCE)
        draw(video, mask)

    monkeypatch.setattr(OverlayVideo, "add", wait)
    return began, may_go_on


def test_a_frame_is_drawn_before_the_next_mask_is_there(tmp_path: Path, cine: Cine, result: Segmentation, held) -> None:
    began, may_go_on = held
    with OverlayThread(tmp_path / "a.mp4", cine) as overlay:
        overlay.add(result.masks[0])
        assert began.wait(PATIENCE)
        may_go_on.set()
        for mask in result.masks[1:]:
            overlay.add(mask)
        assert overlay.finish()["width"] > 0
    assert not at_work()


def test_few_masks_wait(tmp_path: Path, held) -> None:
    began, may_go_on = held
    cine = make_cine(_WAITING + 1, timed=False)
    with OverlayThread(tmp_path / "a.mp4", cine) as overlay:
        masks = make_result(cine).masks
        overlay.add(masks[0])
        assert began.wait(PATIENCE)
        for mask in masks[1:]:
            overlay.add(mask)
        assert overlay._waiting.full()
        may_go_on.set()
        overlay.finish()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_what_fails_while_masks_are_made_is_one_sentence_and_nobody_waits_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "as told")

    monkeypatch.setattr(OverlayVideo, "add", fail)
    cine = make_cine(3 * _WAITING, timed=False)
    result = make_result(cine, [8.0] * cine.n_frames)
    with pytest.raises(OutputError, match=r"^[^.]*(is full|cannot be written to)[^.]*\.$") as caught:
        write_results(cine, result, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert not at_work()


def test_what_fails_after_the_last_mask_is_said_too(
    tmp_path: Path, cine: Cine, result: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OSError(errno.ENOSPC, "as told")

    monkeypatch.setattr(OverlayVideo, "finish", fail)
    with pytest.raises(OutputError, match="is full"):
        write_results(cine, result, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_is_heard_while_frames_wait(tmp_path: Path, cine: Cine, result: Segmentation, held) -> None:
    _, may_go_on = held

    def masks() -> Iterator[NDArray[np.uint8]]:
        yield from result.masks
        may_go_on.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_results(cine, replace(result, masks=masks()), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not at_work()


def test_no_thread_where_there_is_no_video(tmp_path: Path, cine: Cine, result: Segmentation) -> None:
    with ResultWriter(cine, result.sector, tmp_path, overlay=False) as writer:
        assert not at_work()
        for mask in result.masks:
            writer.add(mask)
        assert "overlay" not in writer.finish(result).files


def test_a_result_without_all_its_masks_is_not_finished(tmp_path: Path, cine: Cine, result: Segmentation) -> None:
    with ResultWriter(cine, result.sector, tmp_path, overlay=False) as writer:
        writer.add(result.masks[0])
        with pytest.raises(ValueError, match="1 masks of 6 frames"):
            writer.finish(result)
    assert list(tmp_path.iterdir()) == []


def test_masks_that_are_added_need_not_be_kept(tmp_path: Path, cine: Cine, result: Segmentation) -> None:
    result.run["classes"] = {"1": "cavity", "2": "wall"}
    result.masks[2, :5, :5] = 2
    result.masks[4] = result.masks[1]  # the largest and the smallest are elsewhere
    result.masks[3] = 0
    result.area_px = (result.masks == 1).sum((1, 2)).astype(np.float64)
    whole = write_results(cine, result, tmp_path / "whole")
    bare = replace(result, masks=result.masks[:0], probability=result.probability[:0])
    with ResultWriter(cine, result.sector, tmp_path / "bare") as writer:
        for mask in result.masks:
            writer.add(mask)
        written = writer.finish(bare)
    for kind, path in whole.files.items():
        assert written.files[kind].read_bytes() == path.read_bytes()

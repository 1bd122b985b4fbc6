"""Pictures of a verdict: read off the GUI thread, and a sentence where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from matae.learn.verdict import FrameChange
from napari_matae.background.events import Failed
from napari_matae.verdict.changed_frames import ChangedFrames, Thumbnail
from napari_matae.verdict.picture_reader import PictureReader
from napari_matae.verdict.pictures import CONTOURS, Picture, Subjects, _box, verdict_events

from .verdict_makers import empty_verdict, fill, verdict

pytestmark = pytest.mark.gui

WAIT = 60_000
FRAME = FrameChange("content", 0, "key", "ED", 0.8, 0.9)


def test_without_a_study_every_frame_says_what_to_open() -> None:
    assert list(verdict_events("", None, [])) == []
    (picture,) = verdict_events("", None, [FRAME])
    assert (picture.frame, picture.colour) == (FRAME, None)
    assert picture.why == "Open the study it was made from to see this frame."


def test_a_study_that_is_gone_is_one_failure(tmp_path) -> None:
    (event,) = verdict_events(str(tmp_path / "gone.sqlite"), None, [FRAME])
    assert isinstance(event, Failed)
    assert "gone.sqlite" in event.text


def test_frames_whose_outlines_were_not_kept_say_so_one_by_one(tmp_path, qtbot) -> None:
    fill(tmp_path / "study.sqlite", tmp_path / "clips", {"P1": "test"})
    events = list(verdict_events(str(tmp_path / "study.sqlite"), None, [FRAME, FRAME]))
    assert isinstance(events[0], Subjects)
    assert list(events[0].names.values()) == ["P1"]
    assert [event.why for event in events[1:]] == ["Its outlines were not kept; compare the two models again."] * 2


def test_the_part_shown_holds_every_contour() -> None:
    assert _box((40, 50), [np.zeros((40, 50), bool)]) == (slice(0, 40), slice(0, 50))
    mask = np.zeros((40, 50), bool)
    mask[0, 0] = mask[10, 8] = True
    y, x = _box((40, 50), [mask, np.zeros_like(mask)])
    assert (y.start, x.start) == (0, 0)
    assert y.stop > 10
    assert x.stop > 8


def test_the_reader_hands_on_what_comes(qtbot) -> None:
    reader = PictureReader()
    drawn = []
    reader.drawn.connect(drawn.append)
    reader.start("", None, [FRAME])
    qtbot.waitUntil(lambda: bool(drawn) and not reader.is_reading, timeout=WAIT)
    assert drawn[0].why.startswith("Open the study")
    reader.stop()


def test_a_thumbnail_shows_its_picture_or_why_there_is_none(qtbot) -> None:
    shown = Thumbnail(FRAME)
    qtbot.addWidget(shown)
    assert "patient key ED, frame 1" in shown.caption.text()
    shown.show_picture(Picture(FRAME, None, "It is <gone>."))
    assert "It is &lt;gone&gt;." in shown.picture.text()
    colour = np.zeros((30, 60, 3), np.uint8)
    colour[..., 0] = 200
    shown.show_picture(Picture(FRAME, colour))
    whole = shown.picture.whole
    assert (whole.width(), whole.height()) == (60, 30)
    assert whole.toImage().pixelColor(5, 5).getRgb()[:3] == (200, 0, 0)


def test_frames_are_shown_by_how_much_they_changed(qtbot) -> None:
    shown = ChangedFrames()
    qtbot.addWidget(shown)
    shown.show_side(empty_verdict().held_out)
    assert shown.frames == []
    assert all(name in shown.legend.text() for name, _ in CONTOURS.values())
    found = verdict().held_out
    shown.show_side(found)
    assert [thumbnail.frame for thumbnail in shown.thumbnails["improved"]] == list(found.most_improved())
    shown.show_failure("The study is in use; try again.")
    assert all("in use" in t.picture.text() for row in shown.thumbnails.values() for t in row)

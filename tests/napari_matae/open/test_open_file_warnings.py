"""What the reader of a file noticed stands above every step, in one line until somebody wants all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_matae.open.file_warnings import FileWarnings

from ..conftest import make_cine

pytestmark = pytest.mark.gui

NOTES = ("The clip states two frame rates; the times of its frames are used.", "One frame could not be read.")


@pytest.fixture
def line(qtbot, session) -> FileWarnings:
    widget = FileWarnings(session)
    qtbot.addWidget(widget)
    widget.resize(340, 60)
    return widget


def test_nothing_open_and_nothing_to_say_take_no_room(line, session) -> None:
    assert line.isHidden()
    session.open(make_cine())
    assert line.isHidden()


def test_the_first_is_shown_with_how_many_more_there_are_and_a_click_shows_all(line, session) -> None:
    session.open(replace(make_cine(), warnings=NOTES))
    assert not line.isHidden()
    assert line.text.isHidden()
    assert line.button.text().startswith("⚠ ▸ The clip states")
    assert line.button.text().endswith("(and 1 more)")
    assert line.button.toolTip() == "\n".join(NOTES)
    line.button.click()
    assert not line.text.isHidden()
    assert line.text.text() == "\n".join(f"• {note}" for note in NOTES)
    assert line.button.text() == "⚠ ▾ What the reader of the file noticed"


def test_they_end_with_their_clip_and_the_next_ones_are_folded(line, session) -> None:
    session.open(replace(make_cine(), warnings=NOTES))
    line.button.click()
    session.open(replace(make_cine(seed=1), warnings=NOTES[1:]))
    assert line.text.isHidden()
    assert "could not be read" in line.button.text()
    session.open(make_cine(seed=2))
    assert line.isHidden()

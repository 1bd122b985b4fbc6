"""What to know before a number is believed."""

from __future__ import annotations

import pytest

from matae.measure import QualityFlag
from napari_matae.measure.flag_list import FlagList

pytestmark = pytest.mark.gui


@pytest.fixture
def flags(qtbot) -> FlagList:
    made = FlagList()
    qtbot.addWidget(made)
    return made


def flag(text: str, level: str, frames: tuple[int, ...] = ()) -> QualityFlag:
    return QualityFlag("code", text, frames, level)


def test_nothing_doubtful_is_said(flags) -> None:
    flags.show_flags([])
    assert flags.text() == "✓ Nothing doubtful was noticed."


def test_a_flag_names_its_frames_from_1_and_not_all_of_many(flags, qtbot) -> None:
    flags.show_flags([flag("One.", "warning", (4,)), flag("Many <b>.", "note", tuple(range(9)))])
    text = flags.text()
    assert "Frame <a href='4'" in text
    assert ">5</a>" in text
    assert "Frames " in text
    assert text.count("<a ") == 1 + 6
    assert text.count("…") == 1
    assert "Many &lt;b&gt;." in text
    with qtbot.waitSignal(flags.seek_wanted) as wanted:
        flags.linkActivated.emit("4")
    assert wanted.args == [(4,)]

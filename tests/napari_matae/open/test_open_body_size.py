"""Height and weight by hand: nothing open first, then typed as a person does, kept in the study and in the numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt

from matae.measure.person import person_of
from matae.store import OverrideName, Study
from napari_matae.open.body_size import BodySize

from ..conftest import make_cine, opened, settled

pytestmark = pytest.mark.gui


@pytest.fixture
def size_of(qtbot):
    def make(session) -> BodySize:
        widget = BodySize(session)
        qtbot.addWidget(widget)
        widget.show()
        return widget

    return make


def enter(qtbot, box, text: str) -> None:
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def test_nothing_is_open(session, size_of) -> None:
    widget = size_of(session)
    assert not widget.isEnabled()
    assert "by body surface area too" in widget.words.text()


def test_what_the_file_states_is_shown_and_counts_until_something_is_entered(session, size_of, qtbot) -> None:
    cine = make_cine()
    session.open(replace(cine, info={**cine.info, "height_cm": 170.0, "weight_kg": 70.0}))
    widget = size_of(session)
    assert widget.height_box.text() == "170 cm (file)"
    assert "1.81 m²" in widget.words.text()
    enter(qtbot, widget.weight_box, "90")
    assert session.current.overrides[OverrideName.WEIGHT] == 90
    assert "2.01 m²" in widget.words.text()
    assert person_of(session.current.stated.info).weight_kg == 70
    widget.weight_box.setValue(widget.weight_box.minimum())
    assert session.current.overrides[OverrideName.WEIGHT] is None
    assert "1.81 m²" in widget.words.text()
    assert widget.weight_box.text() == "70 kg (file)"


def test_a_height_being_typed_is_none_yet(session, size_of, qtbot) -> None:
    session.open(make_cine())
    widget = size_of(session)
    assert widget.height_box.text() == "not stated"
    widget.height_box.setFocus()
    widget.height_box.selectAll()
    qtbot.keyClicks(widget.height_box, "18")
    assert OverrideName.HEIGHT not in session.current.overrides
    qtbot.keyClicks(widget.height_box, "0")
    qtbot.keyClick(widget.height_box, Qt.Key.Key_Return)
    assert session.current.overrides[OverrideName.HEIGHT] == 180


def test_a_box_that_says_not_stated_takes_what_is_typed_after_a_click(session, size_of, qtbot) -> None:
    session.open(make_cine())
    line = size_of(session).height_box.lineEdit()
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(line, "172")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert session.current.overrides[OverrideName.HEIGHT] == 172


def test_what_is_entered_is_in_the_study_when_the_clip_is_opened_again(make_workspace, size_of, qtbot, tmp_path):
    workspace, cine = make_workspace(), make_cine()
    opened(qtbot, workspace, cine)
    widget = size_of(workspace.session)
    enter(qtbot, widget.height_box, "180")
    enter(qtbot, widget.weight_box, "75.5")
    settled(qtbot, workspace)
    with Study.open(tmp_path / "study.sqlite") as study:
        found = study.overrides(cine.content_id)
    assert (found.height_cm, found.weight_kg) == (180, 75.5)
    opened(qtbot, workspace, make_cine(seed=4))
    assert widget.height_box.text() == "not stated"  # of this clip nobody has said it
    opened(qtbot, workspace, make_cine())
    qtbot.waitUntil(lambda: widget.height_box.text() == "180.0 cm")
    assert "1.95 m²" in widget.words.text()

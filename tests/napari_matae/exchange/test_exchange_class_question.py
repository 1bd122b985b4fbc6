"""The question what classes are: answered only when every one has an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_matae.exchange.class_question import ClassQuestion
from napari_matae.exchange.tasks import UnknownClasses

pytestmark = pytest.mark.gui


def make(qtbot, names: tuple[str, ...], answers: dict[str, str] | None = None) -> ClassQuestion:
    question = ClassQuestion(UnknownClasses(Path("folder"), names, answers or {}))
    qtbot.addWidget(question)
    return question


def test_it_waits_for_every_answer(qtbot) -> None:
    question = make(qtbot, ("blob", "thing"))
    assert not question.isModal()
    assert not question.go_button.isEnabled()
    question.choices["blob"].setCurrentText("left out")
    assert not question.go_button.isEnabled()
    question.choices["thing"].setCurrentText("left atrium")
    assert question.go_button.isEnabled()


def test_answers_come_with_those_that_were_given_before(qtbot) -> None:
    question = make(qtbot, ("blob",), {"wall": "left ventricular myocardium"})
    question.choices["blob"].setCurrentText("left ventricular cavity")
    with qtbot.waitSignal(question.answered) as answered:
        question.go_button.click()
    assert answered.args == [
        Path("folder"), {"wall": "left ventricular myocardium", "blob": "left ventricular cavity"},
    ]  # fmt: skip


def test_every_answer_is_one_that_the_engine_takes(qtbot) -> None:
    from matae.exchange.naming import read_answers

    question = make(qtbot, ("blob",))
    box = question.choices["blob"]
    values = [box.itemData(place) for place in range(box.count())]
    assert values[0] == ""
    for value in values[1:]:
        read_answers([f"blob={value}"])  # raises where it is none

"""Verdicts of runs that are over: the last one is there again, any other is one choice away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from matae.learn import RetrainOptions
from matae.learn.events import Started, Step, Validation, dump_event
from matae.learn.folders import VERDICT, runs_home
from matae.learn.plan import Plan, code_of
from matae.learn.worker import EVENTS
from matae.store import Study
from napari_matae.background.connections import end_owned
from napari_matae.learn.retrain_panel import RetrainPanel

from ..verdict.verdict_makers import verdict

pytestmark = pytest.mark.gui

WAIT = 600_000  # for a busy machine; nothing is measured by it


def keep(study: Study, name: str, *, gain: float, second: int) -> Path:
    """Leave a run as a worker leaves it that has judged its model."""
    folder = runs_home() / name
    Plan(RetrainOptions(base="tiny", name=name), code_of(study), steps=4).write(folder)
    said = [Started(name, "tiny", "quick", "CPU", 4, 60.0, 0, 12, 4, 9, 3, 0)]
    said += [Validation(0, None, 0.5, {"1": 0.5}, {"1": 0.4}), Step(4, 4, 1.0, 0.3, 1.0, 0.0, 200.0, 8)]
    said += [Validation(4, 0.3, 1.0, {"1": 0.75}, {"1": 0.625}, best=4)]
    (folder / EVENTS).write_text("".join(f"{dump_event(event)}\n" for event in said))
    (folder / VERDICT).write_text(json.dumps(verdict(name, gain=gain).to_json()))
    os.utime(folder / VERDICT, (second, second))
    return folder


@pytest.fixture
def make_box(make_workspace, qtbot):
    """Return a maker of the section, on a study that is open and was looked at."""
    made = []

    def make(target: str) -> RetrainPanel:
        box = RetrainPanel(make_workspace(target))
        made.append(box)
        qtbot.addWidget(box)
        box.resize(330, 900)
        box.show()
        qtbot.waitUntil(lambda: box.is_current, timeout=WAIT)
        return box

    yield make
    for box in made:
        end_owned(box)


def test_a_study_that_never_learnt_has_none(make_box, tmp_path):
    Study.create(tmp_path / "study.sqlite").close()
    box = make_box("study.sqlite")
    assert box.earlier.isHidden()
    assert box.verdict.isHidden()
    assert box.choices.isVisible()


def test_the_last_verdict_is_there_again_and_any_other_can_be(make_box, qtbot, tmp_path, tiny_model):
    with Study.create(tmp_path / "study.sqlite") as study:
        keep(study, "late", gain=-0.05, second=200_000)
        early = keep(study, "early", gain=0.05, second=100_000)
        keep(study, "same", gain=-0.001, second=50_000)
    box = make_box("study.sqlite")
    assert box.verdict.verdict.name == "late"
    assert box.verdict.isVisible()
    assert box.choices.isHidden()
    assert "late was trained and judged on 1970-01-0" in box.outcome.text()
    assert [box.earlier.choice.itemText(i)[:7] for i in range(3)] == ["✗ late,", "✓ early", "≈ same,"]
    assert box.earlier.choice.currentIndex() == 0
    box.view.curves.redraw()
    assert box.view.curves.drawn("dice", "1") == [(0, 0.5), (4, 0.75)]
    assert "its batch statistics adapted → step 4" in box.view.scores.text()
    assert box.view.stop_button.isHidden()
    box.earlier.choice.activated.emit(1)
    qtbot.waitUntil(lambda: box.verdict.verdict.name == "early", timeout=WAIT)
    assert box.earlier.choice.currentIndex() == 1
    # Put away, it stays so, and can be had again.
    box.again_button.click()
    qtbot.waitUntil(lambda: box.is_current, timeout=WAIT)
    assert box.choices.isVisible()
    assert box.verdict.isHidden()
    assert (box.earlier.isVisible(), box.earlier.choice.currentIndex()) == (True, -1)
    # One that was damaged meanwhile is a sentence, and what is on show stays.
    (early / VERDICT).write_text("{")
    box.earlier.choice.activated.emit(1)
    qtbot.waitUntil(lambda: "The verdict of the run early is gone or damaged" in box.words.text(), timeout=WAIT)
    assert box.choices.isVisible()
    assert box.earlier.choice.currentIndex() == -1
    # It goes once another is open.
    box.earlier.choice.activated.emit(0)
    qtbot.waitUntil(box.verdict.isVisible, timeout=WAIT)
    assert box.words.isHidden()


def test_another_study_has_other_verdicts_and_a_deleted_run_none(make_box, qtbot, tmp_path, tiny_model):
    with Study.create(tmp_path / "study.sqlite") as study:
        folder = keep(study, "made", gain=0.05, second=100_000)
    Study.create(tmp_path / "other.sqlite").close()
    box = make_box("study.sqlite")
    assert box.verdict.verdict.name == "made"
    link = box._workspace.link
    link.open(str(tmp_path / "other.sqlite"), "anna")
    qtbot.waitUntil(lambda: bool(link.connection.name) and box.is_current, timeout=WAIT)
    assert box.verdict.verdict is None
    assert box.choices.isVisible()
    assert box.earlier.isHidden()
    link.open(str(tmp_path / "study.sqlite"), "anna")
    qtbot.waitUntil(lambda: box.verdict.isVisible() and box.verdict.verdict.name == "made", timeout=WAIT)
    shutil.rmtree(folder)
    box.refresh()
    qtbot.waitUntil(lambda: box.is_current and box.choices.isVisible(), timeout=WAIT)
    assert box.verdict.verdict is None
    assert box.earlier.isHidden()

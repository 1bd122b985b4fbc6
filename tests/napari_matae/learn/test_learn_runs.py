"""Retraining from the dock, a tiny network in a process of its own: to the verdict, stopped, closed, gone wrong."""

from __future__ import annotations

import os

import pytest
from napari.components import ViewerModel

from matae.learn import unfinished_runs
from matae.learn.events import Stage, Started, Step, Stopping, Validation
from matae.learn.worker import EVENTS
from matae.models import current_model, list_models
from matae.store import Study
from napari_matae.dock import MataeDock

from .retrain_makers import BASE, WAIT, add_base, clinic

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clinic")
    return clinic(folder / "study.sqlite", folder / "clips").read_bytes()


@pytest.fixture
def make_dock(qtbot, own_home, tmp_path, filled):
    """Return a maker of docks on the toy clinic, the Learn step ready to learn."""
    made = []
    add_base(own_home)
    (tmp_path / "study.sqlite").write_bytes(filled)

    def make() -> MataeDock:
        dock = MataeDock(ViewerModel())
        made.append(dock)
        qtbot.addWidget(dock)
        dock.resize(400, 900)
        dock.show()
        dock.steps.setCurrentIndex(4)
        box = dock.learn_panel.retrain
        box.choices.base.setCurrentText(BASE)
        box.choices.replay.setCurrentIndex(box.choices.replay.findData("none"))
        box.choices.device.setCurrentText("cpu")
        qtbot.waitUntil(lambda: box.is_current and not dock.is_probing, timeout=WAIT)
        return dock

    yield make
    for dock in made:
        dock.close_down()


def watch(box) -> list:
    seen = []
    box.follow.happened.connect(seen.append)
    return seen


def test_from_corrections_to_a_verdict_to_the_segment_step(make_dock, qtbot):
    dock = make_dock()
    box = dock.learn_panel.retrain
    assert dock.segment_panel.model.currentText() == BASE
    seen = watch(box)
    box.choices.steps.setValue(50)
    box.choices.name.setText("mine")
    qtbot.waitUntil(lambda: box.is_current and box.learn_button.isEnabled(), timeout=WAIT)
    with qtbot.waitSignal(box.follow.ended, timeout=WAIT) as ended:
        box.learn_button.click()
        assert box.choices.isHidden()
        assert box.view.stage.text() == "Starting…"
        assert box.view.stop_button.isVisible()
    (run,) = ended.args
    assert run.failed is None, run.failed
    verdict, folder = run.verdict, run.folder
    assert verdict.name == "mine"
    assert (folder / "verdict.json").is_file()
    assert box.verdict.verdict is verdict
    assert "mine is trained and judged." in box.outcome.text()
    started = next(event for event in seen if isinstance(event, Started))
    assert (started.kind, started.n_frames, started.n_held_out_frames) == ("quick", 12, 9)
    curves, checks = box.view.curves, [event for event in seen if isinstance(event, Validation)]
    curves.redraw()
    assert curves.widths == ["1", "1/2"]
    for width in curves.widths:
        assert curves.drawn("dice", width) == [(check.step, check.dice[width]) for check in checks]
        assert curves.base_of("iou", width) == checks[0].iou[width]
    assert checks[0].step == 0
    assert len(curves.losses) > 1
    qtbot.waitUntil(lambda: box.is_current, timeout=WAIT)
    assert box.unfinished.isHidden()
    # Into use from the verdict: the Segment step takes it from then on, and goes back with it.
    assert verdict.offered, verdict.sentence
    box.verdict.use_button.click()
    qtbot.waitUntil(lambda: dock.segment_panel.model.currentText() == "mine", timeout=WAIT)
    assert current_model() == dock.segment_panel.options.model == "mine"
    box.verdict.back_button.click()
    qtbot.waitUntil(lambda: dock.segment_panel.model.currentText() == BASE, timeout=WAIT)
    box.again_button.click()
    assert not box.choices.isHidden()
    assert box.verdict.isHidden()
    assert box.verdict.verdict is None
    # A dock that is opened later shows the last verdict by itself.
    dock.close_down()

    box = make_dock().learn_panel.retrain
    assert box.verdict.verdict == verdict
    assert box.verdict.isVisible()
    assert box.choices.isHidden()
    assert "mine was trained and judged on 20" in box.outcome.text()
    box.view.curves.redraw()
    for width in curves.widths:
        assert box.view.curves.drawn("dice", width) == curves.drawn("dice", width)
    assert box.view.stop_button.isHidden()


def test_a_closed_dock_leaves_a_run_that_goes_on_and_a_stop_keeps_the_best(make_dock, qtbot, tmp_path):
    dock = make_dock()
    box = dock.learn_panel.retrain
    seen = watch(box)
    box.choices.steps.setValue(200)
    box.choices.name.setText("kept")
    qtbot.waitUntil(lambda: box.is_current and box.learn_button.isEnabled(), timeout=WAIT)
    box.learn_button.click()
    qtbot.waitUntil(lambda: sum(isinstance(event, Validation) for event in seen) == 2, timeout=WAIT)
    before = [event for event in seen if isinstance(event, Validation)]
    dock.close_down()
    with Study.open(tmp_path / "study.sqlite") as study:
        (info,) = unfinished_runs(study)
    assert (info.name, info.under_way) == ("kept", False)

    dock = make_dock()
    box = dock.learn_panel.retrain
    seen = watch(box)
    (row,) = box.unfinished.rows
    row.go_on_button.click()
    assert box.unfinished.isHidden()
    # What came before the pause is on the curves again; then it goes on where it was.
    qtbot.waitUntil(lambda: sum(isinstance(event, Started) for event in seen) == 2, timeout=WAIT)
    at = [event for event in seen if isinstance(event, Started)][-1].step
    assert at == before[-1].step > 0
    box.view.curves.redraw()
    assert box.view.curves.drawn("dice", "1")[:2] == [(check.step, check.dice["1"]) for check in before]
    qtbot.waitUntil(lambda: isinstance(seen[-1], Step) and seen[-1].step > at, timeout=WAIT)
    box.view.stop_button.click()
    assert box.view.stage.text().startswith("Stopping…")
    qtbot.waitUntil(lambda: any(isinstance(event, Stopping) for event in seen), timeout=WAIT)
    # In the midst of its steps; within how many seconds is held with the engine, where a busy computer is told apart.
    assert Stage("judging") not in seen[: seen.index(Stopping())]
    with qtbot.waitSignal(box.follow.ended, timeout=WAIT) as ended:
        pass
    (run,) = ended.args
    assert run.failed is None, run.failed
    assert run.verdict.name == "kept"
    assert "Stopped at step" in box.view.notices.text()
    assert "kept" in {entry.name for entry in list_models()}


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody delete what is open")
def test_a_run_whose_events_vanish_is_put_aside(make_dock, qtbot):
    dock = make_dock()
    box = dock.learn_panel.retrain
    seen = watch(box)
    box.choices.steps.setValue(1_000_000)
    qtbot.waitUntil(lambda: box.is_current and box.learn_button.isEnabled(), timeout=WAIT)
    box.learn_button.click()
    qtbot.waitUntil(lambda: bool(seen), timeout=WAIT)
    folder = box.follow.run.folder
    with qtbot.waitSignal(box.failed, timeout=WAIT) as failed:
        (folder / EVENTS).unlink()
    assert failed.args[0] == box.words.text()
    assert f"{folder}, cannot be read any more (No such file or directory), so the run was put aside" in failed.args[0]
    assert not box.follow.is_busy
    assert not box.choices.isHidden()
    # Its process is gone; as the rest of the folder is still there, it can go on.
    qtbot.waitUntil(lambda: box.is_current, timeout=WAIT)
    (row,) = box.unfinished.rows
    assert row.go_on_button.isEnabled()


def test_a_run_that_fails_says_why_and_is_not_offered_again(make_dock, qtbot, tmp_path):
    (tmp_path / "empty").mkdir()
    dock = make_dock()
    box = dock.learn_panel.retrain
    box.choices.replay.setCurrentIndex(box.choices.replay.findData("folder"))
    box.choices.folder.setText(str(tmp_path / "empty"))
    qtbot.waitUntil(lambda: box.is_current and box.learn_button.isEnabled(), timeout=WAIT)
    with qtbot.waitSignal(box.failed, timeout=WAIT) as failed:
        box.learn_button.click()
    assert failed.args[0] == box.words.text()
    assert "empty" in failed.args[0]
    assert not box.choices.isHidden()
    qtbot.waitUntil(lambda: box.is_current, timeout=WAIT)
    assert box.unfinished.isHidden()
    assert box.learn_button.isEnabled()

"""The Retrain section without a run: what it asks, when it refuses, what it offers to go on with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matae.learn import KINDS, RetrainOptions, unfinished_runs
from matae.learn.events import Notice, Stage, Started, Step, Stopped, Validation
from matae.learn.folders import new_run_folder
from matae.learn.plan import new_plan
from matae.learn.run_lock import claim
from matae.store import Study
from napari_matae.background.connections import end_owned
from napari_matae.learn.retrain_form import RetrainForm, bases
from napari_matae.learn.retrain_panel import RetrainPanel
from napari_matae.learn.run_curves import RunCurves
from napari_matae.learn.run_view import RunView

from .retrain_makers import BASE, WAIT, add_base, clinic

pytestmark = pytest.mark.gui


@pytest.fixture
def make_box(make_workspace, qtbot):
    """Return a maker of the section, on a study that is open and was looked at."""
    made = []

    def make(target: str | None = "study.sqlite") -> RetrainPanel:
        box = RetrainPanel(make_workspace(target))
        made.append(box)
        qtbot.addWidget(box)
        if target is not None:
            with qtbot.waitSignal(box.looked, timeout=WAIT):
                box.show()
        return box

    yield make
    for box in made:
        end_owned(box)


def looked(qtbot, box: RetrainPanel, options: RetrainOptions | None = None) -> str:
    """Wait until the sentence says how things are with the choices as they are now."""
    box.refresh()
    qtbot.waitUntil(lambda: box.is_current, timeout=WAIT)
    return box.sentence.text()


def test_without_a_study_it_says_where_to_choose_one(make_box):
    box = make_box(None)
    box.show()
    assert "choose one or begin a new one in step 1" in box.sentence.text()
    assert not box.learn_button.isEnabled()
    assert box.unfinished.isHidden()
    box.learn()  # not even so
    assert "choose one or begin a new one" in box.words.text()
    assert not box.follow.is_busy


def test_too_little_is_refused_with_what_to_do_and_nothing_is_drawn(make_box, qtbot, tmp_path, own_home):
    add_base(own_home)
    target = clinic(tmp_path / "study.sqlite", tmp_path / "clips", {})
    box = make_box()
    assert "There are 0 corrected frames of training patients; correct or accept at least 8" in box.sentence.text()
    assert not box.learn_button.isEnabled()
    with Study.open(target, rater="anna") as study:
        # A look fixes no sides: a data set that states its own can still come in.
        from learn_makers import add_clip, correct

        for name in range(4):
            correct(study, *add_clip(study, tmp_path / "clips", f"patient {name}"))
    said = looked(qtbot, box)
    assert "frames" in said
    with Study.open(target) as study:
        assert study.splits() == {}


def test_enough_is_said_in_numbers(make_box, qtbot, tmp_path, own_home):
    add_base(own_home)
    clinic(tmp_path / "study.sqlite", tmp_path / "clips")
    box = make_box()
    assert "12 corrected frames of 4 patients to learn from" in box.sentence.text()
    assert "9 corrected frames of 3 held-out patients to judge by" in box.sentence.text()
    assert box.learn_button.isEnabled()
    box.choices.accepted_only.click()
    assert "There are 4 corrected frames" in looked(qtbot, box)
    assert not box.learn_button.isEnabled()
    box.choices.accepted_only.click()
    box.choices.name.setText(BASE)
    assert f"There is a model '{BASE}' already" in looked(qtbot, box)


def test_choices_are_those_of_the_command_line(qtbot, own_home, tmp_path):
    add_base(own_home)
    choices = RetrainForm()
    qtbot.addWidget(choices)
    assert choices.options == RetrainOptions()
    assert list(choices.kinds) == list(KINDS)
    assert [choices.base.itemText(place) for place in range(choices.base.count())] == bases()
    assert {"matae-lv", BASE} <= set(bases())
    choices.kinds["full"].click()
    choices.seconds.setValue(300)
    choices.seed.setValue(7)
    choices.steps.setValue(30)
    choices.device.setCurrentText("cpu")
    choices.name.setText("site-a")
    choices.base.setCurrentText(BASE)
    choices.replay.setCurrentIndex(choices.replay.findData("none"))
    assert choices.folder.isHidden()
    assert choices.options == RetrainOptions(
        base=BASE, kind="full", seconds=300.0, steps=30, replay="none", device="cpu", seed=7, name="site-a"
    )
    choices.replay.setCurrentIndex(choices.replay.findData("folder"))
    assert not choices.folder.isHidden()
    assert choices.problem == "Choose a folder of labelled frames to mix in, or mix in nothing."
    choices.folder.setText(str(tmp_path))
    assert choices.problem == ""
    assert choices.options.replay == str(tmp_path)


def test_a_retrained_model_is_no_base(own_home):
    from matae.models import find_model, rewrite_card

    add_base(own_home)
    card = find_model(BASE).card
    rewrite_card(BASE, replace(card, training={"retrain": {"base": "matae-lv"}}))
    (own_home / "models" / "broken").mkdir()
    (own_home / "models" / "broken" / "card.json").write_text("{")
    assert BASE not in bases()
    assert "broken" not in bases()


def test_an_unfinished_run_is_discarded_when_somebody_insists(make_box, qtbot, tmp_path, own_home):
    add_base(own_home)
    with Study.open(clinic(tmp_path / "study.sqlite", tmp_path / "clips")) as study:
        plan = new_plan(study, RetrainOptions(base=BASE))
    folder = new_run_folder()
    plan.write(folder)
    with claim(folder):
        box = make_box()
        (row,) = box.unfinished.rows
        assert f"{BASE}-quick-1 is being trained in another window" in row.words.text()
        assert not row.go_on_button.isEnabled()
        assert not row.discard_button.isEnabled()
    looked(qtbot, box)
    (row,) = box.unfinished.rows
    assert f"{BASE}-quick-1 is unfinished, begun on " in row.words.text()
    row.discard_button.click()
    assert row.discard_button.text() == "Really discard?"
    assert folder.is_dir()
    row.discard_button.click()
    qtbot.waitUntil(box.unfinished.isHidden, timeout=WAIT)
    assert not folder.exists()
    with Study.open(tmp_path / "study.sqlite") as study:
        assert unfinished_runs(study) == []


STARTED = Started("new", "old", "full", "CPU (2 threads)", 40, 60.0, 0, 12, 4, 9, 3, 10)


def test_curves_have_axes_once_they_are_seen(qtbot):
    curves = RunCurves()
    qtbot.addWidget(curves)
    curves.set_steps(40)
    assert not curves.ci.items
    curves.show()
    assert len(curves.ci.items) == 3
    assert curves._plots[-1].viewRange()[0][1] == pytest.approx(40, rel=0.05)


def test_curves_begin_empty_and_forget_what_is_taken_again(qtbot):
    curves = RunCurves()
    qtbot.addWidget(curves)
    curves.redraw()
    assert curves.widths == []
    for step in (0, 5, 10):
        score = {"1/2": 0.5 + step / 100, "1": 0.6 + step / 100}
        curves.add_validation(Validation(step, None, 1.0, score, score, best=step))
    for step in range(1, 11):
        curves.add_step(Step(step, 40, 0.1, 1 / step, 1.0, 3.0, 200.0, 8))
    curves.add_step(Step(11, 40, 0.1, None, 1.0, 3.0, 200.0, 8))  # a loss that is no number
    assert curves.widths == ["1", "1/2"]
    curves.redraw()
    assert curves.base_of("dice", "1") == 0.6
    assert curves.drawn("dice", "1") == [(0, 0.6), (5, 0.65), (10, 0.7)]
    assert len(curves.losses) == 10
    curves.forget_after(5)
    curves.redraw()
    assert curves.drawn("iou", "1/2") == [(0, 0.5), (5, 0.55)]
    assert curves.losses[-1] == (5, 0.2)
    for step in range(5000):
        curves.add_step(Step(step, 5000, 0.1, 1.0, 1.0, 3.0, 200.0, 8))
    assert len(curves.losses) <= 2000
    curves.clear_all()
    assert curves.widths == []


def test_a_run_in_plain_words(qtbot):
    view = RunView()
    qtbot.addWidget(view)
    view.begin()
    assert view.stage.text() == "Starting…"
    view.add_event(Stage("reading", 3, 12))
    assert view.stage.text() == "Reading the corrected clips: 3 of 12"
    view.add_event(Stage("training"))
    view.add_event(STARTED)
    assert "new: 12 frames of 4 patients, 10 others mixed in; checked on 9 frames of 3 held-out" in view.title.text()
    view.add_event(replace(STARTED, n_checked=8))
    assert "; checked on 8 of 9 frames of 3 held-out patients." in view.title.text()
    view.add_event(replace(STARTED, n_checked=9))
    assert "; checked on 9 frames of 3 held-out patients." in view.title.text()
    base = Validation(0, None, 0.5, {"1/2": 0.5, "1": 0.6}, {"1/2": 0.4, "1": 0.5})
    view.add_event(base)
    assert "nothing better yet" in view.scores.text()
    view.add_event(Step(4, 40, 1.25, 0.3456, 12.0, 100.0, 812.4, 8))
    assert view.stage.text() == "Learning: step 4 of 40, about 2 min left"
    for words in ("Epoch&nbsp;<b>1.2", "12&nbsp;s", "812&nbsp;MB", "CPU&nbsp;(2&nbsp;threads)"):
        assert words in view.numbers.text()
    view.add_event(Step(5, 40, 1.5, None, 120.0, 0.2, None, 4))
    assert "almost done" in view.stage.text()
    assert "2.0&nbsp;min" in view.numbers.text()
    view.add_event(Validation(5, 0.3, 13.0, {"1/2": 0.7, "1": 0.8}, {"1/2": 0.6, "1": 0.7}, best=5))
    view.add_event(Validation(10, 0.2, 20.0, {"1/2": 0.6, "1": 0.75}, {"1/2": 0.5, "1": 0.6}, best=5))
    assert "step 5" in view.scores.text()
    assert "0.600 → <b>0.800</b>" in view.scores.text()
    view.add_event(Notice("Memory ran out; going on with 4 frames at a time."))
    view.add_event(Notice("Memory ran out; going on with 4 frames at a time."))
    assert view.notices.text() == "• Memory ran out; going on with 4 frames at a time."
    with qtbot.waitSignal(view.stop_wanted):
        view.stop_button.click()
    assert not view.stop_button.isEnabled()
    view.add_event(Step(11, 40, 1.5, 0.2, 120.0, 0.2, 800.0, 4))
    assert view.stage.text().startswith("Stopping…")
    view.add_event(Stopped(11, 5))
    assert "Stopped at step 11; kept and judged: step 5." in view.notices.text()
    view.add_event(Stage("judging", 1, 7))
    assert view.stage.text().endswith("clip by clip: 1 of 7")
    assert not view.was_put_aside
    assert view.stop_button.text() == "Put aside"
    view.stop_button.click()
    assert view.was_put_aside
    assert view.stage.text() == "Putting it aside…"
    view.end()
    assert view.bar.isHidden()
    assert not view.scores.isHidden()

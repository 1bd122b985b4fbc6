"""The models on this machine: which is in use, comparing any two, and forgetting a patient."""

from __future__ import annotations

from dataclasses import replace

import pytest
from qtpy.QtWidgets import QMessageBox

from matae.models import current_model, find_model, list_models, promote, rewrite_card
from matae.read import open_cine
from matae.store import Study
from napari_matae.background.connections import end_owned
from napari_matae.learn.models_panel import ModelsPanel
from napari_matae.models.tasks import SubjectFacts, what_goes
from napari_matae.segment.panel import SegmentPanel

from ..verdict.verdict_makers import fill, second_model

pytestmark = pytest.mark.gui

WAIT = 600_000  # for a busy machine; nothing is measured by it


@pytest.fixture
def box(make_workspace, qtbot):
    """Return a maker of boxes that have listed the models; without a study if not told otherwise."""
    made = []

    def make(target=None) -> ModelsPanel:
        workspace = make_workspace(target)
        if target is not None:
            qtbot.waitUntil(lambda: bool(workspace.link.connection.name), timeout=WAIT)
        widget = ModelsPanel(workspace)
        made.append(widget)
        qtbot.addWidget(widget)
        widget.resize(320, 700)
        with qtbot.waitSignal(widget.listed, timeout=WAIT):
            widget.show()
        return widget

    yield make
    for widget in made:
        end_owned(widget)


def rows(box) -> list[list[str]]:
    items = [box.list.topLevelItem(place) for place in range(box.list.topLevelItemCount())]
    return [[item.text(column) for column in range(4)] for item in items]


def listed(qtbot, box) -> None:
    with qtbot.waitSignal(box.listed, timeout=WAIT):
        box.refresh()


def answer(qtbot, owner, words: str) -> QMessageBox:
    """Wait for a question, and click the button that says so."""
    qtbot.waitUntil(lambda: owner.question is not None, timeout=WAIT)
    question = owner.question
    next(button for button in question.buttons() if button.text() == words).click()
    return question


def learnt_from(study: Study, name: str, *subjects: str) -> None:
    """Let a model's card say that it learnt from these subjects."""
    card = find_model(name).card
    facts = {"study": study.keyed("study"), "subjects": [study.keyed(subject) for subject in subjects]}
    facts["options"] = {"base": "tiny", "kind": "full", "replay": "none", "device": "cpu"}
    retrain = card.training["retrain"] | facts
    rewrite_card(name, replace(card, training=card.training | {"retrain": retrain, "steps": 2}))


def chosen_subject(qtbot, box, subject: str):
    box.sections["forget"].set_open(True)
    form = box.forget
    qtbot.waitUntil(lambda: form.subject.count() > 1, timeout=WAIT)
    form.choose(subject)
    qtbot.waitUntil(lambda: form.facts is not None, timeout=WAIT)
    return form


def test_only_the_models_of_the_package(box):
    widget = box()
    assert rows(widget)[0] == ["● matae-apical", "package", "–", "–"]
    assert not widget.use_button.isEnabled()
    assert not widget.back_button.isEnabled()
    assert "nothing to go back to" in widget.back_button.toolTip()
    assert "Came with the package" in widget.about.text()


def test_without_a_study_compare_and_forget_say_where_to_choose_one(box, qtbot):
    widget = box()
    widget.compare.compare()
    assert "choose one or begin a new one in step 1" in widget.compare.words.text()
    assert not widget.compare.job.is_running
    widget.sections["forget"].set_open(True)
    assert "No study is open" in widget.forget.words.text()
    assert not widget.forget.button.isEnabled()


def test_a_broken_model_is_said_and_going_back_works(box, qtbot, tiny_model, tmp_path):
    second_model(tmp_path, offered=True)
    promote("tiny", anyway=True)
    promote("second", anyway=True)
    (find_model("second").folder / "model.safetensors").write_bytes(b"broken")
    (find_model("tiny").folder / "more").mkdir()
    widget = box()
    assert rows(widget)[0][:2] == ["● second", "broken"]
    widget.list.choose("second")
    assert "not those its card was written for" in widget.about.text()
    widget.card_button.click()
    assert widget.card.files.text().startswith("⚠ The weights of second")
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        widget.back_button.click()
    assert current_model() == "tiny"
    qtbot.waitUntil(lambda: rows(widget)[0][0] == "● tiny", timeout=WAIT)
    assert "tiny is in use again" in widget.words.text()
    widget.list.choose("second")
    assert not widget.use_button.isEnabled()


@pytest.mark.parametrize("harm", ["card", "folder"])
def test_a_model_in_use_that_cannot_even_be_read(box, qtbot, tiny_model, tmp_path, harm):
    second_model(tmp_path, offered=True)
    promote("second", anyway=True)
    folder = find_model("second").folder
    if harm == "folder":
        folder.rename(folder.with_name(".gone"))
    else:
        (folder / "card.json").write_text("{")
    widget = box()
    assert rows(widget)[0][:2] == ["● second", "broken"]
    assert "second" not in [widget.compare.before.itemText(i) for i in range(widget.compare.before.count())]
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        widget.back_button.click()
    assert current_model() == "matae-apical"


def test_using_a_model_changes_what_is_segmented_with(box, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path, offered=True, study=tmp_path / "study.sqlite", against="matae-apical")
    widget = box("study.sqlite")
    panel = SegmentPanel(widget._workspace.session)
    qtbot.addWidget(panel)
    widget._workspace.model_changed.connect(panel.list_models)
    assert panel.options.model == "matae-apical"
    widget.list.choose("second")
    assert ["second", "quick", "0.875"] in [row[:3] for row in rows(widget)]
    assert "from tiny on the labels of release retrain 3" in widget.about.text()
    assert "BSD-3-Clause" in widget.about.text()
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        widget.use_button.click()
    assert current_model() == panel.options.model == "second"
    widget._workspace.model_changed.disconnect(panel.list_models)
    end_owned(panel)


def test_a_verdict_that_no_study_vouches_for_is_asked_about(box, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path, offered=True, study=tmp_path / "study.sqlite", against="matae-apical")
    second_model(tmp_path, "typed", offered=True)
    widget = box()
    for name, why in (("second", "Only the study that gave its verdict"), ("typed", "Its verdict has no seal")):
        widget.list.choose(name)
        widget.use_button.click()
        question = answer(qtbot, widget, "Leave it")
        assert question.informativeText().startswith(why)
    assert current_model() == "matae-apical"


def test_what_no_verdict_offers_is_asked_about(box, qtbot, tiny_model, tmp_path):
    second_model(tmp_path, offered=False)
    widget = box()
    widget.list.choose("second")
    assert "Verdict: Worse on most hearts." in widget.about.text()
    widget.use_button.click()
    question = answer(qtbot, widget, "Leave it")
    assert "Worse on most hearts." in question.informativeText()
    qtbot.waitUntil(lambda: widget.question is None, timeout=WAIT)
    assert current_model() == "matae-apical"
    widget.use_button.click()
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        answer(qtbot, widget, "Use all the same")
    assert current_model() == "second"
    qtbot.waitUntil(lambda: rows(widget)[0][0] == "● second", timeout=WAIT)


def test_the_card_is_shown_whole(box, tiny_model, tmp_path):
    second_model(tmp_path)
    widget = box()
    widget.list.choose("second")
    widget.card_button.click()
    text = widget.card.text.toPlainText()
    assert find_model("second").card.sha256 in text
    assert "parent    tiny" in text
    assert "Research use only" in text or "research" in text.lower()
    assert widget.card.files.text().startswith("✓")
    assert "release retrain 3" in widget.card.release.text()
    widget.card.close()
    assert widget.card is None


def test_a_model_is_compared_with_itself_on_any_side(box, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    widget = box("study.sqlite")
    form = widget.compare
    for combo in (form.before, form.after):
        combo.setCurrentText("tiny")
    form.side.setCurrentIndex(form.side.findData("test"))
    with qtbot.waitSignal(form.compared, timeout=WAIT) as done:
        form.button.click()
        assert not form.button.isEnabled()
    found = done.args[0]
    assert (found.held_out.sides, found.held_out.n_frames, found.agreement.n_frames) == (("test",), 3, 0)
    assert found.held_out.figures["dice"].difference == 0
    assert form.words.text() == "No clear difference between tiny and tiny."
    view = form.window_.view
    assert view.use_button.isHidden()
    assert view.agreement.isHidden()
    qtbot.waitUntil(lambda: not view.is_drawing, timeout=WAIT)
    assert "nobody can say whether that is chance" in view.sentence.text()
    folder = form._folder.name
    form.window_.close()
    assert form.window_ is None
    # Cancel answers, and leaves nothing.
    form.side.setCurrentIndex(form.side.findData("train"))
    form.compare()
    form.bar.cancel_button.click()
    with qtbot.waitSignal(form.job.stopped, timeout=WAIT) as stopped:
        pass
    assert stopped.args[0] == form.words.text() == "Stopped; nothing was compared and nothing was changed."
    assert folder != form._folder.name


def test_a_side_without_corrections_is_refused_in_a_sentence(box, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips", {"P1": "train"})
    widget = box("study.sqlite")
    with qtbot.waitSignal(widget.compare.job.failed, timeout=WAIT):
        widget.compare.compare()
    assert "No held-out patient has corrected frames" in widget.compare.words.text()


def test_nobody_to_forget(box, qtbot, tmp_path):
    Study.create(tmp_path / "study.sqlite").close()
    widget = box("study.sqlite")
    widget.sections["forget"].set_open(True)
    qtbot.waitUntil(lambda: "nobody to forget" in widget.forget.words.text(), timeout=WAIT)
    widget.forget.choose("nobody")
    qtbot.waitUntil(lambda: "There is no subject nobody" in widget.forget.words.text(), timeout=WAIT)
    assert not widget.forget.button.isEnabled()


def test_forgetting_shows_what_goes_asks_and_does_it(box, qtbot, tiny_model, tmp_path):
    clips = fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path)
    with Study.open(tmp_path / "study.sqlite") as study:
        learnt_from(study, "second", "P1", "P2")
        content_id = next(cine.content_id for cine in study.cines() if cine.subject == "P1")
        study.add_release("retrain", {content_id: [0, 1]}, {"kind": "retrain"})
    promote("second", anyway=True)
    assert what_goes(str(tmp_path / "study.sqlite"), "P4") == SubjectFacts(
        "P4", what_goes(str(tmp_path / "study.sqlite"), "P4").content_ids, 3, (), ()
    )
    widget = box("study.sqlite")
    form = chosen_subject(qtbot, widget, "P1")
    assert form.goes.text() == (
        "With P1 go 1 cine and 3 labelled frames, also out of retrain 1. Models that learnt from them: second."
    )
    # Not while a cine of theirs is on screen: what is drawn there would have nowhere to go.
    workspace = widget._workspace
    workspace.session.open(open_cine(clips["P1"]))
    qtbot.waitUntil(lambda: workspace.session.current.ready, timeout=WAIT)
    form.button.click()
    assert form.question is None
    assert "open another cine first" in form.words.text()
    workspace.session.open(open_cine(clips["P2"]))
    qtbot.waitUntil(lambda: workspace.session.current.ready, timeout=WAIT)
    form.again.setChecked(False)
    form.button.click()
    question = answer(qtbot, form, "Keep")
    for words in ("P1, 1 cine, 3 labelled frames", "retrain 1", "not replaced: second", "cannot be undone"):
        assert words in question.informativeText()
    qtbot.waitUntil(lambda: form.question is None, timeout=WAIT)
    assert [entry.name for entry in list_models() if not entry.bundled] == ["second", "tiny"]
    form.button.click()
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        answer(qtbot, form, "Forget P1")
    for words in (
        "Forgotten, with 1 cine.",
        "Removed: second. Retrain above",
        "The model in use has changed: second",
        "matae-apical is in use now.",
    ):
        assert words in form.words.text()
    assert current_model() == "matae-apical"
    with Study.open(tmp_path / "study.sqlite") as study:
        assert {cine.subject for cine in study.cines()} == {"P2", "P3", "P4"}
    qtbot.waitUntil(lambda: form.subject.count() == 4, timeout=WAIT)
    assert form.subject.findText("P1") < 0
    assert not form.button.isEnabled()
    qtbot.waitUntil(lambda: "second" not in [row[0] for row in rows(widget)], timeout=WAIT)


def test_too_few_are_left_to_train_anew(box, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path)
    with Study.open(tmp_path / "study.sqlite") as study:
        learnt_from(study, "second", "P1")
    widget = box("study.sqlite")
    form = chosen_subject(qtbot, widget, "P1")
    assert form.again.isChecked()  # as on the command line
    form.button.click()
    with qtbot.waitSignal(form.forgotten, timeout=WAIT):
        answer(qtbot, form, "Forget P1")
    assert "second was removed and not trained anew" in form.words.text()


def test_the_models_are_trained_anew_without_them(box, qtbot, tiny_model, tmp_path):
    sides = {"P1": "train", "P2": "train", "P3": "train", "P4": "train", "P5": "val"}
    fill(tmp_path / "study.sqlite", tmp_path / "clips", sides)
    second_model(tmp_path)
    with Study.open(tmp_path / "study.sqlite") as study:
        learnt_from(study, "second", "P1", "P2", "P3", "P4")
        left = {study.keyed(subject) for subject in ("P2", "P3", "P4")}
    widget = box("study.sqlite")
    form = chosen_subject(qtbot, widget, "P1")
    told = []
    form.job.progressed.connect(lambda progress: told.append(progress.what))
    form.button.click()
    with qtbot.waitSignal(form.forgotten, timeout=WAIT):
        answer(qtbot, form, "Forget P1")
    assert "second was trained anew: " in form.words.text()
    assert "Training second anew, step" in told
    assert set(find_model("second").card.training["retrain"]["subjects"]) == left

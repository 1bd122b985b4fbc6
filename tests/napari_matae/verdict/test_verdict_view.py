"""The verdict as a person sees it: both sides apart, what changed most, and what can be done about it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from matae.errors import StoreError
from matae.learn import compare_models
from matae.learn.blinded import WITHHELD
from matae.learn.paired import compare
from matae.models import current_model, find_model, promote
from matae.read import open_cine
from matae.store import Study
from napari_matae.background.connections import end_owned
from napari_matae.dock import MataeDock
from napari_matae.verdict.view import VerdictView
from napari_matae.verdict.wording import change, interval, leans_worse, mark, number, title

from ..test_desk_controls import style
from .verdict_makers import SIDES, empty_verdict, fill, second_model, verdict

pytestmark = pytest.mark.gui

WAIT = 600_000  # for a busy machine; nothing is measured by it


@pytest.fixture
def view(make_workspace, qtbot):
    """Return a maker of views, without a study if not told otherwise."""
    made = []

    def make(target=None, rater="anna", **choices) -> VerdictView:
        workspace = make_workspace(target, rater)
        if target is not None:
            qtbot.waitUntil(lambda: bool(workspace.link.connection.name), timeout=WAIT)
        widget = VerdictView(workspace, **choices)
        made.append(widget)
        qtbot.addWidget(widget)
        widget.resize(330, 900)
        widget.show()
        return widget

    yield make
    for widget in made:
        end_owned(widget)


def plain(label) -> str:
    return re.sub("<[^>]*>", "", label.text())


def drawn(qtbot, widget) -> None:
    qtbot.waitUntil(lambda: not widget.is_drawing, timeout=WAIT)


def test_figures_without_values_are_dashes():
    nothing = compare("hd95", [], [], [], unit="mm", higher_is_better=False)
    assert (number(nothing, nothing.before), change(nothing), interval(nothing), mark(nothing)) == ("–", "–", "–", "")
    one = compare("ef_error", [9.0], [8.0], ["a"], unit="percentage points", higher_is_better=False)
    assert (title(one), change(one), interval(one), mark(one)) == ("EF error (points)", "−1.0", "–", "better")
    same = compare("dice", [0.9, 0.9], [0.9, 0.90001], ["a", "b"])
    assert (change(same), mark(same)) == ("0.000", "")
    harmed = compare("dice 1/4", [0.9] * 5, [0.7, 0.75, 0.75, 0.75, 0.8], list("abcde"))
    assert (title(harmed), change(harmed), interval(harmed), mark(harmed)) == (
        "Dice, width 1/4", "−0.150", "−0.180 to −0.120", "worse",
    )  # fmt: skip
    two = compare("dice", [0.9, 0.9], [0.7, 0.8], ["a", "b"])
    assert (change(two), interval(two), leans_worse(two)) == ("−0.150", "−0.785 to +0.485", False)
    assert [leans_worse(figure) for figure in (nothing, one, same, harmed)] == [False, False, False, True]
    longer = compare("hd95", [5.0] * 5, [6.0, 9.0, 7.0, 7.0, 7.0], list("abcde"), unit="mm", higher_is_better=False)
    assert leans_worse(longer)


def test_before_there_is_a_verdict(view):
    widget = view()
    assert "No verdict yet" in widget.empty.text()
    assert widget.body.isHidden()
    widget.open_large()
    assert widget.window_ is None


def test_a_verdict_without_a_frame(view, qtbot, tiny_model):
    widget = view()
    widget.show_verdict(empty_verdict(), None)
    assert "Cannot be compared: not offered for use" in widget.headline.text()
    assert "None of its frames could be compared" in widget.held_out_says.text()
    assert widget.held_out.isHidden()
    assert widget.plot.isHidden()
    assert widget.narrow_section.isHidden()
    assert not widget.use_button.isEnabled()
    assert "No held-out frame could be compared" in widget.use_button.toolTip()
    assert widget.pictures.frames == []
    assert "not measured" in widget.guard.text()
    drawn(qtbot, widget)


def test_both_sides_stand_apart_with_interval_and_counts(view, qtbot, tiny_model):
    widget = view()
    shown = verdict()
    guard = compare("guard dice", [0.9, 0.9], [0.8, 0.8], ["x", "y"], tolerance=0.01)
    widget.show_verdict(replace(shown, guard=guard, guard_known=True), None)
    held = widget.held_out.rows["dice"]
    assert [held[key].text() for key in ("title", "before", "after")] == ["Dice", "0.800", "0.851"]
    assert "+0.051" in held["change"].text()
    assert plain(held["interval"]) == "+0.051 to +0.051"
    assert plain(held["n"]) == "n = 4, 2 patients"
    own = widget.agreement.rows["dice"]
    assert own["after"].text() == "0.901"
    assert plain(own["interval"]) == "–"  # one patient has no interval
    assert plain(own["n"]) == "n = 2, 1 patient"
    assert widget.held_out.rows["ef_error"]["before"].text() == "–"
    assert list(widget.held_out.rows) == ["dice", "iou", "pixel_accuracy", "hd95", "ef_error"]
    assert list(widget.narrower.rows) == ["dice 1/2"]
    assert "never learnt from" in widget.held_out_says.text()
    assert "4 frames of 2 patients" in widget.held_out_says.text()
    assert "2 frames of 1 patient" in widget.agreement_says.text()
    assert "less there would be to correct" in widget.agreement_says.text()
    assert "0.900 → 0.800" in widget.guard.text()
    assert "worse than chance allows" in widget.guard.text()
    assert "Too few timed corrections" in widget.minutes.text()
    assert "sign-flip test" in widget.test.text()
    assert widget.verdict.guard is guard
    drawn(qtbot, widget)


def test_without_a_study_every_picture_says_what_to_do(view, qtbot, tiny_model):
    widget = view()
    widget.show_verdict(verdict(gain=0.05), None)
    drawn(qtbot, widget)
    pictures = widget.pictures.thumbnails
    assert [len(pictures[name]) for name in ("improved", "harmed")] == [4, 0]
    assert {plain(thumb.picture) for thumb in pictures["improved"]} == {
        "Open the study it was made from to see this frame."
    }
    assert "patient aaaa-k ED, frame 1" in pictures["improved"][2].caption.text()


def test_pictures_of_a_real_comparison_and_a_clip_that_is_gone(view, qtbot, tiny_model, tmp_path):
    clips = fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path)
    with Study.open(tmp_path / "study.sqlite") as study:
        found = compare_models(study, "tiny", "second", device="cpu", folder=tmp_path)
    assert found.held_out.n_frames == 6
    clips["P4"].unlink()
    widget = view("study.sqlite")
    widget.show_verdict(found, tmp_path)
    drawn(qtbot, widget)
    shown = [thumb for row in widget.pictures.thumbnails.values() for thumb in row]
    assert shown
    for thumb in shown:
        if "P4" in thumb.caption.text():
            assert "not where it was" in thumb.picture.text()
        else:
            assert "P3" in thumb.caption.text()
            picture = thumb.picture.whole.toImage()
            middle = picture.height() // 2
            brightest = max(picture.pixelColor(x, middle).lightness() for x in range(picture.width()))
            assert brightest > 230  # your outline; the noise goes up to 200
    # Where the outlines are gone, that is said, and not that the clip is.
    widget.show_verdict(found, tmp_path / "clips")
    drawn(qtbot, widget)
    thumb = next(t for row in widget.pictures.thumbnails.values() for t in row if "P3" in t.caption.text())
    assert "compare the two models again" in thumb.picture.text()
    # The runs of a study go when a patient is forgotten: then nobody of it is shown any more.
    (tmp_path / "clips").rename(tmp_path / "gone")
    widget._workspace.model_changed.emit()
    assert widget.verdict is None
    assert widget.body.isHidden()


MORE_PATIENTS = SIDES | {"P5": "test", "P6": "test"}


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(("sides", "withheld"), [(SIDES, True), (MORE_PATIENTS, False)])
def test_what_others_read_blind_cannot_be_told_from_what_is_shown(view, qtbot, tmp_path, sides, withheld):
    fill(tmp_path / "study.sqlite", tmp_path / "clips", sides)  # anna read every clip
    second_model(tmp_path)
    with Study.open(tmp_path / "study.sqlite", rater="anna") as study:
        found = compare_models(study, "tiny", "second", device="cpu", folder=tmp_path)
        open_clip = found.held_out.frames[0].content_id
        study.adjudicate(open_clip, "anna")  # one reading counts: that clip is open to all
        study.set_blind(True)
    widget = view("study.sqlite", "bela")
    widget.show_verdict(found, tmp_path)
    # Nothing flashes up before the study has said who may see it.
    assert widget.plot.frames == ()
    assert not widget.held_out.isVisible()
    assert not widget.sentence.isVisible()
    drawn(qtbot, widget)
    expected = [frame for frame in found.held_out.frames if frame.content_id == open_clip]
    assert list(widget.plot.frames) == expected
    assert {frame.content_id for frame in widget.pictures.frames} <= {open_clip}
    hidden = len(found.held_out.frames) - len(expected)
    assert hidden
    assert f"{hidden} frames of clips that others read are not shown" in plain(widget.hidden_says)
    # The mean over one hidden clip and the frames that are shown would give the hidden one away.
    assert widget.held_out.isVisible() is not withheld
    assert (WITHHELD in plain(widget.sentence)) is withheld
    assert ("dice" in widget.held_out.rows) is not withheld
    assert ("Dice 0." in plain(widget.sentence)) is not withheld
    widget.open_large()
    drawn(qtbot, widget.window_.view)
    assert list(widget.window_.view.plot.frames) == expected
    assert widget.window_.view.held_out.isVisible() is not withheld


@pytest.mark.usefixtures("tiny_model")
def test_nothing_is_left_of_the_verdict_before_where_the_study_does_not_answer(view, qtbot, tmp_path, monkeypatch):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    widget = view("study.sqlite")
    widget.show_verdict(verdict(), None)
    drawn(qtbot, widget)
    assert "4 frames of 2 patients" in widget.held_out_says.text()

    def refuse(*_: object) -> None:
        raise StoreError("The study is gone; bring it back.")

    monkeypatch.setattr(Study, "hidden_from", refuse)
    widget.show_verdict(empty_verdict(), None)
    drawn(qtbot, widget)  # it is not waited for for ever
    assert widget.words.text() == "The study is gone; bring it back."
    for label in (widget.held_out_says, widget.agreement_says, widget.sentence):
        assert not label.isVisible()


def test_use_and_go_back_whatever_became_of_the_file(view, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path, offered=True, study=tmp_path / "study.sqlite")
    promote("tiny", anyway=True)
    widget = view("study.sqlite")
    widget.show_verdict(verdict(gain=-0.05), None)
    assert not widget.use_button.isEnabled()
    assert "Worse: not offered for use" in widget.headline.text()
    assert widget.use_button.toolTip() == "Worse: not offered for use."
    drawn(qtbot, widget)  # the figures in the reason are shown once it is known that they may be
    assert "significantly worse: Dice" in widget.use_button.toolTip()
    widget.show_verdict(verdict(), None)
    assert "Better: offered for use" in widget.headline.text()
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        widget.use_button.click()
        assert not widget.use_button.isEnabled()
    assert current_model() == "second"
    assert "second is in use now, tiny before" in widget.words.text()
    qtbot.waitUntil(lambda: not widget.in_use.is_busy, timeout=WAIT)
    assert not widget.use_button.isEnabled()
    assert widget.use_button.toolTip() == "second is in use."
    (find_model("second").folder / "model.safetensors").write_bytes(b"broken")
    assert widget.back_button.toolTip() == "Use tiny again."
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        widget.back_button.click()
    assert current_model() == "tiny"
    # A broken file is never put into use, and the button says so where it was clicked.
    qtbot.waitUntil(widget.use_button.isEnabled, timeout=WAIT)
    with qtbot.waitSignal(widget.in_use.said, timeout=WAIT) as said:
        widget.use_button.click()
    assert "import it again" in said.args[0]
    assert widget.words.text() == said.args[0]
    assert current_model() == "tiny"


def test_no_clear_difference_is_said_and_used_only_by_choice(view, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path, offered=False, outcome="no clear difference", study=tmp_path / "study.sqlite")
    promote("tiny", anyway=True)
    widget = view("study.sqlite")
    widget.show_verdict(verdict(gain=-0.001), None)
    assert plain(widget.headline) == "≈ No clear difference: may be used by choice"
    assert "Better" not in widget.headline.text() + widget.sentence.text()
    assert (widget.use_button.text(), widget.use_button.isEnabled()) == ("Use it all the same", True)
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        widget.use_button.click()
    assert current_model() == "second"
    qtbot.waitUntil(lambda: not widget.in_use.is_busy, timeout=WAIT)
    widget.show_verdict(verdict(), None)
    assert widget.use_button.text() == "Use this model"


def test_a_model_that_is_gone_is_not_offered(view, qtbot, tiny_model):
    widget = view()
    widget.show_verdict(verdict("never-there"), None)
    assert not widget.use_button.isEnabled()
    assert "There is no model 'never-there'" in widget.use_button.toolTip()


def test_the_window_shows_the_same_and_goes_with_the_verdict(view, qtbot, tiny_model, tmp_path):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    second_model(tmp_path, offered=True, study=tmp_path / "study.sqlite", against="matae-apical")
    widget = view("study.sqlite")
    widget.show_verdict(verdict(), None)
    widget.large_button.click()
    large = widget.window_.view
    drawn(qtbot, large)
    assert large.held_out.rows["dice"]["after"].text() == "0.851"
    assert large.large_button.isHidden()
    with qtbot.waitSignal(widget.changed, timeout=WAIT):
        large.use_button.click()
    assert not widget.use_button.isEnabled()  # the one in the dock heard of it
    widget.clear()
    assert widget.window_ is None
    assert widget.body.isHidden()


def test_a_point_names_its_frame_and_opens_it(qtbot, tiny_model, tmp_path, monkeypatch):
    fill(tmp_path / "study.sqlite", tmp_path / "clips")
    with Study.open(tmp_path / "study.sqlite") as study:
        found = compare_models(study, "tiny", "tiny", device="cpu")
        subjects = {cine.content_id: cine.subject for cine in study.cines()}
    monkeypatch.setenv("MATAE_STUDY", str(tmp_path / "study.sqlite"))
    dock = MataeDock(ViewerModel())
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: not dock.is_probing and bool(dock.workspace.link.connection.name), timeout=WAIT)
    widget = VerdictView(dock.workspace, comparison=True)
    qtbot.addWidget(widget)
    widget.resize(600, 1200)
    widget.show_verdict(found, None)
    widget.show()
    drawn(qtbot, widget)
    assert "No clear difference between tiny and tiny" in widget.headline.text()
    assert widget.use_button.isHidden()
    assert len(widget.plot.points.data) == 6
    frame = found.held_out.frames[-1]
    assert widget.plot._tip(0.5, 0.5, frame).startswith(f"{subjects[frame.content_id]} ES, frame 3")
    place = widget.plot.getPlotItem().vb.mapViewToScene(widget.plot.points.points()[-1].pos())
    qtbot.waitUntil(lambda: widget.plot.viewport().width() > 200, timeout=WAIT)
    pos = widget.plot.mapFromScene(place)
    with qtbot.waitSignal(dock.workspace.next_cine.arrived, timeout=WAIT):
        qtbot.mouseMove(widget.plot.viewport(), pos)
        qtbot.mouseClick(widget.plot.viewport(), Qt.MouseButton.LeftButton, pos=pos)
    assert dock.session.current.cine.content_id in subjects
    assert dock.session.frame in {0, 1, 2}
    np.testing.assert_array_equal([f.gain for f in found.held_out.frames], 0)
    end_owned(widget)
    dock.close_down()


def test_a_verdict_with_long_names_and_numbers_is_no_wider_than_the_narrowest_dock(tmp_path, view, qtbot):
    code = "P-67e31b4dc8da3b0f9a51c2de"  # what a clip without a patient is filed under
    clips = fill(tmp_path / "study.sqlite", tmp_path / "clips", {code: "test", f"{code}7": "test", f"{code}8": "test"})
    widget = view(tmp_path / "study.sqlite")
    widget.setStyleSheet(style("dark"))  # napari's buttons are wider than Qt's own
    widget.resize(350 - 37, 4000)
    worse = compare(
        "structure_hd95 left ventricular myocardium", [105.0] * 6, [215.4, 319.0, 380.0, 224.0, 330.5, 225.0],
        [f"P{number}" for number in range(6)], unit="px", higher_is_better=False,
    )  # fmt: skip
    found = verdict(contents=tuple(open_cine(path).content_id for path in clips.values()))
    figures = found.held_out.figures | {worse.name: replace(worse, worse=True)}
    widget.show_verdict(replace(found, held_out=replace(found.held_out, figures=figures)), None)
    qtbot.waitUntil(lambda: worse.name in widget.held_out.rows, timeout=WAIT)
    drawn(qtbot, widget)
    shots = [shot for row in widget.pictures.thumbnails.values() for shot in row]
    captions = [plain(shot.caption) for shot in shots]
    assert captions
    assert all(re.match("P-67e31b4…(c2de|2de7|2de8) E[DS], frame", text) for text in captions)
    assert all(code in shot.toolTip() for shot in shots)
    title = widget.held_out.rows[worse.name]["title"]
    qtbot.waitUntil(lambda: title.height() >= title.heightForWidth(title.width()), timeout=WAIT)  # no line is cut
    assert widget.minimumSizeHint().width() <= 350 - 37  # the dock's least width without margins and a scroll bar

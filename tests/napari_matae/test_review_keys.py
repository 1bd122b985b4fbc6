"""The Review step by keys and buttons, the strip and the study: every widget of ours on a viewer's model, no canvas."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler
from qtpy.QtCore import QPoint, Qt

from matae.store import FrameStatus, Study
from napari_matae.dock import MataeDock

from .conftest import disc, in_review, make_cine, opened, proposals, settled

pytestmark = pytest.mark.gui


@pytest.fixture
def bare(qtbot, tiny_model, cine):
    """A dock with a beating disc proposed for every frame."""
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.resize(430, 760)
    widget.show()
    yield from in_review(widget, qtbot, cine)


@pytest.fixture
def press(bare):
    """Return what presses a key: napari's own look-up, the chosen layer before the viewer."""

    def press(key: str) -> None:
        handler = KeymapHandler()
        active = bare.viewer.layers.selection.active
        handler.keymap_providers = [bare.viewer] if active is None else [active, bare.viewer]
        handler.press_key(key)

    return press


def test_propagation_stops_at_a_persons_frame(bare, press, qtbot, cine):
    session, workspace = bare.session, bare.workspace
    session.seek(7)
    session.masks.judge("accepted", [7], FrameStatus.ACCEPTED)
    session.seek(3)
    press("C")  # the previous frame's mask: now a person's
    np.testing.assert_array_equal(session.current.mask(3), session.current.mask(2))
    before = session.current.labels.data.copy()
    with qtbot.waitSignal(workspace.preview.finished, timeout=30_000):
        press("P")
    assert workspace.preview.offered == [4, 5, 6]
    np.testing.assert_array_equal(session.current.labels.data, before)
    with qtbot.waitSignal(workspace.preview.finished, timeout=30_000):
        press("Shift+P")
    assert workspace.preview.offered == [0, 1, 2]
    bare.review_panel.apply_button.click()
    assert session.current.with_status(FrameStatus.EDITED) == [0, 1, 2, 3]


def test_judging_by_key_goes_from_flag_to_flag(bare, press, cine):
    session, workspace = bare.session, bare.workspace
    session.seek(11)
    press("N")
    assert session.frame in (workspace.phase_finder.phases.ed, workspace.phase_finder.phases.es)
    first = session.frame
    press("A")
    assert session.current.status[first] is FrameStatus.ACCEPTED
    assert session.frame in set(workspace.actions.flagged) - {first}
    press("X")
    assert FrameStatus.REJECTED in session.current.status.values()
    session.seek(2)
    workspace.actions.go_on = False
    bare.review_panel.accept_button.click()
    session.seek(5)
    bare.review_panel.accept_button.click()
    session.seek(4)
    press("Shift+A")
    assert {session.current.status[t] for t in (2, 3, 4, 5)} == {FrameStatus.ACCEPTED}
    press("Ctrl+Z")
    assert session.current.status[3] is FrameStatus.MACHINE


def test_mending_by_key(bare, press, cine):
    session = bare.session
    session.seek(5)
    broken = disc(cine.shape, (30, 40), 12)
    broken[28:32, 38:42] = 0
    broken[2:4, 2:4] = 1
    session.masks.change("drawing", {5: broken})
    press("F")
    assert session.current.mask(5)[30, 40]
    assert session.current.mask(5)[2, 2]
    press("K")
    assert not session.current.mask(5)[2, 2]
    press("S")
    press("F")
    assert bare.review_panel.words.text() == "There is no hole to fill."
    press("M")
    np.testing.assert_array_equal(session.current.mask(5), session.current.predicted[5])
    assert session.current.status[5] is FrameStatus.MACHINE


def test_after_the_sector_was_adjusted_the_keys_judge_and_draw(bare, press):
    session, tools = bare.session, bare.workspace.tools
    current = session.current
    selection = bare.viewer.layers.selection
    tools.choose("brush")
    bare.steps.setCurrentIndex(1)
    bare.segment_panel.sector.adjust()
    assert selection.active is current.sector_layer
    assert tools.tool == "move", "the brush stays lit, but a drag draws nothing"
    session.seek(4)
    press("A")  # still in the step of the sector
    assert session.current.status[4] is FrameStatus.ACCEPTED
    press("B")
    assert (tools.tool, selection.active) == ("brush", current.labels)
    bare.segment_panel.sector.adjust()
    bare.steps.setCurrentIndex(2)
    assert selection.active is current.labels
    assert str(current.sector_layer.mode) == "pan_zoom"


def test_figures_compare_the_mask_with_the_proposal(bare, press, cine):
    from matae.metrics import dice, iou

    session, figures = bare.session, bare.review_panel.figures
    session.seek(3)
    figures.show_frame()
    assert figures.values["dice"].text() == "–"  # nobody touched it
    mask = disc(cine.shape, (30, 44), 11)
    session.masks.change("drawing", {3: mask})
    bare.workspace.link.spend(3, 42.0)
    figures.show_frame()
    predicted = session.current.predicted[3]
    assert figures.values["dice"].text() == f"{float(dice(mask, predicted)):.3f}"
    assert figures.values["iou"].text() == f"{float(iou(mask, predicted)):.3f}"
    assert figures.values["area"].text() == f"{mask.sum() * 0.125 / 100:.1f} cm²"
    assert figures.values["time"].text() == "42 s"
    press("D")
    assert bare.workspace.mask_style.difference
    assert any(layer.name == "Predicted mask" and layer.visible for layer in bare.viewer.layers)
    press("D")
    assert not any(layer.name == "Predicted mask" and layer.visible for layer in bare.viewer.layers)


def test_a_click_on_the_strip_goes_to_the_frame_under_it_in_the_curve(bare, qtbot):
    strip = bare.strip
    edges = strip.edges()
    assert len(edges) == 13
    for frame in (0, 4, 11):
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(round((edges[frame] + edges[frame + 1]) / 2), 18))
        assert bare.session.frame == frame
        assert strip.x_of(bare.area_plot.times[frame]) == pytest.approx((edges[frame] + edges[frame + 1]) / 2, abs=1.5)
    assert "Frame 12: predicted" in strip.words(11)
    bare.workspace.actions.mark("ed")
    assert "end-diastole" in strip.words(11)


def test_the_look_is_kept_from_cine_to_cine(bare, press, qtbot):
    press("O")
    assert bare.session.current.labels.contour == 0
    bare.review_panel.opacity.setValue(30)
    assert bare.session.current.labels.opacity == pytest.approx(0.3)
    press("T")
    assert not bare.session.current.labels.visible
    other = make_cine(5, seed=1)
    opened(qtbot, bare.workspace, other)
    proposals(other, bare.session)
    assert bare.session.current.labels.contour == 0
    assert bare.session.current.labels.opacity == pytest.approx(0.3)


def test_loop_between_end_diastole_and_end_systole(bare, press, qtbot):
    press("L")
    first, last = bare.player.loop
    assert bare.player.is_playing
    seen = []
    bare.session.frame_changed.connect(lambda frame: seen.append(frame))  # noqa: PLW0108 - psygnal takes no builtins
    qtbot.waitUntil(lambda: len(set(seen)) >= 3, timeout=10_000)
    press("Shift+Space")
    assert not bare.player.is_playing
    assert set(seen) <= set(range(first, last + 1))


def test_a_conflict_is_a_question_beside_the_work(bare, qtbot, cine, tmp_path):
    session, workspace = bare.session, bare.workspace
    settled(qtbot, workspace)
    workspace.link.watcher.stop()
    theirs = disc(cine.shape, (20, 30), 7)
    with Study.open(tmp_path / "study.sqlite", rater="ben") as study:
        from matae.store import Edit

        revision = study.frames(cine.content_id)[3].revision
        study.put_edits(cine.content_id, [Edit(3, theirs, revision)])
    session.seek(3)
    with qtbot.waitSignal(workspace.link.conflicted, timeout=60_000):
        session.masks.change("drawing", {3: disc(cine.shape, (30, 40), 5)})
    qtbot.waitUntil(lambda: len(bare.conflicts) == 1, timeout=10_000)
    dialog = bare.conflicts[0]
    assert not dialog.isModal()
    dialog.theirs_button.click()
    np.testing.assert_array_equal(session.current.mask(3), theirs)
    assert bare.conflicts == []


def test_what_no_study_takes_is_rescued_when_the_window_closes(bare, qtbot, cine, tmp_path, monkeypatch):
    import SimpleITK as sitk  # noqa: N813 - its own abbreviation

    heard = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", heard.append)
    (tmp_path / "broken.sqlite").write_text("no study " * 50)
    bare.workspace.link.open(str(tmp_path / "broken.sqlite"))
    qtbot.waitUntil(lambda: bare.workspace.link.state == "unsaved", timeout=60_000)
    assert bare.saved.banner.isVisibleTo(bare)
    bare.session.current.labels.paint((0, 10, 60), 1)
    masks = bare.session.current.labels.data.copy()
    bare._save_or_rescue()
    (file,) = (tmp_path / "home" / "rescued").iterdir()
    assert str(file) in heard[0]
    assert "broken.sqlite" in heard[0]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(file))), masks)


def test_closing_the_window_saves_the_stroke_under_way(bare, qtbot, cine, tmp_path):
    from qtpy.QtGui import QCloseEvent

    bare.session.seek(3)
    bare.session.current.labels.paint((3, 10, 60), 1)
    bare._watch_window(bare)
    bare.eventFilter(bare, QCloseEvent())
    bare.close_down()
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.mask(cine.content_id, 3)[10, 60]
        assert study.last_frame(cine.content_id) == 3

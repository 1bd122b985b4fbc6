"""The Measure step: real widgets over a viewer's model, on phantoms whose volumes are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.measure import measure_cine
from matae.store.types import FrameStatus

from ..conftest import make_cine
from .measure_makers import two_beats

pytestmark = pytest.mark.gui


# -- nothing, little, broken ------------------------------------------------------------------------------


def test_nothing_open_says_what_to_do(bench):
    panel = bench.panel
    assert not panel.content.isVisible()
    assert panel.message.text().startswith("Open a cine first")
    assert not panel.report_button.isEnabled()
    panel.open((3,))
    panel.measuring.clear_marks()
    panel.scale.apply()
    panel.mmode.redraw()
    assert bench.measuring.measurement is None


def test_no_masks_yet_says_what_to_do(bench, qtbot, cine):
    bench.open(qtbot, cine)
    assert "There are no masks yet" in bench.panel.message.text()
    assert not bench.panel.content.isVisible()


def test_one_uncalibrated_frame_without_times_is_measured_as_far_as_it_goes(bench, qtbot):
    still = replace(make_cine(1, timed=False), spacing=None, spacing_note="The file states none.")
    mask = np.zeros((1, *still.shape), np.uint8)
    mask[0, 15:50, 30:55] = 1
    bench.open(qtbot, still, mask)
    measured = bench.measured(qtbot)
    panel = bench.panel
    assert measured.ef is None
    assert panel.ef.value.accessibleName() == "–"
    assert "No ejection fraction" in panel.ef.interval.text()
    assert "uncalibrated: no mL, no mm" in panel.ef.facts.text()
    assert "No beat could be measured" in panel.flags.text()
    assert panel.scale.isVisible()
    assert not panel.tiles.tiles["edv_ml"].isEnabled()
    assert not panel.ed_button.isEnabled()
    assert not panel.mmode.draw_button.isEnabled()
    for section in panel.sections.values():
        section.set_open(True)
    panel.outlines.setChecked(True)
    panel.disks.setChecked(True)
    panel.overlay.redraw()


def test_masks_that_are_all_empty_are_a_flag(bench, qtbot, cine):
    bench.open(qtbot, cine, np.zeros(cine.frames.shape, np.uint8))
    bench.measured(qtbot)
    assert "No frame has a cavity" in bench.panel.flags.text()
    assert bench.plot.values.size == cine.n_frames


def test_contradictory_marks_are_a_sentence_until_one_is_taken_away(bench, qtbot):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    bench.workspace.session.seek(5)
    bench.panel.mark_ed.click()
    bench.panel.mark_es.click()
    assert "take one mark away" in bench.panel.message.text()
    bench.panel.mark_es.click()
    assert bench.panel.message.isHidden()


# -- the numbers ------------------------------------------------------------------------------------------


def test_the_numbers_are_the_engines(bench, qtbot):
    cine, masks = two_beats()
    bench.open(qtbot, cine, masks)
    bench.measured(qtbot)
    sector = bench.workspace.session.current.sector
    expected = measure_cine(cine, masks, sector=sector.mask(cine.shape))
    panel = bench.panel
    assert panel.ef.value.accessibleName() == f"{expected.ef.value:.0f} %"
    assert f"{expected.ef.low:.0f}–{expected.ef.high:.0f}" in panel.ef.interval.text()
    shown = {key: tile.accessibleName().rsplit(": ", 1)[1] for key, tile in panel.tiles.tiles.items()}
    assert shown == {row.key: row.text for row in expected.table() if row.key in shown}
    panel.sections["numbers"].set_open(True)
    assert panel.table._rows["edv_ml"].text(1) == f"{expected.mean(lambda b: b.volumes.edv):.0f} mL"
    assert len(expected.beats) == 2
    assert panel.beats.rowCount() == 2
    assert panel.beats.item(1, 0).text() == str(expected.beats[1].beat.ed + 1)
    assert "2 beats" in panel.ef.facts.text()
    assert "Single-plane disks · A4C" in panel.ef.facts.text()
    assert "not reviewed yet" in panel.ef.facts.text()


def test_the_curve_is_the_volume_with_its_beats(bench, qtbot):
    bench.open(qtbot, *two_beats())
    measured = bench.measured(qtbot)
    bench.panel.curve.redraw()
    np.testing.assert_allclose(bench.plot.values, measured.volume)
    assert bench.plot.getPlotItem().getAxis("left").labelText == "LV volume (mL)"
    assert len(bench.panel.curve._regions) == 2
    x, _ = bench.panel.curve._ed.getData()
    np.testing.assert_allclose(x, [bench.plot.times[b.beat.ed] for b in measured.beats])
    bench.panel.hide()
    bench.panel.curve.redraw()
    assert bench.plot.getPlotItem().getAxis("left").labelText == "LV area (cm²)"
    assert bench.panel.curve._regions == []


def test_a_number_opens_its_frames_one_after_the_other(bench, qtbot):
    bench.open(qtbot, *two_beats())
    ed, es = bench.measured(qtbot).primary.frames
    session, panel = bench.workspace.session, bench.panel
    session.seek(1)
    panel.ef.value.click()
    assert session.frame == ed
    panel.ef.value.click()
    assert session.frame == es
    tile = panel.tiles.tiles["esv_ml"]
    session.seek(1)
    tile.click()
    assert session.frame == tile.frames[0]
    panel.ed_button.click()
    assert session.frame == ed
    panel.beats.cellClicked.emit(1, 1)
    assert session.frame == bench.measuring.measurement.beats[1].beat.es
    panel.flags.linkActivated.emit("7")
    assert session.frame == 7


def test_a_stroke_moves_every_number_at_once(bench, qtbot):
    cine, masks = two_beats()
    bench.open(qtbot, cine, masks)
    before = bench.measured(qtbot)
    session = bench.workspace.session
    ed = before.primary.frames[0]
    session.seek(ed)
    bigger = masks[ed].copy()
    bigger[:, 1:] |= masks[ed][:, :-1]
    bigger[:, :-1] |= masks[ed][:, 1:]
    session.masks.draw(ed, bigger)
    now = bench.measuring.measurement
    assert now is not before  # in the very same breath, without the event loop
    masks = masks.copy()
    masks[ed] = bigger
    again = measure_cine(cine, masks, sector=session.current.sector.mask(cine.shape))
    assert now.ef.value == pytest.approx(again.ef.value)
    assert bench.panel.ef.value.accessibleName() == f"{again.ef.value:.0f} %"


def test_undo_and_frames_changed_out_of_sight_are_found(bench, qtbot):
    cine, masks = two_beats()
    bench.open(qtbot, cine, masks)
    before = bench.measured(qtbot)
    session = bench.workspace.session
    wrong = {t: np.roll(masks[t], 2, 1) for t in range(10, 20)}  # the same areas elsewhere
    session.masks.change("shift", wrong)
    bench.measuring._check_all()
    bench.measured(qtbot)
    np.testing.assert_array_equal(bench.measuring.measurement.inputs.mask(15), wrong[15])
    bench.workspace.undo_stack.undo()
    bench.measuring._check_all()
    after = bench.measured(qtbot)
    assert after.ef.value == pytest.approx(before.ef.value)


def test_a_frame_called_unusable_is_not_measured(bench, qtbot):
    bench.open(qtbot, *two_beats())
    first = bench.measured(qtbot)
    ed = first.primary.frames[0]
    bench.workspace.session.masks.judge("rejected", [ed], FrameStatus.REJECTED)
    bench.measuring._check_all()
    measured = bench.measured(qtbot)
    assert measured.shapes[ed].disks is None
    assert all(ed not in values.frames for values in measured.beats)


def test_nobody_looks_nothing_is_measured(bench, qtbot):
    bench.panel.hide()
    bench.open(qtbot, *two_beats())
    assert bench.measuring.measurement is None
    assert not bench.measuring.is_running
    bench.panel.show()
    assert bench.measured(qtbot).ef is not None


# -- marks and view ---------------------------------------------------------------------------------------


def test_a_persons_mark_wins_and_can_be_taken_away(bench, qtbot):
    bench.open(qtbot, *two_beats())
    found = bench.measured(qtbot).primary.frames
    panel, session = bench.panel, bench.workspace.session
    session.seek(found[0] + 2)
    panel.mark_ed.click()
    assert bench.measuring.measurement.primary.frames[0] == found[0] + 2
    assert "marked by hand" in panel.ef.facts.text()
    assert panel.mark_ed.text() == "✓ ED is marked here"
    panel.clear_button.click()
    assert bench.measuring.measurement.primary.frames == found
    assert not panel.clear_button.isEnabled()


def test_the_files_marks_come_back_when_a_persons_are_cleared(bench, qtbot):
    cine, masks = two_beats()
    bench.open(qtbot, replace(cine, ed_frame=3, es_frame=12), masks)
    assert bench.measured(qtbot).primary.beat.ed_source == "file"
    bench.workspace.session.seek(3)
    bench.panel.mark_ed.click()  # the file's own mark, taken away
    assert bench.measured(qtbot).primary.beat.ed_source != "file"
    bench.panel.clear_button.click()
    assert bench.measured(qtbot).primary.frames == (3, 12)


def test_the_view_names_the_segments(bench, qtbot):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    view = bench.panel.view
    assert view.itemText(0) == "A4C, as the file says"
    view.setCurrentIndex(view.findData("A2C"))
    view.activated.emit(view.currentIndex())
    measured = bench.measured(qtbot)
    assert measured.primary.segments[0].name == "basal inferior"
    assert [s.name for s in bench.panel.bullseye._segments] == [s.name for s in measured.primary.segments]


def test_the_bulls_eye_knows_what_is_under_the_mouse(bench, qtbot):
    from matae.measure.bullseye import place
    from napari_matae.measure.bullseye_plot import _along

    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    plot = bench.panel.bullseye
    plot.resize(360, 220)
    centre, radius = plot._disk()
    for segment in plot._segments:
        where = place(segment)
        at = _along(centre, where.centre, (where.inner + where.outer) / 2 * radius)
        assert plot.segment_at(at).name == segment.name
    assert plot.segment_at(centre + (centre - centre) * 2 - centre) is None
    assert not plot.grab().isNull()


# -- the picture ------------------------------------------------------------------------------------------


def test_overlays_show_what_was_measured_and_go_when_nobody_measures(bench, qtbot):
    bench.open(qtbot, *two_beats())
    measured = bench.measured(qtbot)
    layers = bench.workspace.viewer.layers
    bench.panel.outlines.click()
    both = layers["ED and ES outlines"]
    colours = {tuple(np.round(c, 2)) for c in both.edge_color}
    assert len(colours) == 2
    low, high = both.data[:, 0].min(0), both.data[:, 0].max(0)
    outline = measured.outline(measured.ed_frame)
    assert (np.abs(low - outline.min(0)) < 1.5).all()
    assert (np.abs(high - outline.max(0)) < 1.5).all()
    bench.panel.disks.click()
    assert len(layers["Long axis and disks"].data) == 22
    bench.panel.hide()
    bench.panel.overlay.redraw()
    assert not both.visible
    bench.panel.show()
    bench.panel.overlay.redraw()
    assert both.visible
    bench.panel.outlines.click()
    assert not both.visible


def test_an_overlay_layer_that_was_deleted_is_made_again(bench, qtbot):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    layers = bench.workspace.viewer.layers
    bench.panel.outlines.click()
    layers.remove("ED and ES outlines")
    bench.panel.overlay.redraw()
    assert "ED and ES outlines" in layers


def test_an_m_mode_along_a_line(bench, qtbot):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    mmode = bench.panel.mmode
    bench.panel.sections["mmode"].set_open(True)
    mmode.line.put(np.array([[40.0, 30.0], [60.0, 80.0]]))
    mmode.redraw()
    picture = mmode.picture
    assert picture.shape[1] == 53
    assert abs(picture.shape[0] - (np.hypot(20, 50) + 1)) <= 2
    mmode.seek_to(float(bench.plot.times[20]) + 0.004)
    assert bench.workspace.session.frame == 20
    assert bench.workspace.viewer.layers.selection.active is bench.workspace.session.current.image
    mmode.line.put(np.array([[10.0, 10.0], [30.0, 10.0]]))  # another one takes its place
    assert len(mmode.line.layer.data) == 1
    mmode.redraw()
    assert mmode.picture.shape[0] < picture.shape[0]
    mmode.line.put(np.array([[10.0, 10.0], [10.5, 10.0]]))
    mmode.redraw()
    assert "shorter than two pixels" in mmode.words.text()
    mmode.remove_button.click()
    assert mmode.line.layer is None
    mmode.redraw()
    assert mmode.picture is None


# -- calibration ------------------------------------------------------------------------------------------


def test_a_scale_drawn_over_the_picture_gives_millilitres_and_is_remembered(bench, qtbot):
    cine, masks = two_beats()
    true = cine.spacing
    bench.open(qtbot, replace(cine, spacing=None, spacing_note="none"), masks)
    assert not bench.measured(qtbot).calibrated
    panel, session = bench.panel, bench.workspace.session
    panel.disks.click()
    panel.scale.line.put(np.array([[10.0, 100.0], [80.0, 100.0]]))
    panel.scale.length.setValue(round(70 * true.y / 10, 1))
    panel.scale.use_button.click()
    measured = bench.measured(qtbot)
    assert measured.calibrated
    expected = measure_cine(cine, masks).beats[0].volumes.edv
    assert measured.beats[0].volumes.edv == pytest.approx(expected, rel=0.05)
    assert measured.inputs.cine.spacing_note == "Set by hand over the depth scale."
    scale = session.current.cine.pixel_aspect
    for layer in bench.workspace.viewer.layers:
        np.testing.assert_allclose(layer.scale[-2:], scale)
    assert session.current.status  # the masks are still there
    bench.workspace.viewer.layers.clear()
    bench.open(qtbot, replace(cine, spacing=None, spacing_note="none"), masks)
    qtbot.waitUntil(lambda: session.current.cine.spacing is not None, timeout=5000)
    assert bench.measured(qtbot).calibrated
    panel.scale.forget_button.click()
    assert not bench.measured(qtbot).calibrated
    np.testing.assert_allclose(session.current.image.scale[-2:], 1.0)


def test_a_scale_that_cannot_be_is_a_sentence(bench, qtbot):
    cine, masks = two_beats()
    bench.open(qtbot, replace(cine, spacing=None, spacing_note="none"), masks)
    bench.measured(qtbot)
    panel = bench.panel
    panel.scale.line.put(np.array([[10.0, 100.0], [12.0, 100.0]]))
    panel.scale.use_button.click()
    assert "shorter than 10 pixels" in panel.scale.words.text()
    assert not bench.measuring.measurement.calibrated


def test_a_calibrated_file_is_not_asked_for_a_scale(bench, qtbot):
    bench.open(qtbot, *two_beats())
    bench.measured(qtbot)
    assert not bench.panel.scale.isVisible()

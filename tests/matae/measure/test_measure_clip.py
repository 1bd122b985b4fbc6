"""A whole clip: numbers, frames, flags, and what changes when a person changes something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measure_makers import beating, body, cine_of

from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure import (
    MeasureOptions,
    PhaseMarks,
    measure_cine,
    measure_two_views,
    spacing_from_depth_scale,
)
from matae.measure.run import sector_pixels
from matae.measure.uncertainty import boundary_sensitivity, ef_interval
from matae.phantom import make_phantom, random_heart
from matae.segment.sector import Sector, sector_from_polygon

BEATS = 1 - 0.25 * (1 - np.cos(np.linspace(0, 4 * np.pi, 90)))


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(2, n_frames=75, frame_rate=33.0, shape=(112, 112), config=random_heart(2, start_phase=0.75))


@pytest.fixture(scope="module")
def measured(phantom):
    return measure_cine(phantom.cine, phantom.masks, sector=phantom.sector, model="phantom")


# --- what cannot be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "mm", "word"),
    [
        ((0, 0), (5, 0), 50, "longer"),
        ((0, 0), (np.nan, 0), 50, "longer"),
        ((0, 0), (100, 0), 0, "positive"),
        ((0, 0), (100, 0), float("inf"), "positive"),
        ((0, 0), (100, 0), 5000, "draw again"),
        ((0, 0), (100, 0), 0.5, "draw again"),
    ],
)
def test_impossible_scales_are_refused(first, second, mm, word) -> None:
    with pytest.raises(MeasureError, match=word):
        spacing_from_depth_scale(first, second, mm)


def test_impossible_changes_are_refused(measured) -> None:
    with pytest.raises(MeasureError, match="no frame 401"):
        measured.updated(landmarks={400: measured.landmarks(0)})
    with pytest.raises(MeasureError, match="clip's size"):
        measured.updated(masks={3: np.zeros((4, 4), np.uint8)})
    with pytest.raises(MeasureError, match="mark again"):
        measured.updated(marks=PhaseMarks(ed=(-4,)))


# --- what is ----------------------------------------------------------------------------------------------------


def test_scale_is_drawn() -> None:
    assert spacing_from_depth_scale((10, 5), (110, 5), 50) == Spacing(0.5, 0.5)
    assert spacing_from_depth_scale((0, 0), (30, 40), 20) == pytest.approx((0.4, 0.4))
    tall = spacing_from_depth_scale((10, 5), (110, 5), 50, aspect=2.0)
    assert tall == pytest.approx((0.5, 0.25))


def test_phantom_clip_gives_the_truth(phantom, measured) -> None:
    assert measured.ef.value == pytest.approx(phantom.ejection_fraction, abs=2.0)
    assert measured.ef.low < phantom.ejection_fraction < measured.ef.high
    assert measured.volume == pytest.approx(phantom.volumes_ml, rel=0.06)
    assert measured.length == pytest.approx(phantom.long_axis_mm, rel=0.03)
    assert measured.cycle.heart_rate == pytest.approx(phantom.config.motion.heart_rate, rel=0.04)
    travel = np.ptp(phantom.long_axis_mm)
    assert measured.primary.annulus.middle == pytest.approx(travel, abs=0.15 * travel + 1.5)
    assert measured.flags == ()
    values = {row.key: row for row in measured.table()}
    assert values["sv_ml"].value == pytest.approx(values["edv_ml"].value - values["esv_ml"].value)
    assert values["co_l_min"].value == pytest.approx(values["sv_ml"].value * measured.cycle.heart_rate / 1000)
    assert all(row.frames and row.value is not None for row in values.values())
    assert values["edv_ml"].frames == tuple(beat.beat.ed for beat in measured.beats)


def test_the_json_keeps_its_contract(measured) -> None:
    found = measured.to_json()
    assert {
        "ed_frame", "es_frame", "edv_ml", "esv_ml", "ef_percent", "method", "view", "calibration", "beats", "area_px",
        "area_mm2", "length_px", "flags",
    } <= set(found)  # fmt: skip
    assert found["method"] == "single-plane disks"
    assert len(found["area_px"]) == len(found["length_px"]) == measured.n_frames
    assert found["area_mm2"][0] == pytest.approx(found["area_px"][0] * measured.inputs.cine.spacing.y**2, rel=1e-3)


def test_without_calibration_only_ratios_are_told(phantom, measured) -> None:
    bare = measure_cine(replace(phantom.cine, spacing=None, spacing_note="None stated."), phantom.masks)
    found = bare.to_json()
    for key, value in found.items():
        if key.endswith(("_ml", "_mm", "_mm2", "_l_min")):
            assert value is None, key
    assert found["calibration"] == "uncalibrated: None stated."
    assert found["ef_percent"] == pytest.approx(measured.ef.value, abs=1.0)
    assert all(segment["inward_mm"] is None for segment in found["segments"])
    assert {"uncalibrated"} == {flag.code for flag in bare.flags}
    scaled = bare.updated(spacing=phantom.cine.spacing)
    assert scaled.to_json()["edv_ml"] == pytest.approx(measured.to_json()["edv_ml"])
    assert "Set by hand" in scaled.calibration


def test_a_change_gives_what_a_fresh_measurement_gives(phantom) -> None:
    masks = phantom.masks.copy()
    before = measure_cine(phantom.cine, masks)
    ed, es = before.primary.frames
    smaller = np.roll(masks[es], 2, 0) & masks[es]
    point = before.landmarks(ed)
    moved = point.moved(apex=(point.apex[0] + 4, point.apex[1] - 1))
    marks = PhaseMarks(ed=(ed,), es=(es,))
    after = before.updated(masks={es: smaller}, landmarks={ed: moved}, marks=marks)
    fresh_masks = masks.copy()
    fresh_masks[es] = smaller
    fresh = measure_cine(phantom.cine, fresh_masks, landmarks={ed: moved}, marks=marks)
    assert after.to_json() == fresh.to_json()
    assert after.ef.value != before.ef.value
    assert np.array_equal(masks, phantom.masks)
    # The change is remembered by the next one, and a landmark can be given back.
    again = after.updated(landmarks={ed: None})
    assert again.landmarks(ed) == before.landmarks(ed)
    assert again.volume[es] == after.volume[es]


def test_several_beats_give_a_mean_and_a_spread() -> None:
    depth = np.repeat([0.22, 0.34], 45)
    cine, masks = beating(1 - depth * (1 - np.cos(np.linspace(0, 4 * np.pi, 90))))
    found = measure_cine(cine, masks)
    assert len(found.beats) == 2
    one, two = (values.volumes.ef_percent for values in found.beats)
    assert two > one + 5
    assert found.ef.value == pytest.approx((one + two) / 2)
    assert found.ef_sd == pytest.approx(abs(one - two) / np.sqrt(2))
    assert "beat-spread" in {flag.code for flag in found.flags}


def test_marks_of_the_file_choose_the_beat_to_show() -> None:
    cine, masks = beating(BEATS)
    plain = measure_cine(cine, masks)
    second = plain.beats[1].beat
    found = measure_cine(replace(cine, ed_frame=second.ed, es_frame=second.es), masks)
    assert (found.ed_frame, found.es_frame) == (second.ed, second.es)
    # What a file claims about frames that are not there is not believed.
    assert measure_cine(replace(cine, ed_frame=900, es_frame=3), masks).beats


def test_low_frame_rate_and_contradicting_heart_rate_are_flagged() -> None:
    cine, masks = beating(BEATS[::4], heart_rate=140.0)
    slow = measure_cine(replace(cine, frame_times=np.arange(cine.n_frames) / 12.5), masks)
    assert {"low-frame-rate", "heart-rate"} <= {flag.code for flag in slow.flags}


def test_frames_missing_in_time_are_flagged() -> None:
    cine, masks = beating(BEATS)
    times = np.arange(cine.n_frames) / 50
    assert "uneven-times" not in {flag.code for flag in measure_cine(replace(cine, frame_times=times), masks).flags}
    times[cine.n_frames // 2 :] += 0.2
    flags = {flag.code: flag for flag in measure_cine(replace(cine, frame_times=times), masks).flags}
    assert "220 ms pass after frame" in flags["uneven-times"].text


def test_cut_off_apex_and_walls_are_flagged() -> None:
    cine, masks = beating(BEATS)
    rows, columns = np.indices(cine.shape)
    low, side = rows >= 21, columns >= 34
    for sector, code in ((low, "apex-outside"), (side, "wall-outside")):
        found = measure_cine(cine, masks * sector.astype(np.uint8), sector=sector)
        assert code in {flag.code for flag in found.flags}
    wide = measure_cine(cine, masks, sector=np.ones(cine.shape, bool))
    assert not {"apex-outside", "wall-outside"} & {flag.code for flag in wide.flags}


def test_the_margin_of_the_network_hides_no_cut_off_apex() -> None:
    phantom = make_phantom(2, n_frames=12, frame_rate=20.0, shape=(192, 192))
    cut = int(phantom.masks.any((0, 2)).argmax()) + 12
    masks = phantom.masks.copy()
    masks[:, :cut] = 0
    sector = sector_from_polygon([(cut, 0), (cut, 191), (191, 191), (191, 0)])
    found = measure_cine(phantom.cine, masks, sector=sector_pixels(sector, phantom.cine.shape))
    assert "apex-outside" in {flag.code for flag in found.flags}
    line = Sector(np.array([(0.3, 0.3), (0.3, 9.3), (0.4, 9.3)]), "whole")  # goes round no pixel's centre
    assert sector_pixels(line, (1, 10)).any()


def test_foreshortening_is_flagged() -> None:
    shrink = 1 - 0.15 * (1 - np.cos(np.linspace(0, 2 * np.pi, 40)))
    # Short and round; and an apex that comes down while the base stays.
    round_ = np.stack([body("ellipsoid", shape=(110, 110), spacing=(1, 1), length=48, radius=24 * a, apex=(30, 55))
                       for a in shrink])  # fmt: skip
    falls = np.stack([body("ellipsoid", shape=(110, 110), spacing=(1, 1), length=80 * a, radius=22 * a,
                           apex=(100 - 80 * a, 55)) for a in shrink])  # fmt: skip
    for masks, code in ((round_, "foreshortened"), (falls, "apex-moves")):
        cine = cine_of(masks, spacing=Spacing(1.0, 1.0), view="A4C")
        assert code in {flag.code for flag in measure_cine(cine, masks).flags}


def test_pictures_the_model_does_not_know_are_flagged() -> None:
    cine, masks = beating(BEATS)
    errors = np.random.default_rng(0).normal(1.0, 0.05, cine.n_frames)
    errors[[7, 30]] = 4.0
    for limit in (None, 2.0):
        flags = {f.code: f for f in measure_cine(cine, masks, errors=errors, error_limit=limit).flags}
        assert flags["unknown-picture"].frames == (7, 30)
    assert "unknown-picture" not in {f.code for f in measure_cine(cine, masks, errors=np.ones(90)).flags}


def test_disagreement_of_widths_widens_the_interval() -> None:
    cine, masks = beating(BEATS)
    plain = measure_cine(cine, masks)
    frames = {frame for values in plain.beats for frame in values.frames}
    same = {frame: masks[frame] for frame in frames}
    apart = {frame: np.roll(masks[frame], 4, 0) & masks[frame] if frame == plain.es_frame else masks[frame]
             for frame in frames}  # fmt: skip
    agreed = plain.updated(width_masks={"1": same, "1/2": same})
    split = plain.updated(width_masks={"1": same, "1/8": apart})
    assert agreed.ef == plain.ef
    assert list(split.by_width) == ["1", "1/8"]
    assert split.ef.widths_sd > 0
    assert split.ef.high - split.ef.low > plain.ef.high - plain.ef.low
    assert "widths-differ" not in {flag.code for flag in split.flags}
    empty = {frame: np.roll(masks[frame], 30, 0) & masks[frame] for frame in frames}
    wild = plain.updated(width_masks={"1": same, "1/8": {**same, plain.es_frame: empty[plain.es_frame]}})
    assert "widths-differ" in {flag.code for flag in wild.flags}
    # A width that does not know the frames, or found nothing there, has no say.
    assert plain.updated(width_masks={"1": {}, "1/4": {f: np.zeros_like(masks[0]) for f in frames}}).by_width == {}


def test_sensitivity_is_the_derivative(measured) -> None:
    ed, es = measured.primary.volumes.ed, measured.primary.volumes.es
    step = 1e-4 * ed.length

    def grown(disks):
        wide = disks.diameters + 2 * step
        return np.pi / 4 * (wide**2).sum() * (disks.length + step) / 20 / 1000

    by_ed = 100 * (1 - es.volume / grown(ed)) - 100 * (1 - es.volume / ed.volume)
    by_es = 100 * (1 - grown(es) / ed.volume) - 100 * (1 - es.volume / ed.volume)
    assert boundary_sensitivity(ed, es) == pytest.approx(np.hypot(by_ed, by_es) / 1e-4, rel=1e-3)


def test_interval_stays_in_range() -> None:
    assert ef_interval(99.0, 500.0).high == 100.0
    assert ef_interval(2.0, 500.0).low == 0.0
    assert ef_interval(-8.0, 500.0).low == -8.0
    assert ef_interval(50.0, 500.0, [40.0]).widths_sd == 0.0
    one = ef_interval(50.0, 0.0, [40.0, 60.0])
    assert one.widths_sd == pytest.approx(14.14, abs=0.01)
    assert one.half_width == pytest.approx(50 - one.low)


def test_wall_motion_finds_the_wall_that_does_not_move() -> None:
    for side in (-1, 1):
        config = random_heart(6, ef_percent=55)
        motion = replace(config.motion, hypokinesia=((side, 0.5, 0.4, 1.0),), rr_variability=0.0)
        phantom = make_phantom(6, frame_rate=25.0, shape=(144, 144), config=replace(config, motion=motion))
        found = measure_cine(phantom.cine, phantom.masks)
        names = [segment.name for segment in found.primary.segments]
        assert names[0] == "basal inferoseptal"
        assert names[-1] == "basal anterolateral"
        moved = {segment.side: segment.inward_percent for segment in found.primary.segments if segment.level == "mid"}
        weak, strong = ("left", "right") if side < 0 else ("right", "left")
        assert moved[weak] < moved[strong] - 8
        inward = [segment.inward_mm for segment in found.primary.segments]
        assert np.isfinite(inward).all()


def test_segments_are_named_after_the_view() -> None:
    cine, masks = beating(BEATS)
    options = {"A2C": "basal inferior", "A3C": "basal inferolateral", None: "basal left", "PLAX": "basal left"}
    for view, name in options.items():
        found = measure_cine(cine, masks, MeasureOptions(view=view))
        assert found.primary.segments[0].name == name
    mirrored = measure_cine(cine, masks, MeasureOptions(view="A4C", mirrored=True))
    assert mirrored.primary.segments[0].name == "basal anterolateral"
    assert measure_cine(cine, masks).updated(view="A4C").primary.segments[0].name == "basal inferoseptal"


def test_contour_shortening_of_a_scaled_heart_is_its_scale() -> None:
    masks = np.stack([body("ellipsoid", shape=(260, 220), spacing=(0.4, 0.4), length=80 * a, radius=25 * a,
                           apex=(8, 44)) for a in (1.0, 0.8)])  # fmt: skip
    found = measure_cine(cine_of(masks, spacing=Spacing(0.4, 0.4)), masks).primary
    assert found.shortening_percent == pytest.approx(-20, abs=0.6)
    assert found.volumes.ef_percent == pytest.approx(100 * (1 - 0.8**3), abs=0.8)
    assert found.volumes.area_change_percent == pytest.approx(36, abs=0.6)
    assert found.annulus.middle == pytest.approx(16, abs=0.5)
    assert {round(s.inward_percent) for s in found.segments} <= {19, 20, 21}


# --- two views --------------------------------------------------------------------------------------------------


def two_views():
    four, masks = beating(BEATS, view="A4C")
    # Ten pixels wider on each side of the same length: the second diameter of an elliptic heart.
    wide = np.stack([
        body("ellipsoid", shape=(120, 130), spacing=(1, 1), length=80 * a**0.3, radius=32 * a**0.7, apex=(15, 65))
        for a in BEATS
    ])  # fmt: skip
    two = cine_of(wide, spacing=Spacing(1.0, 1.0), view="A2C")
    return measure_cine(four, masks), measure_cine(two, wide)


def test_biplane_needs_both_views_calibrated() -> None:
    four, two = two_views()
    with pytest.raises(MeasureError, match="A2C"):
        measure_two_views(two, four)
    bare = measure_cine(replace(two.inputs.cine, spacing=None), two.inputs.masks)
    with pytest.raises(MeasureError, match="not calibrated"):
        measure_two_views(four, bare)
    empty = measure_cine(two.inputs.cine, np.zeros_like(two.inputs.masks))
    with pytest.raises(MeasureError, match="no outline of a left ventricle"):
        measure_two_views(four, empty)


def test_biplane_of_an_elliptic_heart() -> None:
    four, two = two_views()
    found = measure_two_views(four, two)
    assert found.edv_ml == pytest.approx(2 / 3 * np.pi * 80 * 25 * 32 / 1000, rel=0.02)
    assert found.ef.value == pytest.approx(four.ef.value, abs=2)
    assert found.flags == ()
    assert found.to_json()["views"]["A2C"]["ed_frame"] == two.ed_frame
    assert "Research use only" in found.to_json()["research_use"]
    # Independent outlines in two planes: the boundary's part shrinks, and so does that of the widths.
    unsure = replace(four, ef=replace(four.ef, widths_sd=6.0)), replace(two, ef=replace(two.ef, widths_sd=8.0))
    assert measure_two_views(*unsure).ef.widths_sd == pytest.approx(5.0)
    assert found.ef.widths_sd == 0.0
    assert found.ef.boundary_sd < four.ef.boundary_sd


def test_views_of_different_length_are_flagged() -> None:
    four, two = two_views()
    masks = two.inputs.masks[:, 28:]
    short = measure_cine(replace(two.inputs.cine, frames=two.inputs.cine.frames[:, 28:]), masks)
    assert [flag.code for flag in measure_two_views(four, short).flags] == ["lengths-differ"]

"""The numbers of the cavity are the same whatever else a mask holds; atrium and wall are measured beside them."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.measure import MeasureOptions, measure_cine
from matae.measure.atrium import cut_atrium
from matae.measure.person import Person
from matae.measure.values import structure_values
from matae.phantom import make_phantom, random_heart
from matae.segment import find_sector

QUICK = settings(max_examples=12, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(4, n_frames=25, frame_rate=25.0, shape=(72, 80), config=random_heart(4, start_phase=0.7))


def others_drawn(cavity: np.ndarray, seed: int) -> np.ndarray:
    """Return masks (T, Y, X) with wall, atrium and a class without a name wherever the cavity is not."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(4, *cavity.shape)), (0, 0, 3, 3))
    other = np.array([0, 2, 3, 9], np.uint8)[noise.argmax(0)]
    return np.where(cavity == 1, np.uint8(1), other)


BESIDE = {"Left atrium", "Wall at end-diastole"}


def numbers(cine, masks, sector, **more) -> str:
    """Return everything that is said of the cavity."""
    measured = measure_cine(cine, masks, sector=sector, **more)
    other = {row.key for row in structure_values(measured)} | {"wall_segments", "flags"}
    values = [
        [value.value for value in measured.table() if value.group not in BESIDE],
        [(flag.code, flag.text, flag.frames) for flag in measured.flags if flag.code != "atrium-outside"],
    ]
    record = {key: value for key, value in measured.to_json().items() if key not in other}
    return json.dumps([record, values], default=str, sort_keys=True)


@QUICK
@given(seed=st.integers(0, 2**31), emptied=st.sets(st.integers(0, 24), max_size=3))
def test_a_whole_measurement_sees_the_cavity_alone(phantom, seed, emptied):
    cavity = phantom.masks.copy()
    cavity[list(emptied)] = 0  # a frame without a cavity is none, whatever else is in it
    several = others_drawn(cavity, seed)
    rng = np.random.default_rng(seed)
    narrow = {t: np.roll(cavity[t], int(rng.integers(-2, 3)), axis=1) for t in range(len(cavity))}
    wide = {t: others_drawn(mask[None], seed + t)[0] for t, mask in narrow.items()}
    alone = numbers(phantom.cine, cavity, phantom.sector, width_masks={"1/2": narrow})
    assert numbers(phantom.cine, several, phantom.sector, width_masks={"1/2": wide}) == alone


def test_masks_without_a_cavity_measure_as_empty_ones(phantom) -> None:
    nothing = np.zeros_like(phantom.masks)
    assert numbers(phantom.cine, others_drawn(nothing, 1), phantom.sector) == numbers(
        phantom.cine, nothing, phantom.sector
    )


def test_changed_frames_are_measured_by_their_cavity(phantom) -> None:
    several = others_drawn(phantom.masks, 5)
    first = measure_cine(phantom.cine, several)
    second = measure_cine(phantom.cine, phantom.masks)
    changed = np.roll(phantom.masks[7], 1, axis=0)
    one = first.updated(masks={7: others_drawn(changed[None], 6)[0]})
    two = second.updated(masks={7: changed})
    for key in ("area_px", "ef_percent", "edv_ml", "landmarks_yx", "ef_doubts"):
        assert one.to_json()[key] == two.to_json()[key]


@pytest.fixture(scope="module")
def several(phantom):
    """Return the phantom's own structures, measured, of a woman of 165 cm and 60 kg."""
    labels = np.where(phantom.labels <= 3, phantom.labels, 0).astype(np.uint8)
    options = MeasureOptions(view="A4C", person=Person("female", 165, 60))
    return measure_cine(phantom.cine, labels, options, sector=phantom.sector)


def test_a_mask_without_them_has_the_same_keys_and_no_numbers(phantom, several) -> None:
    alone = measure_cine(phantom.cine, phantom.masks, sector=phantom.sector)
    assert set(alone.to_json()) == set(several.to_json())
    assert all(value.value is None for value in structure_values(alone))
    assert alone.to_json()["wall_segments"] == []
    assert not BESIDE & {value.group for value in alone.table()}
    assert all(found.atrium_es is found.wall is None for found in alone.structures)


def test_atrium_and_wall_are_those_of_their_frames(phantom, several) -> None:
    values = {value.key: value for value in several.table()}
    assert {value.group for value in values.values()} >= BESIDE
    (beat,), (beside,) = several.beats, several.structures
    spacing = phantom.cine.spacing
    atrium = cut_atrium(several.inputs.mask(beat.beat.es), beat.volumes.es.landmarks, spacing)
    assert values["la_volume_ml"].value == pytest.approx(atrium.volume)
    assert values["la_volume_ml"].frames == (beat.beat.es,)
    assert values["lv_mass_g"].value == pytest.approx(1.05 * beside.wall.volume)
    assert values["wall_thickness_mm"].value == pytest.approx(beside.wall.thickness)
    surface = several.person.body_surface_m2
    assert values["la_volume_index_ml_m2"].value == pytest.approx(atrium.volume / surface)
    assert values["la_volume_index_ml_m2"].note == "normal 16 to 34"
    assert "normal 66 to 150" in values["lv_mass_g"].note
    record = several.to_json()
    assert record["person"]["sex"] == "female"
    assert record["normal_ranges"]["ef_percent"] == [54, 74]
    assert next(part["name"] for part in record["wall_segments"]) == "basal inferoseptal"
    # The wall of a phantom is as thick as it was made, within the millimetre that its edge wanders.
    made = random_heart(4, start_phase=0.7).ventricle
    assert made.lateral_wall_mm * 0.8 <= values["wall_thickness_mm"].value <= made.septum_mm * 1.25


def test_a_stroke_elsewhere_measures_no_structure_again(phantom, several) -> None:
    (beat,) = several.beats
    elsewhere = several.updated(masks={beat.beat.ed + 2: several.inputs.mask(beat.beat.ed + 2).copy()})
    assert elsewhere.structures[0] is several.structures[0]
    thick = several.inputs.mask(beat.beat.ed).copy()
    thick[thick == 3] = 0
    gone = several.updated(masks={beat.beat.ed: thick})
    assert gone.structures[0].atrium_ed is None
    named = several.updated(view="A2C")
    assert named.structures[0].wall.segments[0].name == "basal inferior"


def test_a_class_of_another_number_is_no_cavity_with_an_atrium(phantom) -> None:
    other = np.where(phantom.masks == 1, 4, np.where(phantom.labels == 3, 3, 0)).astype(np.uint8)
    measured = measure_cine(phantom.cine, other, MeasureOptions(label=4))
    assert measured.ef is not None
    assert all(found.atrium_es is None for found in measured.structures)


def test_without_a_scale_only_ratios_are_told(phantom) -> None:
    labels = np.where(phantom.labels <= 3, phantom.labels, 0).astype(np.uint8)
    bare = measure_cine(replace(phantom.cine, spacing=None), labels)
    values = {value.key: value for value in bare.table()}
    assert values["la_emptying_percent"].value is not None
    for key in ("la_volume_ml", "lv_mass_g", "wall_thickness_mm", "la_volume_index_ml_m2"):
        assert values[key].value is None
        assert values[key].note == "needs calibration"


def test_what_is_written_of_a_segmentation_has_the_cavitys_areas(phantom) -> None:
    from matae.output.record import make_record
    from matae.segment import Segmentation

    several = others_drawn(phantom.masks, 8)
    area = np.array([float((mask == 1).sum()) for mask in several])
    sector, run = find_sector(phantom.cine), {"classes": {"1": "left ventricular cavity"}}
    results = [Segmentation(masks, masks, area, sector, run) for masks in (several, phantom.masks)]
    one, two = (make_record(phantom.cine, result) for result in results)
    assert one == two


def test_ejection_fractions_of_verdicts_and_exports_are_the_cavitys(phantom) -> None:
    from matae.learn.paired_scores import _ef
    from matae.measure.tracing import tracing

    several = others_drawn(phantom.masks, 9)
    case = SimpleNamespace(cine=phantom.cine, sector=find_sector(phantom.cine))
    ed, es = int(phantom.masks.sum((1, 2)).argmax()), int(phantom.masks.sum((1, 2)).argmin())
    phases = {"ED": ed, "ES": es}
    values = [_ef(case, dict(enumerate(masks)), phases) for masks in (several, phantom.masks)]
    assert values[0] == values[1]
    assert values[0] is not None
    lines = [tracing(masks[ed], phantom.cine.spacing, label=1) for masks in (several, phantom.masks)]
    np.testing.assert_array_equal(lines[0], lines[1])


def test_the_report_draws_the_other_structures_and_measures_the_same(phantom) -> None:
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    from matae.measure._panels import _BESIDE, draw_picture
    from matae.segment.margins import margins_of_pixels

    labels = np.where(phantom.labels <= 3, phantom.labels, 0).astype(np.uint8)
    drawn = []
    for masks in (labels, phantom.masks):
        measured = measure_cine(phantom.cine, masks, sector=phantom.sector)
        axes = Figure().add_subplot()
        draw_picture(axes, measured, "ed", margins_of_pixels(phantom.cine, None, keep=True))
        drawn.append(({to_hex(line.get_color()) for line in axes.lines}, {text.get_text() for text in axes.texts}))
    beside = {colour for colour, _ in _BESIDE.values()}
    assert drawn[0][0] - drawn[1][0] == beside
    assert drawn[0][1] - drawn[1][1] == {name for _, name in _BESIDE.values()}

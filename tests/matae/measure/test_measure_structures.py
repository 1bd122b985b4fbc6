"""Of a mask with several structures only the cavity is measured: the same numbers as with the others taken away."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.measure import measure_cine
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


def numbers(cine, masks, sector, **more) -> str:
    measured = measure_cine(cine, masks, sector=sector, **more)
    values = [
        [value.value for value in measured.table()],
        [(flag.code, flag.text, flag.frames) for flag in measured.flags],
    ]
    return json.dumps([measured.to_json(), values], default=str, sort_keys=True)


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
    assert one.to_json() == two.to_json()


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

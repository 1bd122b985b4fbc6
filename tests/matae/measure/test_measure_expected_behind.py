"""The Dice to be expected behind an ejection fraction: whom it is known of, and that it and the interval are one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from measure_makers import beating

from matae.errors import MeasureError
from matae.measure import measure_cine
from matae.measure.record import to_json
from matae.measure.uncertainty import BOUNDARY_SHIFT, READER_SD, SHIFT_OF_DICE, USUAL_EF, USUAL_SD, interval_of
from matae.segment.expected import DOUBTFUL, calibrated_dice

N = 41
AREAS = 1 - 0.45 * np.sin(np.linspace(0, np.pi, N)) ** 2
SURE = np.full(N, 0.97)


def measured(**changes):
    cine, masks = beating(AREAS, rate=40.0)
    return measure_cine(cine, masks, width="1/2", **changes)


def widths(plain, *factors: float) -> dict[str, dict[int, np.ndarray]]:
    """Return masks of other widths, whose cavities have other areas, and those of the width that was measured."""
    frames = sorted({plain.ed_frame, plain.es_frame})
    held = {"1/2": {t: plain.inputs.mask(t) for t in frames}}
    for name, factor in zip(("1/4", "1"), factors, strict=False):
        held[name] = dict(zip(frames, beating(AREAS[frames] * factor)[1], strict=True))
    return held


def test_without_probabilities_or_other_widths_there_is_nothing_closer() -> None:
    plain = measured()
    assert plain.expected is None
    assert plain.updated(width_masks=widths(plain, 0.9, 0.9)).expected is None
    alone = measured(implied=SURE, expected=np.full(N, 0.9))
    np.testing.assert_array_equal(alone.expected, 0.9)
    np.testing.assert_array_equal(alone.updated(width_masks=widths(plain)).expected, 0.9)  # its own width says nothing
    with pytest.raises(MeasureError, match="implied Dice of 3 frames for 41"):
        measured(implied=[0.9, 0.9, 0.9])


def test_an_unknown_or_another_outline_has_none() -> None:
    plain = measured()
    ed, es = plain.ed_frame, plain.es_frame
    implied = SURE.copy()
    implied[es] = np.nan
    found = measured(implied=implied, width_masks=widths(plain, 0.95, 0.95)).expected
    assert np.flatnonzero(np.isfinite(found)).tolist() == [ed]
    drawn = beating(AREAS[[ed]] * 0.8)[1][0]  # a person's: no width made it
    other = measured(implied=SURE, width_masks=widths(plain, 0.95, 0.95)).updated(masks={ed: drawn})
    assert np.flatnonzero(np.isfinite(other.expected)).tolist() == [es]


def test_it_is_what_both_widths_make_of_it_whatever_was_known_of_one() -> None:
    """The dock has not asked the narrower width about every frame, the command line has: both say the same."""
    plain = measured()
    held = widths(plain, 0.97, 0.9)
    own, *others = (held[name][plain.ed_frame] == 1 for name in ("1/2", "1/4", "1"))
    apart = [1 - 2 * (own & other).sum() / (own.sum() + other.sum()) for other in others]
    dock, line = (measured(implied=SURE, expected=np.full(N, dice), width_masks=held) for dice in (0.93, 0.88))
    assert dock.expected[plain.ed_frame] == pytest.approx(float(calibrated_dice(0.97, *apart)))
    assert dock.ef == line.ef
    assert dock.doubts == line.doubts
    frames = [plain.ed_frame, plain.es_frame]
    assert to_json(dock)["ef_interval"] == to_json(line)["ef_interval"]
    assert [to_json(dock)["expected_dice"][t] for t in frames] == [round(float(dock.expected[t]), 4) for t in frames]


def test_the_widest_width_is_judged_by_the_distances_of_the_next() -> None:
    plain = measured()
    held = widths(plain, 0.9, 0.98)
    both = measured(implied=SURE, width_masks=held)
    swapped = held | {"1": held["1/2"], "1/2": held["1"], "1/4": widths(plain, 0.9 / 0.98)["1/4"]}
    ed = plain.ed_frame
    middle, wide = (swapped[name][ed] == 1 for name in ("1/2", "1"))
    narrow = swapped["1/4"][ed] == 1
    apart = [1 - 2 * (middle & other).sum() / (middle.sum() + other.sum()) for other in (narrow, wide)]
    found = measured(implied=SURE, width_masks=swapped).expected[ed]
    assert found == pytest.approx(float(calibrated_dice(0.97, *apart)))
    assert both.expected[ed] != found
    two = {name: swapped[name] for name in ("1/2", "1")}
    only = 1 - 2 * (middle & wide).sum() / (middle.sum() + wide.sum())
    assert measured(implied=SURE, width_masks=two).expected[ed] == pytest.approx(
        float(calibrated_dice(0.97, only, only))
    )


def test_widths_that_outline_others_widen_the_interval_and_end_in_silence() -> None:
    plain = measured()
    factors = (1.0, 0.97, 0.9, 0.6)
    found = [measured(implied=SURE, width_masks=widths(plain, factor**0.5, factor)) for factor in factors]
    for one, other in pairwise(found):
        assert other.ef.half_width > one.ef.half_width
    worst = found[-1]
    frames = sorted({plain.ed_frame, plain.es_frame})
    assert (worst.expected[frames] < DOUBTFUL).all()
    assert [doubt.frames for doubt in worst.doubts if doubt.code == "doubtful-outline"] == [tuple(frames)]
    assert found[0].doubts == ()


def test_the_interval_is_made_of_what_is_expected() -> None:
    expected = np.full(N, 0.9)
    found = measured(expected=expected).ef
    follows = measured().beats[0].sensitivity
    assert found.boundary_sd == pytest.approx(SHIFT_OF_DICE * 0.1 * follows)
    assert (found.reader_sd, found.judged) == (0.0, True)
    plain = measured().ef
    assert (plain.reader_sd, plain.judged) == (READER_SD, False)
    # A person's outline is as good as a person's; the other one stays what it is.
    both = measured()
    half = measured(expected=expected, reviewed=[both.ed_frame]).ef
    shift = np.sqrt(((SHIFT_OF_DICE * 0.1) ** 2 + BOUNDARY_SHIFT**2) / 2)
    assert half.boundary_sd == pytest.approx(shift * follows)
    assert (half.reader_sd, half.judged) == (READER_SD, True)
    assert measured(expected=expected, reviewed=[both.ed_frame, both.es_frame]).ef == plain


def test_confirming_one_doubtful_outline_makes_no_number_less_sure() -> None:
    plain = measured()
    for dice in (0.6, 0.7, 0.8, 0.87):
        known = {"expected": np.full(N, dice), "width_masks": widths(plain, 0.9, 0.8)}
        none = measured(**known).ef
        one = measured(**known, reviewed=[plain.ed_frame]).ef
        assert one.high - one.low <= none.high - none.low
        assert one.widths_sd == none.widths_sd > 0


def test_where_widths_differ_the_less_sure_outline_is_named() -> None:
    plain = measured()
    ed, es = plain.ed_frame, plain.es_frame
    held = widths(plain, 1.0)
    held["1"] = {ed: plain.inputs.mask(ed), es: beating(AREAS[[es]] * 0.25)[1][0]}
    found = measured(implied=SURE, width_masks=held)
    assert found.ef.widths_sd > 15
    assert {doubt.code: doubt.frames for doubt in found.doubts}["widths-differ"] == (es,)


def test_the_less_sure_a_number_the_more_its_interval_leans_towards_what_is_usual() -> None:
    for sd, weight in ((0.0, 1.0), (USUAL_SD, 0.5)):
        found = interval_of(USUAL_EF, 9.0, sd, 0.0, judged=True)
        half = 1.6448536 * sd * np.sqrt(weight)
        assert (found.low, found.high) == pytest.approx((USUAL_EF - half, USUAL_EF + half))
        assert found.half_width == pytest.approx(half)
    low, high = (interval_of(USUAL_EF + away, 0.0, 8.0, 0.0, judged=True) for away in (-15, 15))
    weight = USUAL_SD**2 / (USUAL_SD**2 + 8.0**2)
    assert low.value - low.low == pytest.approx(low.half_width) == pytest.approx(1.6448536 * 8.0 * np.sqrt(weight))
    assert low.high - low.value == pytest.approx(low.half_width + 15 * (1 - weight))
    assert (low.high - USUAL_EF, low.low - USUAL_EF) == pytest.approx((USUAL_EF - high.low, USUAL_EF - high.high))
    # Its own value is always in it, whatever is usual, and so are nothing and everything its ends.
    for value in (-20.0, 2.0, 99.0):
        found = interval_of(value, 0.0, 40.0, 0.0, judged=True)
        assert found.low <= value <= found.high
        assert min(value, 0.0) <= found.low < found.high <= 100.0
    assert interval_of(-20.0, 0.0, 5.0, 0.0, judged=True).low == -20.0

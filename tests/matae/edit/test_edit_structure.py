"""Several structures in one mask: what a tool takes of the others, what it leaves them, and what stays where it was."""

from __future__ import annotations

import numpy as np
import pytest
from edit_makers import SHAPE, assert_others_keep, disc, heart, random_masks, upright
from hypothesis import given, settings
from scipy import ndimage

from matae.edit import as_drawn, fill_holes, interpolate, keep_largest, nudge, paste, propagate, smooth, together
from matae.metrics import dice

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
HEART = heart()
OUTSIDE = HEART == 0


def touches(one: np.ndarray, two: np.ndarray) -> int:
    """Count pixels of one region that have a neighbour of the other."""
    return int((ndimage.binary_dilation(two) & one).sum())


# -- drawing with a brush ---------------------------------------------------------------------------------------------


def test_nothing_drawn_is_nothing_put_back() -> None:
    for mask in (np.zeros((0, 0), np.uint8), np.zeros((3, 4), np.uint8), HEART):
        assert as_drawn(mask, mask.copy()).tolist() == mask.tolist()


def test_what_was_erased_stays_erased() -> None:
    after = np.where(HEART == 2, np.uint8(0), HEART)
    assert as_drawn(HEART, after) is after


@pytest.mark.parametrize(
    ("value", "taken"),
    [(1, {0, 1, 2, 3}), (2, {0, 2}), (3, {0, 2, 3}), (7, set())],
    ids=["cavity", "wall", "atrium", "a class without a name"],
)
def test_a_stroke_over_everything_takes_what_anatomy_gives_it(value: int, taken: set[int]) -> None:
    out = as_drawn(HEART, np.full_like(HEART, value))
    for was in range(4):
        assert (out[was == HEART] == (value if was in taken else was)).all()


def test_a_class_without_a_name_is_drawn_where_the_clip_has_it() -> None:
    before = HEART.copy()
    before[:5, :5] = 7
    after = before.copy()
    after[:60] = 7
    out = as_drawn(before, after, known=(1, 2, 3, 7))
    assert ((out == 7) == ((np.arange(len(out))[:, None] < 60) & (before == 0) | (before == 7))).all()


@QUICK
@given(random_masks(classes=6), random_masks(classes=6))
def test_no_drawing_takes_what_is_anothers(before, after) -> None:
    out = as_drawn(before, after)
    erased = (after == 0) & (before != 0)
    assert (out[erased] == 0).all()
    for value in range(1, 6):
        mine = np.where((before != out) & (out == value), out, before)
        assert_others_keep(before, mine, value)
    assert (as_drawn(before, out) == out).all()


# -- tools of one frame -----------------------------------------------------------------------------------------------


def test_a_cavity_pushed_out_takes_wall_and_the_outer_contour_stays() -> None:
    out = nudge(HEART, (70, 99), (70, 104), 18, 1)
    assert (out[HEART == 1] == 1).all()
    assert (out == 1).sum() > (HEART == 1).sum() + 30
    assert ((out == 0) == OUTSIDE).all()
    assert ((out == 3) == (HEART == 3)).all()


def test_the_wall_follows_a_cavity_that_is_pushed_in() -> None:
    out = nudge(HEART, (70, 99), (70, 88), 18, 1)
    given_up = (HEART == 1) & (out != 1)
    assert given_up.sum() > 30
    assert (out[given_up] == 2).all()


def test_the_atrium_follows_a_mitral_plane_that_is_pushed_up() -> None:
    out = nudge(HEART, (105, 75), (98, 75), 10, 1)
    given_up = (HEART == 1) & (out != 1)
    assert given_up.sum() > 30
    assert (out[given_up] == 3).all()


def test_where_nothing_bordered_on_the_cavity_nothing_follows() -> None:
    mask = np.where(HEART == 3, np.uint8(0), HEART)
    out = nudge(mask, (105, 75), (98, 75), 10, 1)
    assert (out[(mask == 1) & (out != 1)] == 0).all()


def test_a_cavity_that_is_gone_leaves_no_wall_in_its_place() -> None:
    assert (paste(np.zeros(SHAPE, np.uint8), HEART, 1) == np.where(HEART == 1, 0, HEART)).all()


WALL_TOOLS = {
    "smooth": lambda mask: smooth(mask, 2),
    "push": lambda mask: nudge(mask, (70, 108), (70, 116), 18, 2),
    "fill": lambda mask: fill_holes(mask, 2),
}


@pytest.mark.parametrize("tool", WALL_TOOLS.values(), ids=WALL_TOOLS)
def test_tools_of_the_wall_move_its_outer_contour_alone(tool) -> None:
    jagged = HEART.copy()
    jagged[60:64, 110:114][jagged[60:64, 110:114] == 0] = 2
    out = tool(jagged)
    for other in (1, 3):
        assert ((out == other) == (jagged == other)).all()
    assert not (touches(out == 0, out == 1) - touches(jagged == 0, jagged == 1))


@pytest.mark.parametrize("mask", [HEART, np.where(HEART == 3, np.uint8(0), HEART)], ids=["atrium", "no atrium"])
def test_a_smoothed_wall_does_not_close_over_the_mitral_plane(mask) -> None:
    out = smooth(mask, 2, strength=0.1)
    plane = np.flatnonzero((mask[105] == 1) & (mask[106] != 1))
    assert (out[106, plane[3:-3]] == mask[106, plane[3:-3]]).all()
    assert (out != mask).any()


def test_an_island_of_wall_goes_and_both_walls_beside_the_cavity_stay() -> None:
    mask = HEART.copy()
    mask[:30][mask[:30] == 2] = 0  # without its apex the wall is in two parts, joined by the cavity
    island = mask.copy()
    island[130:134, 10:14] = 2
    assert ndimage.label(mask == 2)[1] == 2
    assert (keep_largest(island, 2) == mask).all()


# -- tools of several frames ------------------------------------------------------------------------------------------


def beat(t: float) -> np.ndarray:
    """A heart that moves down, gets narrower and thicker: 0 to 1."""
    return heart(upright((25.0 + 6 * t, 75.0 + 4 * t), 80.0 - 10 * t, 0.3 - 0.05 * t), 0.3 - 0.05 * t, 9 + 2 * t)


@pytest.mark.parametrize("which", [1, 2, 3])
def test_each_structure_interpolated_onto_a_frame_of_the_others_makes_the_heart_between(which: int) -> None:
    truth = beat(0.5)
    onto = np.where(truth == which, np.uint8(0), truth)
    out = interpolate({0: beat(0), 4: beat(1)}, [2], label=which, onto={2: onto})[2]
    assert_others_keep(onto, out, which)
    assert dice(out == which, truth == which) > 0.93
    if which == 2:
        assert touches(out == 0, out == 1) <= touches(truth == 0, truth == 1) + 6


def test_all_three_structures_interpolated_one_after_the_other_make_the_heart_between() -> None:
    now = beat(0)
    for which in (2, 3, 1):
        now = interpolate({0: beat(0), 4: beat(1)}, [2], label=which, onto={2: now})[2]
    for which in (1, 2, 3):
        assert dice(now == which, beat(0.5) == which) > 0.9


def test_a_wall_reaches_up_to_a_cavity_smaller_than_the_one_it_came_with() -> None:
    onto = np.where(ndimage.binary_erosion(HEART == 1, iterations=3), np.uint8(1), np.uint8(0))
    onto[HEART == 3] = 3
    out = paste(HEART, onto, 2)
    assert_others_keep(onto, out, 2)
    beside = np.s_[40:100]
    assert not touches((out == 0)[beside], (out == 1)[beside])
    bottom = np.s_[104:107, 65:85]
    assert not (out[bottom] == 2).any()  # across the mitral plane there is no wall


def test_a_still_picture_carries_each_structure_as_it_is() -> None:
    rng = np.random.default_rng(3)
    images = np.repeat(ndimage.gaussian_filter(rng.normal(120, 60, SHAPE), 1).clip(0, 255).astype(np.uint8)[None], 2, 0)
    for which in (1, 2, 3):
        out = dict(propagate(images, HEART, 0, [1], label=which))[1]
        assert ((out == which) == (which == HEART)).all()


def test_a_mask_of_one_class_is_what_it_was_without_structures() -> None:
    mask = disc(70, 75, 40)
    for which in (1, 2, 3, 9):
        alone = nudge(mask * which, (70, 115), (70, 100), 20, which)
        assert (alone == which * nudge(mask, (70, 115), (70, 100), 20, 1)).all()


def test_structures_brought_together_lie_as_anatomy_has_them_and_others_stay() -> None:
    onto = np.full(SHAPE, 9, np.uint8)
    onto[:, 60:] = 0
    onto[:10, 60:] = 1
    whole = {1: HEART, 2: np.full(SHAPE, 2, np.uint8), 3: HEART}
    out = together(onto, whole)
    assert ((out == 9) == (onto == 9)).all()
    for value in (1, 3):
        assert ((out[:, 60:] == value) == (HEART[:, 60:] == value)).all()
    assert (out[:, 60:][~np.isin(HEART[:, 60:], (1, 3))] == 2).all()
    assert together(np.zeros((0, 0), np.uint8), {1: np.zeros((0, 0), np.uint8)}).shape == (0, 0)
    assert (together(onto, {}) == onto).all()

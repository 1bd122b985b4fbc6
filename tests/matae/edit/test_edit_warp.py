"""Nudge and reshape: handles arrive, nothing folds, nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest
from edit_makers import SHAPE, assert_others_keep, cavity, disc, random_masks, upright
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.measure import euler_number, label

from matae.edit import nudge, reshape
from matae.measure import Landmarks, contour
from matae.metrics import dice

QUICK = settings(max_examples=25, deadline=None, derandomize=True)
MOVES = st.tuples(*[st.floats(-12, 12)] * 6).map(lambda move: np.array(move).reshape(3, 2))
HANDLES = upright()
MASK = cavity(HANDLES)


def moved(handles: Landmarks, by: np.ndarray) -> Landmarks:
    return Landmarks.from_array(handles.as_array() + by)


def distance(points: np.ndarray, to) -> float:
    return float(np.hypot(*(points - np.asarray(to)).T).min())


def is_one_cavity(mask: np.ndarray) -> bool:
    return label(mask, connectivity=1).max() == 1 and euler_number(mask, 1) == 1


def test_the_handles_of_the_maker_lie_on_its_contour():
    assert max(distance(contour(MASK), point) for point in HANDLES.as_array()) < 1.0


@QUICK
@given(MOVES)
def test_reshape_to_where_the_handles_are_changes_nothing(by):
    handles = moved(HANDLES, by)
    assert dice(reshape(MASK, handles, handles), MASK) > 0.99
    nearly = moved(handles, np.full((3, 2), 1e-9))
    assert dice(reshape(MASK, handles, nearly), MASK) > 0.99


@QUICK
@given(MOVES)
def test_every_handle_arrives_and_the_cavity_stays_one(by):
    after = moved(HANDLES, by)
    out = reshape(MASK, HANDLES, after)
    line = contour(out)
    assert max(distance(line, point) for point in after.as_array()) < 1.5
    assert is_one_cavity(out)


@QUICK
@given(MOVES)
def test_the_mitral_plane_stays_straight(by):
    after = moved(HANDLES, by)
    out = contour(reshape(MASK, HANDLES, after))
    left, right = np.array(after.left), np.array(after.right)
    for share in np.linspace(0.1, 0.9, 9):
        assert distance(out, left + share * (right - left)) < 1.5


@QUICK
@given(MOVES)
def test_there_and_back_is_where_it_was(by):
    after = moved(HANDLES, by)
    assert dice(reshape(reshape(MASK, HANDLES, after), after, HANDLES), MASK) > 0.95


@QUICK
@given(st.integers(-15, 15), st.integers(-15, 15), MOVES)
def test_reshape_commutes_with_shifts_and_flips(dy, dx, by):
    after, shift = moved(HANDLES, by), np.array([dy, dx])
    out = reshape(MASK, HANDLES, after)
    there = reshape(np.roll(MASK, shift, (0, 1)), moved(HANDLES, shift), moved(after, shift))
    assert dice(np.roll(out, shift, (0, 1)), there) > 0.998

    def mirrored(handles: Landmarks) -> Landmarks:
        apex, left, right = ((y, SHAPE[1] - 1 - x) for y, x in handles.as_array())
        return Landmarks(apex, right, left)

    assert dice(reshape(MASK[:, ::-1], mirrored(HANDLES), mirrored(after))[:, ::-1], out) > 0.998


def test_handles_moved_together_move_the_mask():
    shift = np.array([7.0, -11.0])
    assert (reshape(MASK, HANDLES, moved(HANDLES, shift)) == np.roll(MASK, (7, -11), (0, 1))).all()


def test_reshape_in_pixels_that_are_not_square():
    by = np.array([[-8.0, 5.0], [3.0, -4.0], [6.0, 8.0]])
    square = reshape(MASK, HANDLES, moved(HANDLES, by), spacing=(1, 1))
    tall = np.repeat(MASK, 2, axis=0)
    stretch = np.array([2.0, 1.0])

    def stretched(handles: Landmarks) -> Landmarks:
        return Landmarks.from_array(handles.as_array() * stretch + [0.5, 0])

    out = reshape(tall, stretched(HANDLES), stretched(moved(HANDLES, by)), spacing=(0.5, 1))
    assert dice(out, np.repeat(square, 2, axis=0)) > 0.985
    assert dice(reshape(tall, stretched(HANDLES), stretched(moved(HANDLES, by))), np.repeat(square, 2, axis=0)) < dice(
        out, np.repeat(square, 2, axis=0)
    )


@QUICK
@given(random_masks(SHAPE, 6), MOVES, st.integers(1, 5))
def test_reshape_leaves_other_classes_as_far_as_anatomy_lets_it(mask, by, which):
    assert_others_keep(mask, reshape(mask, HANDLES, moved(HANDLES, by), which), which)


def test_the_apex_is_not_drawn_through_the_mitral_plane():
    from matae.edit import EditError

    with pytest.raises(EditError, match="other side"):
        reshape(MASK, HANDLES, HANDLES.moved(apex=(130.0, 75.0)))
    with pytest.raises(EditError, match="swap the hinge points"):
        reshape(MASK, HANDLES, HANDLES.moved(left=HANDLES.right, right=HANDLES.left))


DISC = disc(70, 75, 40)


@QUICK
@given(st.floats(0, 2 * np.pi), st.floats(-25, 25), st.floats(8, 40))
def test_a_pushed_contour_arrives_and_stays_one(angle, push, reach):
    way = np.array([np.sin(angle), np.cos(angle)])
    start = np.array([70, 75]) + 40.25 * way
    end = start + push * way
    out = nudge(DISC, start, end, reach)
    assert distance(contour(out), end) < 1.5
    assert is_one_cavity(out)


@QUICK
@given(st.floats(0, 2 * np.pi), st.floats(-30, 30), st.floats(-30, 30), st.floats(3, 30))
def test_nothing_moves_beyond_the_reach(angle, dy, dx, reach):
    start = np.array([70 + 40 * np.sin(angle), 75 + 40 * np.cos(angle)])
    end = start + np.array([dy, dx])
    out = nudge(DISC, start, end, reach)
    y, x = np.nonzero(out != DISC)
    way = end - start
    share = np.clip(((y - start[0]) * dy + (x - start[1]) * dx) / max(way @ way, 1e-9), 0, 1)
    assert (np.hypot(y - start[0] - share * dy, x - start[1] - share * dx) <= reach + 1).all()


@QUICK
@given(st.floats(20, 120), st.floats(20, 120), st.floats(-20, 20), st.floats(-20, 20))
def test_nudge_commutes_with_flips(y, x, dy, dx):
    out = nudge(DISC, (y, x), (y + dy, x + dx), 20)
    last = SHAPE[0] - 1
    flipped = nudge(DISC[::-1], (last - y, x), (last - y - dy, x + dx), 20)[::-1]
    assert (out != flipped).sum() <= 2  # pixels whose centre lies on the contour


@QUICK
@given(random_masks(SHAPE, 6), st.integers(1, 5))
def test_nudge_leaves_other_classes_as_far_as_anatomy_lets_it(mask, which):
    assert_others_keep(mask, nudge(mask, (60, 60), (80, 50), 30, which), which)


@pytest.mark.parametrize("mask", [np.zeros(SHAPE, np.uint8), np.ones(SHAPE, np.uint8)], ids=["empty", "full"])
def test_where_there_is_no_contour_nothing_is_pushed(mask):
    assert (nudge(mask, (70, 70), (75, 80), 20) == mask).all()


def test_a_push_of_no_length_changes_nothing():
    assert (nudge(DISC, (30, 75), (30, 75), 20) == DISC).all()


def test_a_push_out_of_the_picture_is_cut_at_its_border():
    out = nudge(DISC, (30, 75), (-200, 75), 20)
    assert out[0, 75] == 1
    assert (nudge(DISC, (-500, -500), (-400, -400), 20) == DISC).all()


def test_a_mask_at_the_border_is_pushed_away_from_it():
    mask = np.zeros(SHAPE, np.uint8)
    mask[:60] = 1
    out = nudge(mask, (0, 75), (10, 75), 20)
    assert not out[:9, 75].any()
    assert out[12:60, 75].all()


def test_the_reach_is_round_on_the_screen():
    tall = np.repeat(DISC, 2, axis=0)
    start, end = np.array([30.0, 75.0]), np.array([20.0, 75.0])
    square = nudge(DISC, start, end, 20 * np.sqrt(2), spacing=(1, 1))
    out = nudge(tall, start * [2, 1], end * [2, 1], 20 * 2, spacing=(0.5, 1))
    assert dice(out, np.repeat(square, 2, axis=0)) > 0.99


@QUICK
@given(st.floats(-30, 30), st.floats(-30, 30))
def test_pushing_back_undoes_most_of_it(dy, dx):
    assume(abs(dy) + abs(dx) > 1)
    start, end = np.array([30.0, 75.0]), np.array([30.0 + dy, 75.0 + dx])
    back = nudge(nudge(DISC, start, end, 25), end, start, 25)
    assert dice(back, DISC) > 0.97

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.review import MAX_FLAGS, Phases, find_phases, flag_frames, frame_scores, next_frame


def beat(n: int = 40, beats: int = 2) -> np.ndarray:
    return 1500 + 500 * np.cos(2 * np.pi * beats * np.arange(n) / n)


@pytest.mark.parametrize("area", [[], [np.nan], [np.nan] * 7])
def test_nothing_segmented_flags_nothing(area):
    assert find_phases(area) == Phases(None, None)
    assert not frame_scores(area).any()
    assert flag_frames(frame_scores(area), find_phases(area)) == []


def test_a_stack_of_masks_is_not_an_area():
    with pytest.raises(ValueError, match="one for each frame"):
        frame_scores(np.zeros((3, 4)))


def test_a_disagreement_for_other_frames_is_refused():
    with pytest.raises(ValueError, match=r"\(3,\) values"):
        frame_scores([1, 2], disagreement=[0, 0, 0])


def test_a_single_frame_is_both_phases_and_worth_a_look():
    assert find_phases([900.0]) == Phases(0, 0)
    assert flag_frames(frame_scores([900.0]), find_phases([900.0])) == [0]


def test_a_healthy_beat_flags_end_diastole_and_end_systole_alone():
    phases = find_phases(beat())
    assert flag_frames(frame_scores(beat()), phases) == sorted({phases.ed, phases.es})
    assert beat()[phases.ed] == pytest.approx(2000, rel=0.01)
    assert beat()[phases.es] == pytest.approx(1000, rel=0.01)


def test_the_largest_cavity_itself_is_taken_where_it_is_no_jump():
    area = [1000.0, 1300, 1500, 1560, 1505, 1540, 1300, 1000, 980, 990]
    assert find_phases(area) == Phases(3, 8)


def test_what_the_file_states_is_believed():
    assert find_phases(beat(), ed=3, es=7) == Phases(3, 7)
    assert {3, 7} <= set(flag_frames(frame_scores(beat()), Phases(3, 7)))


@pytest.mark.parametrize("wrong", [5, 14, 33])
@pytest.mark.parametrize("factor", [0.5, 1.6])
def test_a_jump_of_the_area_is_flagged_and_is_no_phase(wrong, factor):
    area = beat()
    area[wrong] *= factor
    scores = frame_scores(area)
    assert scores.argmax() == wrong
    phases = find_phases(area)
    assert wrong in flag_frames(scores, phases)
    assert wrong not in (phases.ed, phases.es)


def test_an_empty_mask_among_others_is_flagged_and_is_not_end_systole():
    area = beat()
    area[11] = 0
    assert frame_scores(area)[11] >= 1
    assert 11 in flag_frames(frame_scores(area), find_phases(area))
    assert find_phases(area).es != 11


def test_empty_masks_everywhere_are_no_suspects():
    assert not frame_scores(np.zeros(9)).any()


def test_widths_that_disagree_are_flagged():
    disagreement = np.full(40, 0.03)
    disagreement[17] = 0.3
    disagreement[2] = np.nan
    scores = frame_scores(beat(), disagreement=disagreement)
    assert scores.argmax() == 17
    assert 17 in flag_frames(scores, find_phases(beat()))


def test_a_mask_on_the_edge_of_the_sector_scores():
    clipped = np.zeros(40)
    clipped[9] = 0.4
    assert frame_scores(beat(), clipped=clipped).argmax() == 9


@given(st.lists(st.one_of(st.just(np.nan), st.floats(0, 1e5)), max_size=60))
def test_flags_are_few_in_order_and_hold_the_phases(area):
    scores, phases = frame_scores(area), find_phases(area)
    assert scores.shape == (len(area),)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    flags = flag_frames(scores, phases)
    assert flags == sorted(set(flags))
    assert {t for t in (phases.ed, phases.es) if t is not None} <= set(flags)
    assert len(flags) <= MAX_FLAGS + 2


@given(st.integers(1, 30), st.data())
def test_following_next_visits_every_open_frame_once_flagged_ones_first(n, data):
    frames = st.sets(st.integers(0, n - 1))
    done, flagged = data.draw(frames), sorted(data.draw(frames))
    here, backward = data.draw(st.integers(0, n - 1)), data.draw(st.booleans())
    expected, seen = set(range(n)) - done - {here}, []
    done.add(here)
    while (frame := next_frame(here, n, flagged=flagged, done=done, backward=backward)) is not None:
        seen.append(frame)
        done.add(frame)
        here = frame
    assert sorted(seen) == sorted(expected)
    suspects = [t in flagged for t in seen]
    assert suspects == sorted(suspects, reverse=True)

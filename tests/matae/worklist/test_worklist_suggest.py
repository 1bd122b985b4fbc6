"""Which frame to correct next: empty and broken input, then what must hold for any study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.store.types import CorrectedFrame, Flag, FrameToCorrect, Look
from matae.worklist.suggest import suggest

ED, ES = Flag(0.1, "end-diastole, on which the volumes rest"), Flag(0.1, "end-systole, on which the volumes rest")
OTHER = Flag(0.8, "flagged: the area jumps here")


def frame(
    clip: str, number: int = 0, *, of: str = "", flag: Flag = ED, at: tuple[float, ...] | None = None, **look: float
) -> FrameToCorrect:
    kept = Look("one", None if at is None else np.array(at, np.float16), **look) if at or look else None
    return FrameToCorrect(clip, number, of or clip, clip, f"/clips/{clip}.npy", flag, kept)


def keys(found: list) -> list[tuple[str, int]]:
    return [one.frame.key for one in found]


def test_nothing_to_choose_from_and_nothing_wanted() -> None:
    assert suggest([], [], 5) == []
    assert suggest([frame("a")], [], 0) == []
    assert suggest([frame("a")], [], -1) == []
    assert keys(suggest([frame("a")], [], 5)) == [("a", 0)]


def test_frames_of_which_nothing_is_known_are_taken_in_turn() -> None:
    found = suggest([frame("b"), frame("a"), frame("a", 3, flag=ES)], [], 3)
    assert keys(found) == [("a", 0), ("b", 0), ("a", 3)]
    assert found[0].sentence == "No frame of this patient yet, end-diastole."
    assert found[2].sentence == "One frame of this patient so far, end-systole."


@pytest.mark.parametrize("bad", [(np.nan, 0.0), (np.inf, 1.0), (), (1.0, 2.0, 3.0)])
def test_looks_that_are_no_numbers_or_of_another_length_count_as_unknown(bad: tuple[float, ...]) -> None:
    odd = replace(frame("x"), look=Look("one", np.array(bad, np.float16)))
    found = suggest([frame("a", at=(1, 0)), frame("b", at=(0, 1)), odd], [], 3)
    assert sorted(keys(found)) == [("a", 0), ("b", 0), ("x", 0)]
    assert all(np.isfinite(one.score) for one in found)


def test_figures_that_are_no_numbers_say_nothing() -> None:
    found = suggest([frame("a", expected_dice=float("nan")), frame("b", expected_dice=0.7)], [], 2)
    assert len(found) == 2
    assert all(0 <= one.score <= 1 for one in found)


def test_a_clip_that_cannot_be_opened_is_passed_over_and_asked_for_once() -> None:
    asked = []

    def can_be_read(one: FrameToCorrect) -> bool:
        asked.append(one.content_id)
        return one.content_id != "a"

    found = suggest([frame("a"), frame("a", 3, flag=ES), frame("b"), frame("c")], [], 9, can_be_read=can_be_read)
    assert keys(found) == [("b", 0), ("c", 0)]
    assert sorted(asked) == ["a", "b", "c"]


def test_what_is_corrected_already_is_not_proposed_again() -> None:
    done = [CorrectedFrame("a", 0, "a")]
    assert keys(suggest([frame("a"), frame("b")], done, 5)) == [("b", 0)]


def test_patients_take_turns_and_those_with_fewest_corrected_frames_come_first() -> None:
    many = [frame("a", t, of="anna", flag=OTHER, expected_dice=0.1) for t in range(9)]
    few = [frame("b", t, of="bert", flag=OTHER, expected_dice=0.99) for t in range(2)]
    found = suggest([*many, *few], [CorrectedFrame("z", 0, "anna")], 4)
    assert [one.frame.subject for one in found] == ["bert", "anna", "bert", "anna"]


def test_end_diastole_and_end_systole_come_before_the_rest_of_their_clip() -> None:
    clip = [frame("a", 0), frame("a", 5, flag=ES), frame("a", 2, flag=OTHER, expected_dice=0.1, disagreement=0.9)]
    found = suggest(clip, [], 3)
    assert [one.frame.phase for one in found] == ["ED", "ES", ""]
    assert keys(suggest([clip[2]], [CorrectedFrame("a", 0, "a"), CorrectedFrame("a", 5, "a")], 1)) == [("a", 2)]


def test_a_doubtful_frame_comes_first_and_says_why() -> None:
    found = suggest([frame("a", expected_dice=0.97), frame("b", expected_dice=0.62, disagreement=0.09)], [], 2)
    assert keys(found) == [("b", 0), ("a", 0)]
    assert found[0].sentence == (
        "The widths differ by 9 %, expected Dice 0.62, no frame of this patient yet, end-diastole."
    )
    assert suggest([frame("a", flag=OTHER)], [], 1)[0].reasons[0] == "the area jumps here"


def test_a_look_that_is_represented_waits_for_one_that_is_not() -> None:
    crowd = [frame(f"a{i}", at=(1, 0.01 * i)) for i in range(6)]
    away = [frame(f"b{i}", at=(0, 1 + 0.01 * i)) for i in range(4)]
    first, second = suggest([*crowd, *away], [], 2)
    assert (first.frame.content_id[0], second.frame.content_id[0]) == ("a", "b")  # the larger group is found first
    assert "a look like none of those corrected" in second.reasons
    corrected = [CorrectedFrame("z", 0, "zoe", Look("one", np.array((1, 0.02), np.float16)))]
    assert suggest([*crowd, *away], corrected, 1)[0].frame.content_id[0] == "b"
    # Looks of another model cannot be compared: as if there were none.
    foreign = [CorrectedFrame("z", 0, "zoe", Look("two", np.array((1, 0.02), np.float16)))]
    assert suggest([*crowd, *away], foreign, 1)[0].frame.content_id[0] == "a"


values = st.one_of(st.none(), st.floats(0, 1, width=16))


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[FrameToCorrect], list[CorrectedFrame]]:
    size = draw(st.integers(1, 3))
    vectors = st.lists(st.floats(-2, 2, width=16), min_size=size, max_size=size)
    looks = st.one_of(
        st.none(),
        st.builds(
            Look, st.sampled_from(["one", "two"]),
            st.one_of(st.none(), vectors.map(lambda v: np.array(v, np.float16))), values, values,
        ),
    )  # fmt: skip
    flags = st.sampled_from([ED, ES, OTHER, Flag(0.3, "flagged: the widths of the network disagree here")])
    patient = {clip: draw(st.sampled_from("pqr")) for clip in "abcde"}
    places = draw(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 4)), unique=True, max_size=14))
    frames = [FrameToCorrect(clip, t, patient[clip], flag=draw(flags), look=draw(looks)) for clip, t in places]
    done = draw(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 6)), unique=True, max_size=5))
    return frames, [CorrectedFrame(clip, t, patient[clip], draw(looks)) for clip, t in done]


@settings(deadline=None, max_examples=60)
@given(studies(), st.randoms(use_true_random=False), st.integers(0, 16))
def test_the_order_of_the_frames_changes_nothing(study, random, n) -> None:
    frames, done = study
    found = suggest(frames, done, n)
    for items in (frames, done):
        random.shuffle(items)
    again = suggest(frames, done, n)
    assert keys(again) == keys(found)
    assert [one.score for one in again] == [one.score for one in found]
    assert [one.reasons for one in again] == [one.reasons for one in found]


@settings(deadline=None, max_examples=60)
@given(studies(), st.integers(0, 16))
def test_whatever_the_study_the_rules_hold(study, n) -> None:
    frames, done = study
    found, corrected = suggest(frames, done, n), {(one.content_id, one.frame) for one in done}
    able = [one for one in frames if one.key not in corrected]
    assert len(found) == min(n, len(able))
    assert len(set(keys(found))) == len(found)
    assert not corrected & set(keys(found))
    assert all(0 <= one.score <= 1 and one.sentence.endswith(".") for one in found)
    # Nobody has a second turn while somebody else, who could have one, waits for the first.
    turns = {one.subject: 0 for one in able} | {s: sum(d.subject == s for d in done) for s in {o.subject for o in able}}
    waiting = {one.key: one for one in able}
    for one in found:
        assert turns[one.frame.subject] == min(turns[other.subject] for other in waiting.values())
        if not one.frame.phase:
            assert not any(o.phase and o.content_id == one.frame.content_id for o in waiting.values())
        turns[one.frame.subject] += 1
        del waiting[one.frame.key]
    # What is asked for first does not depend on how many are asked for.
    assert keys(suggest(frames, done, max(0, n - 1))) == keys(found)[: max(0, n - 1)]

"""From masks to figures: empty masks and missing calibration first, then against figures worked out anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matae.metrics import FrameScore, boundary_distances, dice, iou, score_frame, summary

SHAPE = (9, 11)
masks = arrays(np.uint8, SHAPE, elements=st.integers(0, 2))


def scored(
    predicted: np.ndarray, reference: np.ndarray, *, patient: str = "a", spacing: object = (0.5, 0.5), classes: int = 1
) -> FrameScore:
    scores, accuracy = score_frame(predicted, reference, [(c, c) for c in range(1, classes + 1)], spacing)
    return FrameScore("f", patient, "ED", "A4C", "", spacing, "whole", scores, accuracy)


def block(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask


EMPTY = np.zeros(SHAPE, np.uint8)


def test_no_frame_has_no_figures() -> None:
    with pytest.raises(ValueError, match="no frame"):
        summary([])
    with pytest.raises(ValueError, match="differ in shape"):
        score_frame(EMPTY, EMPTY[1:], [(1, 1)], None)


def test_empty_masks_are_counted_and_their_distance_left_out() -> None:
    one, two = block(2, 6, 2, 6), block(3, 7, 2, 6)
    frames = [
        scored(EMPTY, EMPTY, patient="a"),
        scored(EMPTY, one, patient="b"),
        scored(one, EMPTY, patient="c"),
        scored(one, two, patient="d"),
    ]
    found = summary(frames)
    assert found["empty"] == {"both": 1, "reference_only": 1, "predicted_only": 1}
    assert [frame.dice for frame in frames[:3]] == [1, 0, 0]
    # The missed and the invented mask have no distance; the empty one that was left empty has none to go.
    apart = boundary_distances(one, two, (0.5, 0.5))
    assert found["hd95_mm"] == pytest.approx(apart.hd95 / 2, abs=1e-6)
    assert found["assd_mm"] == pytest.approx(apart.assd / 2, abs=1e-6)
    assert summary(frames[:1])["dice"]["pooled"] == 1
    assert summary(frames[1:2])["hd95_mm"] is None


def test_without_calibration_distances_are_in_pixels_and_never_mixed() -> None:
    one, two = block(2, 6, 2, 6), block(3, 7, 2, 6)
    found = summary([scored(one, two, spacing=None), scored(one, two, spacing=(2.0, 2.0))])
    assert (found["hd95_px"], found["hd95_mm"]) == (1, 2)
    assert found["assd_mm"] == pytest.approx(2 * found["assd_px"], abs=1e-5)
    assert summary([scored(one, two)])["hd95_px"] is None
    assert summary([scored(one, two, spacing=None)])["hd95_mm"] is None


def test_one_frame_and_one_patient_have_no_spread() -> None:
    found = summary([scored(block(2, 6, 2, 6), block(3, 7, 2, 6))])
    assert found["dice"]["frame_sd"] is None
    assert found["dice"]["ci95"] is None


def test_the_three_means_differ_as_they_should() -> None:
    whole, none = block(0, 4, 0, 4), block(4, 5, 0, 1)
    frames = [scored(whole, whole, patient="a"), scored(whole, whole, patient="a"), scored(EMPTY, none, patient="b")]
    found = summary(frames)
    assert found["dice"]["frame_mean"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["dice"]["patient_mean"] == 0.5
    assert found["dice"]["pooled"] == pytest.approx(2 * 32 / (2 * 32 + 1), abs=1e-6)
    assert (found["n_frames"], found["n_patients"]) == (3, 2)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(masks, masks, st.sampled_from("abc")), min_size=1, max_size=5), st.integers(1, 2))
def test_figures_are_those_worked_out_anew(cases: list[tuple[np.ndarray, np.ndarray, str]], classes: int) -> None:
    frames = [scored(found, wanted, patient=who, classes=classes) for found, wanted, who in cases]
    got = summary(frames)
    stack = np.array([(found, wanted) for found, wanted, _ in cases])
    for name, score in (("dice", dice), ("iou", iou)):
        each = np.mean([score(stack[:, 0] == c, stack[:, 1] == c) for c in range(1, classes + 1)], axis=0)
        assert got[name]["frame_mean"] == pytest.approx(each.mean(), abs=1e-6)
        people = [np.mean([v for v, case in zip(each, cases, strict=True) if case[2] == who])
                  for who in {case[2] for case in cases}]  # fmt: skip
        assert got[name]["patient_mean"] == pytest.approx(np.mean(people), abs=1e-6)
        side_by_side = [
            score(np.concatenate(list(stack[:, 0] == c)), np.concatenate(list(stack[:, 1] == c)))
            for c in range(1, classes + 1)
        ]
        assert got[name]["pooled"] == pytest.approx(np.mean(side_by_side), abs=1e-6)
    seen = np.where(stack <= classes, stack, 0)
    assert got["pixel_accuracy"] == pytest.approx((seen[:, 0] == seen[:, 1]).mean(), abs=1e-6)
    assert all(value is None or math.isfinite(value) for value in (got["hd95_mm"], got["assd_mm"]))


def test_a_class_alone_is_scored_as_if_there_were_no_other() -> None:
    found, wanted = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    found[1:4, 1:4], wanted[1:4, 2:5] = 1, 1
    found[5:8, 1:4], wanted[5:8, 1:4] = 2, 2
    both = scored(found, wanted, classes=2)
    assert both.only(1).dice == 1
    assert both.only(1).pixel_accuracy == 1
    assert both.only(0).pixel_accuracy == pytest.approx(((found == 1) == (wanted == 1)).mean())
    assert both.dice == pytest.approx((both.only(0).dice + 1) / 2)


def test_classes_are_matched_by_their_numbers_in_each() -> None:
    found, wanted = np.full(SHAPE, 3, np.uint8), np.full(SHAPE, 1, np.uint8)
    (score,), accuracy = score_frame(found, wanted, [(3, 1)], None)
    assert (score.dice, accuracy) == (1, 1)

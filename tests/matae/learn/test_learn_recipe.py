"""Recipes: as many steps as were asked for, and frames spread over the patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.learn import RetrainOptions
from matae.learn.recipe import RECIPES, is_self_trained, recipe, some_of
from matae.train.data import LabelledFrames

FULL = RetrainOptions(kind="full", device="cpu")


def test_steps_are_those_of_the_person_then_of_the_plan_then_of_the_recipe() -> None:
    assert recipe(FULL, 20, 160, heads=False).steps == 520
    assert recipe(FULL, 10_000, 160, heads=False).steps == 1200
    assert recipe(replace(FULL, steps=7), 20, 160, heads=False).steps == 7
    assert recipe(replace(FULL, steps=7), 20, 160, heads=False, steps=5).steps == 5
    assert recipe(replace(FULL, steps=7), 20, 160, heads=False).seconds == 0.0
    assert recipe(FULL, 20, 160, heads=True).rebuild > 0.0 == recipe(FULL, 20, 160, heads=False).rebuild


def test_frames_nobody_corrected_teach_where_a_person_or_the_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "full", replace(RECIPES["full"], self_trained=20))
    assert [is_self_trained(FULL, n) for n in (8, 20, 21)] == [True, True, False]
    assert not is_self_trained(replace(FULL, self_training="off"), 8)
    assert is_self_trained(replace(FULL, self_training="on"), 500)
    assert recipe(FULL, 20, 160, heads=False, unlabelled=True).self_training == 1.0
    assert recipe(FULL, 20, 160, heads=False).self_training == 0.0


def test_filled_frames_are_half_of_the_labelled_ones_where_there_are_any() -> None:
    assert recipe(FULL, 20, 160, heads=False, pseudo=True).pseudo_labels == 0.5
    assert recipe(FULL, 20, 160, heads=False, pseudo=True).n_pseudo_labelled == 8
    assert recipe(FULL, 20, 160, heads=False).pseudo_labels == 0.0


@given(st.integers(1, 300), st.sampled_from(["quick", "full"]))
def test_frames_to_check_on_are_spread_evenly(n: int, kind: str) -> None:
    names = tuple(map(str, range(n)))
    pixels = np.zeros((n, 2, 2), np.uint8)
    frames = LabelledFrames(pixels, pixels, names, names, ("",) * n, np.ones(n))
    chosen = [int(name) for name in some_of(frames, kind).frames]
    assert len(chosen) == min(n, RECIPES[kind].checked)
    steps = np.diff(chosen)
    assert steps.size == 0 or (steps.min() >= 1 and steps.max() - steps.min() <= 1)

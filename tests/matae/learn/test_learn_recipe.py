"""Recipes: as many steps as were asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matae.learn import RetrainOptions
from matae.learn.recipe import RECIPES, is_self_trained, recipe

FULL = RetrainOptions(kind="full", device="cpu")


def test_steps_are_those_of_the_person_then_of_the_plan_then_of_the_recipe() -> None:
    assert recipe(FULL, 20, 160, heads=False).steps == 520
    assert recipe(FULL, 10_000, 160, heads=False).steps == 1200
    assert recipe(replace(FULL, steps=7), 20, 160, heads=False).steps == 7
    assert recipe(replace(FULL, steps=7), 20, 160, heads=False, steps=5).steps == 5
    assert recipe(replace(FULL, steps=7), 20, 160, heads=False).seconds == 0.0
    assert recipe(replace(FULL, check_every=9), 20, 160, heads=False).check_every == 9
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

"""The settings files of the shipped models fit the trainer, and what they make fits the wheel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from matae.train.run import new_network
from matae.train.settings import read_settings

RECIPES = sorted((Path(__file__).parents[3] / "scripts" / "recipes").glob("*.toml"))
LARGEST = 30e6 - 2 * 6.2e6  # bytes: 30 MB for the three bundled models, of which two others take their parts


def test_there_are_recipes() -> None:
    apical = {"matae-apical", "matae-apical-gpu", "matae-apical-small-gpu"}
    apical |= {"matae-apical-teacher-gpu", "matae-apical-taught-gpu"}
    lv, phantom = {"matae-lv", "matae-lv-continued", "matae-lv-gpu"}, {"matae-phantom-first", "matae-phantom"}
    assert {path.stem for path in RECIPES} == lv | phantom | apical


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_makes_a_network_that_can_be_shipped(path: Path) -> None:
    settings = read_settings(path)
    network = new_network(settings)
    settings.check(network)
    assert 2 * sum(p.numel() for p in network.parameters()) < LARGEST  # half precision on disk


def test_the_taught_model_differs_from_the_untaught_one_by_its_teacher_alone() -> None:
    by_name = {path.stem: read_settings(path) for path in RECIPES}
    taught, untaught = by_name["matae-apical-taught-gpu"], by_name["matae-apical-gpu"]
    assert replace(taught, teacher="", teaching=untaught.teaching) == untaught
    teacher = by_name["matae-apical-teacher-gpu"]
    assert taught.teacher
    assert (teacher.classes, teacher.grid, teacher.network.family) == (taught.classes, taught.grid, "imagenet")

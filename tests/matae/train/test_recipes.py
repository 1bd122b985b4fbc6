"""The settings files of the shipped models fit the trainer, and what they make fits the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from matae.nn.matae import Matae, MataeConfig
from matae.train.settings import read_settings

RECIPES = sorted((Path(__file__).parents[3] / "scripts" / "recipes").glob("*.toml"))
LARGEST = 30e6 - 2 * 6.2e6  # bytes: 30 MB for the three bundled models, of which two others take their parts


def test_there_are_recipes() -> None:
    apical = {"matae-apical", "matae-apical-gpu", "matae-apical-small-gpu"}
    lv, phantom = {"matae-lv", "matae-lv-continued", "matae-lv-gpu"}, {"matae-phantom-first", "matae-phantom"}
    assert {path.stem for path in RECIPES} == lv | phantom | apical


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_makes_a_network_that_can_be_shipped(path: Path) -> None:
    settings = read_settings(path)
    network = Matae(MataeConfig(channels=settings.network.channels, fold=settings.network.fold))
    settings.check(network)
    assert 2 * sum(p.numel() for p in network.parameters()) < LARGEST  # half precision on disk

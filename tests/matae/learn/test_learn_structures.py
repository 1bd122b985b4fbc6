"""Corrections of a clip speak of the structures that somebody outlined in it, and of no other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from learn_makers import BASE, CONFIG, add_clip, correct

from matae.anatomy import CLASS_NAMES
from matae.learn import RetrainOptions, retrain
from matae.learn.clips import Case
from matae.learn.events import Event, Notice
from matae.learn.paired_scores import Tally
from matae.models import find_model
from matae.nn.card import ModelCard
from matae.nn.checkpoint import save
from matae.nn.matae import Matae
from matae.nn.regions import Regions
from matae.store import Study

OPTIONS = RetrainOptions(base=BASE, against=BASE, kind="full", replay="none", steps=6, device="cpu", name="after")
SEVERAL = [f"{figure} {name}" for name in CLASS_NAMES for figure in ("structure_dice", "structure_hd95")]


def case(*masks: np.ndarray) -> Case:
    nothing = SimpleNamespace()
    return Case(nothing, nothing, nothing, dict(enumerate(masks)), {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "expected"), [([0], (1,)), ([1], (1,)), ([3, 0], (1, 3)), ([0, 1, 2], (1, 2)), ([2, 3], (1, 2, 3))]
)
def test_a_structure_that_is_in_no_mask_of_a_clip_was_not_outlined_there(
    values: list[int], expected: tuple[int, ...]
) -> None:
    masks = [np.full((2, 2), value, np.uint8) for value in values]
    assert case(*masks).classes == expected


def with_wall_and_atrium(masks: np.ndarray) -> np.ndarray:
    """Return masks in which a cavity has a wall of its outermost pixels, and an atrium in the lowest rows."""
    from scipy import ndimage

    inner = np.stack([ndimage.binary_erosion(mask, iterations=3) for mask in masks])
    several = np.where(masks > 0, 2 - inner, 0)
    several[:, -5:, 16:32][several[:, -5:, 16:32] == 0] = 3
    return several.astype(np.uint8)


def clinic(study: Study, folder: Path, several: str) -> None:
    """Fill a study; the clips of the subjects named have three structures, the others the cavity alone."""
    for subject, side in {"a": "train", "b": "train", "c": "train", "e": "val", "f": "val"}.items():
        cine, masks = add_clip(study, folder, subject)
        study.set_split(subject, side)
        correct(study, cine, with_wall_and_atrium(masks) if subject in several else masks)


def save_three(home: Path) -> None:
    torch.manual_seed(1)
    config = replace(CONFIG, classes=3)
    network = Matae(config)
    regions = Regions.nested(CLASS_NAMES)
    network.regions = regions
    card = ModelCard(
        name=BASE, family="matae", architecture=config.to_json(), grid=32, classes=CLASS_NAMES, regions=regions.names,
        data="dark ellipses", licence="BSD-3-Clause",
    )  # fmt: skip
    save(home / "models" / BASE, network, card)


@pytest.mark.parametrize(
    "several",
    [
        pytest.param("abcef", id="all of three", marks=pytest.mark.slow),
        pytest.param("ae", id="some of the cavity alone"),
        pytest.param("", id="an old study"),
    ],
)
def test_a_model_of_three_structures_is_retrained_with_what_was_outlined(
    empty_study: Study, clips: Path, matae_home: Path, tmp_path: Path, several: str
) -> None:
    save_three(matae_home)
    clinic(empty_study, clips, several)
    events: list[Event] = []
    verdict = retrain(empty_study, OPTIONS, folder=tmp_path / "run", emit=events.append)
    assert not [event for event in events if isinstance(event, Notice) and "does not find" in event.sentence]
    assert find_model("after").card.classes == CLASS_NAMES
    assert find_model("after").card.regions == Regions.nested(CLASS_NAMES).names
    figures = verdict.held_out.figures
    wanted = SEVERAL if several else SEVERAL[:2]
    assert sorted(name for name in figures if name.startswith("structure_")) == sorted(wanted)
    assert figures["dice"].after == figures["structure_dice left ventricular cavity"].after
    if several:
        assert figures["structure_dice left atrium"].n == 3 * len(set(several) & set("ef"))
        assert figures["dice"].n == 6


def test_a_model_of_the_cavity_learns_the_cavity_of_frames_with_more_and_says_so(
    empty_study: Study, clips: Path, base: str, tmp_path: Path
) -> None:
    clinic(empty_study, clips, "abcef")
    events: list[Event] = []
    verdict = retrain(empty_study, OPTIONS, folder=tmp_path / "run", emit=events.append)
    said = [event.sentence for event in events if isinstance(event, Notice) and "does not find" in event.sentence]
    left_out = (
        f"15 frames outline the {CLASS_NAMES[1]} and {CLASS_NAMES[2]} too, which the base does not find: only the "
        f"{CLASS_NAMES[0]} is learnt; start from a model of those structures to learn them."
    )
    assert said == [left_out]
    assert find_model("after").card.classes == CLASS_NAMES[:1]
    assert not [name for name in verdict.held_out.figures if name.startswith("structure_")]


def test_frames_in_which_a_structure_was_not_outlined_have_no_figure_of_it() -> None:
    tally = Tally("held out", ("val",))
    for patient, atrium in (("a", None), ("b", 0.5), ("c", None)):
        tally.patients.append(patient)
        tally._add("dice", (0.8, 0.9))
        if atrium is not None:
            tally._add("structure_dice left atrium", (atrium, atrium))
    figures = tally.side("px").figures
    assert (figures["dice"].n, figures["structure_dice left atrium"].n) == (3, 1)
    before = tally.values["structure_dice left atrium"][0]
    assert len(before) == 2
    assert math.isnan(before[0])

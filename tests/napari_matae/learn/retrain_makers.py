"""What the tests of the Retrain section share: the engine's toy clinic, and a base that knows nothing yet."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import torch

from matae.models.pointer import Pointer
from matae.nn.matae import Matae
from matae.store import Study

sys.path.append(str(Path(__file__).parents[2] / "matae" / "learn"))
from learn_makers import BASE, CONFIG, SIDES, fill, save_base

__all__ = ["BASE", "SIDES", "WAIT", "add_base", "clinic", "fill"]

WAIT = 600_000  # for a busy machine; nothing is measured by it


@cache
def _network() -> Matae:
    torch.manual_seed(0)
    return Matae(CONFIG).eval()


def add_base(home: Path) -> None:
    """Put the base into the registry, and into use: it is what a new model is compared with."""
    save_base(home / "models", _network())
    Pointer(BASE).write(home)


def clinic(target: Path, clips: Path, sides: dict[str, str] = SIDES) -> Path:
    """Write a study of corrected toy clips, one of each subject."""
    with Study.create(target, rater="anna") as study:
        fill(study, clips, sides)
    return target

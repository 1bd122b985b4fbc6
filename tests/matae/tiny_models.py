"""A nested network that is small, real and quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.quick_models import save_once

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["save_tiny"]


def save_tiny(folder: Path, name: str, seed: int = 0) -> None:
    save_once(("matae", name, seed), folder, lambda folder: _save(folder, name, seed))


def _save(folder: Path, name: str, seed: int) -> None:
    import torch

    from matae.nn.card import ModelCard
    from matae.nn.checkpoint import save
    from matae.nn.matae import Matae, MataeConfig

    torch.manual_seed(seed)
    model = Matae(MataeConfig(channels=(8, 8, 16))).eval()
    with torch.no_grad():
        model.head.bias.fill_(1.0)  # says yes nearly everywhere: masks that are not empty
    card = ModelCard(
        name=name, family="matae", architecture=model.config.to_json(), grid=32,
        classes=("left ventricular cavity",), data="none", licence="BSD-3-Clause",
        figures={"CAMUS": {"dice": 0.91234, "widths": [0.5, 1.0]}}, limits=("Knows nothing.",),
    )  # fmt: skip
    save(folder, model, card)

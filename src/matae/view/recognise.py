"""Four-chamber or two-chamber: a linear classifier on what the packaged network sees of a clip.

The encoder of ``matae-apical`` at full width, whatever model outlines the clip: the mean and the standard deviation
over the picture of each channel of its two deepest stages, and a logistic regression on them (`scripts/train_view.py`).
The network's autoencoder heads say whether the pictures are of a kind it knows at all; of others nothing is said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae
    from matae.segment.sector import Sector

__all__ = ["MODEL", "STAGES", "SURE", "WEIGHTS", "RecognisedView", "features", "recognise_view"]

MODEL = "matae-apical"
WEIGHTS = "view.safetensors"
"""Beside the weights of the model."""
SURE = 0.9
"""Probability from which a view is believed where nobody states one."""
STAGES = 2  # deepest ones of the encoder
_FRAMES = 4  # of a clip, evenly spread: the view does not change with the beat


@dataclass(frozen=True)
class RecognisedView:
    """What a clip seems to show.

    Parameters
    ----------
    likelier
        The likelier of the views that are told apart, ``A4C`` or ``A2C``.
    probability
        That it is this one and not the other.
    """

    likelier: str
    probability: float

    @property
    def view(self) -> str | None:
        """The view, or None where that is not sure enough."""
        return self.likelier if self.probability >= SURE else None


def recognise_view(cine: Cine, sector: Sector) -> RecognisedView | None:
    """Return which apical view a clip shows.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.

    Returns
    -------
    RecognisedView or None
        None where the pictures are unlike those the classifier was made from, as photographs and other organs are.

    Raises
    ------
    ModelError
        If the packaged network or its classifier is damaged.
    SegmentError
        If the sector lies outside the picture.
    """
    import torch

    from matae.placement import Placement, network_input
    from matae.threads import set_network_threads

    network, card, classifier = _loaded()
    place = Placement.of(cine, sector, card.grid)
    chosen = np.unique(np.linspace(0, cine.n_frames - 1, min(_FRAMES, cine.n_frames)).round().astype(int))
    set_network_threads()
    with torch.inference_mode():
        stages = network.encode(network_input(place.pictures(cine.frames[chosen])), card.familiar["width"])
        errors = network.rebuild(stages).double().numpy()
        found = features(stages).double().numpy()
    if np.median(errors) > card.familiar["limit"]:
        return None
    return classifier.judge(found)


def features(stages: list[Tensor]) -> Tensor:
    """Return mean and standard deviation over the picture of every channel of the deepest stages, (N, features)."""
    import torch

    deepest = [stage.float() for stage in stages[-STAGES:]]
    return torch.cat([stage.mean((2, 3)) for stage in deepest] + [stage.std((2, 3)) for stage in deepest], 1)


@dataclass(frozen=True, eq=False)
class _Classifier:
    """A logistic regression on standardised features."""

    views: tuple[str, str]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: float

    def judge(self, found: NDArray[np.float64]) -> RecognisedView:
        # The frames of a clip are alike, so their logits are averaged: their number makes nobody surer.
        logit = float((((found - self.mean) / self.scale) @ self.weight + self.bias).mean())
        second = 1 / (1 + np.exp(-np.clip(logit, -50, 50)))
        return RecognisedView(self.views[int(second > 0.5)], float(max(second, 1 - second)))


@lru_cache(maxsize=1)
def _loaded() -> tuple[Matae, ModelCard, _Classifier]:
    from matae.errors import ModelError
    from matae.models import load_model
    from matae.nn.matae import Matae

    network, card = load_model(MODEL)
    classifier, about = _read(_path())
    if not isinstance(network, Matae) or network.autoencoder is None or about.get("model_sha256") != card.sha256:
        raise ModelError(f"{WEIGHTS} does not belong to the weights of {MODEL}; install napari-matae again.")
    return network, card, classifier


def _path() -> Path:
    from matae.models import find_model

    return find_model(MODEL).folder / WEIGHTS


def _read(path: Path) -> tuple[_Classifier, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    from matae.errors import ModelError

    try:
        with safe_open(path, "numpy") as file:
            about = file.metadata()
            tensors = {key: file.get_tensor(key).astype(np.float64) for key in ("mean", "scale", "weight", "bias")}
        first, second = json.loads(about["views"])
        bias = float(tensors["bias"][0])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"{WEIGHTS} of {MODEL} cannot be read; install napari-matae again.") from error
    return _Classifier((first, second), tensors["mean"], tensors["scale"], tensors["weight"], bias), about

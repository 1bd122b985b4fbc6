"""What a clip shows, and how well: linear classifiers on what the packaged network sees of it.

The encoder of ``matae-apical`` at full width, whatever model outlines the clip: the mean and the standard deviation
over the picture of each channel of its two deepest stages, and a multinomial logistic regression each for the kind of
picture and for its quality (`scripts/train_view.py`). Where that model outlined the clip, what it saw when it was asked
how well it knows the pictures (`matae.segment.out_of_distribution`) is used again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.out_of_distribution import Familiarity
    from matae.segment.sector import Sector

__all__ = ["GRADES", "KINDS", "MODEL", "SURE", "WEIGHTS", "RecognisedView", "recognise_view"]

MODEL = "matae-apical"
WEIGHTS = "view.safetensors"
"""Beside the weights of the model."""
KINDS = ("A4C", "A2C", "other apical", "not apical", "not an echo")
"""What a clip can show: two standard views, other apical views (three-chamber, five-chamber), echo that is no apical
view, and pictures that are no echo."""
GRADES = ("good", "medium", "poor")
"""Image quality, as the graders of CAMUS call it."""
SURE = 0.9
"""Probability from which a kind is believed where nobody states one."""


@dataclass(frozen=True)
class RecognisedView:
    """What a clip seems to show.

    Parameters
    ----------
    kinds
        Probability of each of `KINDS`.
    grades
        Probability of each of `GRADES`; it means something for A4C and A2C clips only. Empty where the classifier was
        not asked, since the pictures are unlike all that it has seen.
    is_known
        Whether the network knows pictures of this kind; where not, no view is believed.
    """

    kinds: Mapping[str, float]
    grades: Mapping[str, float] = field(default_factory=dict)
    is_known: bool = True

    @property
    def likelier(self) -> str:
        """The likeliest kind."""
        return max(self.kinds, key=self.kinds.__getitem__)

    @property
    def probability(self) -> float:
        """That it is this kind."""
        return self.kinds[self.likelier]

    @property
    def was_asked(self) -> bool:
        """Whether the classifier was asked; where not, the probabilities are no finding of its."""
        return bool(self.grades)

    @property
    def view(self) -> str | None:
        """The standard view, or None where that is not sure enough or the pictures are of no known kind."""
        sure = self.is_known and self.likelier in ("A4C", "A2C") and self.probability >= SURE
        return self.likelier if sure else None

    @property
    def quality(self) -> str | None:
        """The likeliest grade of image quality; None where the clip is no apical four- or two-chamber view."""
        if self.view is None or not self.grades:
            return None
        return max(self.grades, key=self.grades.__getitem__)


def recognise_view(cine: Cine, sector: Sector, seen: Familiarity | None = None) -> RecognisedView:
    """Return what a clip shows.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    seen
        What a network saw when it was asked how well it knows the pictures; used where it is this one.

    Raises
    ------
    ModelError
        If the packaged network or its classifier is damaged.
    SegmentError
        If the sector lies outside the picture.
    """
    from matae.errors import ModelError
    from matae.models import find_model
    from matae.segment.out_of_distribution import familiarity

    sha256 = find_model(MODEL).card.sha256
    classifier = _loaded(sha256)
    if seen is None or seen.sha256 != sha256:
        seen = familiarity(cine, sector, MODEL)
    if seen is None:
        raise ModelError(f"The weights of {MODEL} lack the heads that came with them; install napari-matae again.")
    if seen.is_strange:  # far from all that the classifier has seen, what it says is chance: black can be called A4C
        return RecognisedView({kind: float(kind == "not an echo") for kind in KINDS}, {}, is_known=False)
    return RecognisedView(classifier.kinds.of(seen.pooled), classifier.grades.of(seen.pooled), seen.is_known)


@dataclass(frozen=True, eq=False)
class _Logistic:
    """A multinomial logistic regression on standardised features: weights (features, names), bias (names,)."""

    names: tuple[str, ...]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def of(self, found: NDArray[np.float64]) -> dict[str, float]:
        # The frames of a clip are alike, so their logits are averaged: their number makes nobody surer.
        logits = (found @ self.weight + self.bias).mean(0)
        odds = np.exp(logits - logits.max())
        return {name: float(p) for name, p in zip(self.names, odds / odds.sum(), strict=True)}


@dataclass(frozen=True, eq=False)
class _Classifier:
    kinds: _Logistic
    grades: _Logistic


@lru_cache(maxsize=1)
def _loaded(sha256: str) -> _Classifier:
    from matae.errors import ModelError

    classifier, about = _read(_path())
    if about.get("model_sha256") != sha256:
        raise ModelError(f"{WEIGHTS} does not belong to the weights of {MODEL}; install napari-matae again.")
    return classifier


def _path() -> Path:
    from matae.models import find_model

    return find_model(MODEL).folder / WEIGHTS


def _read(path: Path) -> tuple[_Classifier, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    from matae.errors import ModelError

    try:
        with safe_open(path, "numpy") as file:
            about = file.metadata()
            tensors = {key: file.get_tensor(key).astype(np.float64) for key in file.keys()}  # noqa: SIM118
        found = [_logistic(tensors, about, what, names) for what, names in (("kinds", KINDS), ("grades", GRADES))]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"{WEIGHTS} of {MODEL} cannot be read; install napari-matae again.") from error
    return _Classifier(*found), about


def _logistic(
    tensors: dict[str, NDArray[np.float64]], about: dict[str, str], what: str, names: tuple[str, ...]
) -> _Logistic:
    weight, bias = tensors[f"{what}.weight"], tensors[f"{what}.bias"]
    if tuple(json.loads(about[what])) != names or weight.shape != (len(tensors["scale"]), len(names)):
        raise ValueError(what)
    # Features are standardised; a division of the weights does it once for all.
    weight = weight / tensors["scale"][:, None]
    return _Logistic(names, weight, bias - tensors["mean"] @ weight)

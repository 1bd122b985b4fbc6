"""Is this the kind of picture the network knows? Its autoencoder heads tell, without any mask.

The latents of pictures like those it was trained on rebuild one another; those of a photograph, of noise or of a
negative do not. The share of variance that is left over is compared with a limit from the model's card. What the
encoder sees on the way is kept, so that whoever tells views by it needs no pass of its own. The last few answers are
kept too: one is wanted before a clip is outlined, and again when it is measured.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from matae.errors import DeviceError
from matae.extras import has_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae
    from matae.segment.familiar_onnx import Look
    from matae.segment.sector import Sector

__all__ = ["POOLED", "STRANGE", "Familiarity", "familiarity", "take_notices"]

POOLED = 2
"""Deepest stages of the encoder that are pooled."""
STRANGE = 1.2
"""Share of the limit: of 250 pairs of frames, real, restyled, changed and synthetic (`benchmarks/reliability.py`), the
strangest has 1.07; photographs, text, noise and black pictures have 1.24 and more."""
_BATCH = 4
_KEPT = 4
"""Answers that are kept; each is a few kilobytes."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """How well a network knows the pictures of a clip, and what it sees in them.

    Parameters
    ----------
    errors
        Share of the latents' variance that is not rebuilt, (T,); NaN for frames that were not asked.
    limit
        Of the model's card: beyond it a picture is not of the kind the model knows.
    sha256
        Of the weights.
    pooled
        Mean and spread of the channels of its `POOLED` deepest stages (`matae.nn.pooled`), one row a frame that was
        asked, (N, features).
    """

    errors: NDArray[np.float64]
    limit: float
    sha256: str
    pooled: NDArray[np.float64] = field(repr=False)

    @property
    def is_known(self) -> bool:
        """Whether the pictures, by and large, are of the kind that the model knows."""
        return bool(np.nanmedian(self.errors) <= self.limit)

    @property
    def is_strange(self) -> bool:
        """Whether they are so far from it that nothing else the network sees in them means anything."""
        return bool(np.nanmedian(self.errors) > STRANGE * self.limit)


def familiarity(cine: Cine, sector: Sector, model: str, frames: int = 16) -> Familiarity | None:
    """Return how well a network knows some frames of a clip.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    model
        Name in the registry.
    frames
        How many are asked at most, evenly spread: what kind of picture it is does not change with the beat.

    Returns
    -------
    Familiarity or None
        None where the model has no heads or its card no limit.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    SegmentError
        If the sector lies outside the picture.
    """
    from matae.models import find_model

    sha256 = find_model(model).card.sha256
    key = (
        cine.content_id, cine.pixel_aspect, sector.polygon.tobytes(), sector.apex_down, model, sha256, frames,
    )  # fmt: skip
    with _Answers.lock:  # who asks the same meanwhile waits for the answer
        if key in _Answers.kept:
            _Answers.kept.move_to_end(key)
            return _Answers.kept[key]
        answer = _ask(cine, sector, model, sha256, frames)
        _Answers.kept[key] = answer
        while len(_Answers.kept) > _KEPT:
            _Answers.kept.popitem(last=False)
    return answer


class _Answers:
    lock = threading.Lock()
    kept: ClassVar[OrderedDict[tuple[object, ...], Familiarity | None]] = OrderedDict()
    unsaid: ClassVar[deque[str]] = deque()


def take_notices() -> list[str]:
    """Return what there is to say of how the looking was made ready: each sentence once, to whoever asks first."""
    taken = []
    with suppress(IndexError):
        while True:
            taken.append(_Answers.unsaid.popleft())
    return taken


def _ask(cine: Cine, sector: Sector, model: str, sha256: str, frames: int) -> Familiarity | None:
    """Have the network look at some frames."""
    from matae.placement import Placement

    found = _looking(model, sha256)
    if found is None:
        return None
    look, card = found
    place = Placement.of(cine, sector, card.grid)
    chosen = np.unique(np.linspace(0, cine.n_frames - 1, min(frames, cine.n_frames)).round().astype(int))
    errors, seen = np.full(cine.n_frames, np.nan), []
    for start in range(0, len(chosen), _BATCH):
        part = chosen[start : start + _BATCH]
        errors[part], features = look(place.pictures(cine.frames[part]))
        seen.append(features)
    return Familiarity(errors, float(card.familiar["limit"]), card.sha256, np.concatenate(seen))


def _looking(model: str, sha256: str) -> tuple[Look, ModelCard] | None:
    """Return what looks at pictures, by ONNX Runtime where PyTorch would be loaded for it alone."""
    from matae.models import find_model

    card = find_model(model).card
    if not card.familiar:
        return None  # said before the weights are read
    try:
        if "torch" not in sys.modules and has_extra("onnx"):
            # It saves time, no more: where it is installed and cannot be used, PyTorch looks.
            with suppress(DeviceError, OSError):
                return _onnx_look(model, sha256), card
        return _torch_look(model, sha256), card
    except _NoHeadsError:
        return None


class _NoHeadsError(Exception):
    """The network cannot tell."""


def _with_heads(model: str) -> Matae:
    from matae.models import load_model
    from matae.nn.matae import Matae

    network, _ = load_model(model)
    if not isinstance(network, Matae) or network.autoencoder is None:
        raise _NoHeadsError
    return network


@lru_cache(maxsize=2)
def _onnx_look(model: str, sha256: str) -> Look:  # noqa: ARG001 - other weights, other entry
    from matae.segment.backends import ModelSource
    from matae.segment.familiar_onnx import onnx_look

    card = ModelSource.named(model).card  # its weights are checked, which the file was made of
    return onnx_look(card, POOLED, lambda: _with_heads(model), _Answers.unsaid.append)


@lru_cache(maxsize=2)
def _torch_look(model: str, sha256: str) -> Look:  # noqa: ARG001 - other weights, other entry
    import torch

    from matae.models import find_model
    from matae.nn.pooled import pooled
    from matae.placement import network_input
    from matae.threads import set_network_threads

    network, width = _with_heads(model), find_model(model).card.familiar["width"]

    def look(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        set_network_threads()
        with torch.inference_mode():
            stages = network.encode(network_input(pictures), width)
            return network.rebuild(stages).double().numpy(), pooled(stages, POOLED).double().numpy()

    return look

"""Is this the kind of picture the network knows? Its autoencoder heads tell, without any mask.

The latents of pictures like those it was trained on rebuild one another; those of a photograph, of noise or of a
negative do not. The share of variance that is left over is compared with a limit from the model's card. What the
encoder sees on the way is kept, so that whoever tells views by it needs no pass of its own. The last few answers are
kept too: one is wanted before a clip is outlined, and again when it is measured. Whoever wants the verdict alone has it
from the frames that decide a median, a few more than half.
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
from matae.segment.notices import say_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.nn.matae import Matae
    from matae.segment.familiar_onnx import Look
    from matae.segment.sector import Sector

__all__ = ["POOLED", "STRANGE", "Familiarity", "familiarity", "is_surely_known"]

POOLED = 2
"""Deepest stages of the encoder that are pooled."""
STRANGE = 1.2
"""Share of the limit: of 250 pairs of frames, real, restyled, changed and synthetic (`benchmarks/reliability.py`), the
strangest has 1.07; photographs, text, noise and black pictures have 1.24 and more."""
FRAMES = 16
"""Frames that are asked at most, evenly spread: what kind of picture it is does not change with the beat."""
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


def familiarity(cine: Cine, sector: Sector, model: str, frames: int = FRAMES) -> Familiarity | None:
    """Return how well a network knows some frames of a clip.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    model
        Name in the registry.
    frames
        How many are asked at most.

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
    with _Answers.lock:  # who asks the same meanwhile waits for the answer
        asking = _asking(cine, sector, model, frames)
        return None if asking is None else asking.all_of(cine)


def is_surely_known(cine: Cine, sector: Sector, model: str, frames: int = FRAMES) -> bool:
    """Return whether `familiarity` has or would have the pictures known, having asked as few frames as decide that.

    Parameters
    ----------
    cine, sector, model, frames
        As for `familiarity`, which asks the rest of the frames where it is called after this.

    Returns
    -------
    bool
        False where the pictures are not known, and where frames of both kinds keep each other in balance. True where
        the model cannot tell.

    Raises
    ------
    ModelError, SegmentError
        As `familiarity`.
    """
    with _Answers.lock:
        asking = _asking(cine, sector, model, frames)
        return asking is None or asking.is_surely_known(cine)


def _asking(cine: Cine, sector: Sector, model: str, frames: int) -> _Asking | None:
    """Return what was asked of a clip so far, None where the model cannot tell; called with the lock held."""
    from matae.models import find_model

    sha256 = find_model(model).card.sha256
    key = (
        cine.content_id, cine.pixel_aspect, sector.polygon.tobytes(), sector.apex_down, model, sha256, frames,
    )  # fmt: skip
    if key in _Answers.kept:
        _Answers.kept.move_to_end(key)
        return _Answers.kept[key]
    found = _looking(model, sha256)
    asking = None if found is None else _Asking(cine, sector, *found, frames)
    _Answers.kept[key] = asking
    while len(_Answers.kept) > _KEPT:
        _Answers.kept.popitem(last=False)
    return asking


class _Asking:
    """A clip whose frames are asked, as many as are needed.

    Parameters
    ----------
    cine, sector
        The clip, and the part of it the network sees.
    look, card
        What looks at pictures, and the card of its model.
    frames
        How many are asked at most.
    """

    def __init__(self, cine: Cine, sector: Sector, look: Look, card: ModelCard, frames: int) -> None:
        from matae.placement import Placement

        self._look, self._card = look, card
        self._place = Placement.of(cine, sector, card.grid)
        chosen = np.unique(np.linspace(0, cine.n_frames - 1, min(frames, cine.n_frames)).round().astype(int))
        self._wanted = len(chosen)
        self._left = deque(int(t) for t in (*chosen[::2], *chosen[1::2]))  # the first few are spread over the clip
        self._errors = np.full(cine.n_frames, np.nan)
        self._seen: dict[int, NDArray[np.float64]] = {}

    def is_surely_known(self, cine: Cine) -> bool:
        """Ask until more than half of all frames are within the limit, or no longer can be."""
        limit, enough = self._card.familiar["limit"], self._wanted // 2 + 1
        while (within := int((self._errors <= limit).sum())) < enough and within + len(self._left) >= enough:
            self._ask(cine, is_last=within + 1 == enough)
        return within >= enough

    def all_of(self, cine: Cine) -> Familiarity:
        """Ask the frames that are left, and return what was found."""
        while self._left:
            self._ask(cine, is_last=len(self._left) == 1)
        pooled = np.stack([self._seen[t] for t in sorted(self._seen)])
        return Familiarity(self._errors, float(self._card.familiar["limit"]), self._card.sha256, pooled)

    def _ask(self, cine: Cine, *, is_last: bool) -> None:
        # A frame a time: what the network keeps of them on the way would be the largest that many a command holds.
        frame = self._left[0]
        error, seen = self._look(self._place.pictures(cine.frames[frame : frame + 1]), is_last=is_last)
        self._errors[frame], self._seen[frame] = error[0], seen[0]
        self._left.popleft()


class _Answers:
    lock = threading.Lock()
    kept: ClassVar[OrderedDict[tuple[object, ...], _Asking | None]] = OrderedDict()


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
    return onnx_look(card, POOLED, lambda: _with_heads(model), say_once)


@lru_cache(maxsize=2)
def _torch_look(model: str, sha256: str) -> Look:  # noqa: ARG001 - other weights, other entry
    import torch

    from matae.models import find_model
    from matae.nn.pooled import pooled
    from matae.placement import network_input
    from matae.threads import set_network_threads

    network, width = _with_heads(model), find_model(model).card.familiar["width"]

    def look(
        pictures: NDArray[np.uint8],
        *,
        is_last: bool = False,  # noqa: ARG001 - PyTorch keeps what it took
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        set_network_threads()
        with torch.inference_mode():
            stages = network.encode(network_input(pictures), width)
            return network.rebuild(stages).double().numpy(), pooled(stages, POOLED).double().numpy()

    return look

"""A network between two of one kind: what was learnt last, with some of what was known before."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, TypeVar

import torch

from matae.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    Net = TypeVar("Net", bound=nn.Module)

__all__ = ["blend"]

_STAGE = re.compile(r"(?:encoder|up|decoder)\.(\d+)\.|autoencoder\.latents\.(\d+)\.")
_DEEP = 2  # stages of the coarsest grids


def blend(before: Net, after: Net, share: float, *, deep: float | None = None) -> Net:
    """Return a network whose weights and batch statistics lie on the line from one to the other.

    A network that was fine-tuned forgets less, and hardly loses what it learnt, when it goes back a part of the way
    (M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).

    Parameters
    ----------
    before, after
        The network before and after it was trained; neither is changed.
    share
        How far along the line: 0 is `before`, 1 is `after`.
    deep
        The same for the two deepest stages; as the others if None.

    Raises
    ------
    ModelError
        If they are no networks of one shape, or a share is outside 0 to 1.
    """
    deep = share if deep is None else deep
    for each in (share, deep):
        if not 0.0 <= each <= 1.0:
            raise ModelError(f"A share of {each} lies outside the line between two networks; choose 0 to 1.")
    old, new = before.state_dict(), after.state_dict()
    if {key: value.shape for key, value in old.items()} != {key: value.shape for key, value in new.items()}:
        raise ModelError("The two networks have other layers, so there is nothing between them; take two of one shape.")
    last = max((_stage(key) for key in new), default=-1)
    made = deepcopy(after)
    made.load_state_dict({
        key: torch.lerp(old[key], value, deep if _stage(key) > last - _DEEP >= 0 else share)
        if value.is_floating_point() else value
        for key, value in new.items()
    })  # fmt: skip
    return made


def _stage(key: str) -> int:
    """Return the stage a weight belongs to, 0 the finest; -1 for one of none."""
    found = _STAGE.match(key)
    if found is None:
        return -1
    return int(found[1]) if found[2] is None else int(found[2]) + 1  # a head reads the stage after the one it rebuilds

"""What a base could do on real hearts, and whether a model made from it still does.

A base that has only seen synthetic hearts could do nothing on real ones that corrections of real ones would not know
better: what it loses on synthetic hearts is reported, and nothing goes back for its sake. What a base of real hearts
could do is guarded on the study's own patients of whom nobody corrected anything: there the new model is to agree with
the base's own masks wherever the base is sure of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from matae.train.progress import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.learn.uncorrected import Pictures
    from matae.nn.card import ModelCard
    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["KEPT_MARGIN", "KeptFrames", "agreement", "base_on", "saw_only_synthetic"]

KEPT_MARGIN = 0.05
"""Mean agreement that may be lost: a site that draws its outlines elsewhere moves them in every heart."""
_SURE = 0.9  # of |2 p - 1|: probabilities of 0.05 and below, or 0.95 and above
_AT_A_TIME = 8
_SYNTHETIC = ("No patient's picture was used to train it", "It has never seen a real heart")


def saw_only_synthetic(card: ModelCard) -> bool:
    """Return whether a model's card says that it has seen synthetic hearts only."""
    said = " ".join((card.data, *card.limits))
    return any(words in said for words in _SYNTHETIC)


@dataclass(frozen=True, eq=False)
class KeptFrames:
    """Frames of patients nobody corrected, with what the base says of them.

    Parameters
    ----------
    frames
        Pictures, and the base's own masks of them.
    sure
        Pixels of which the base is sure: every width says the same, with a probability near 0 or 1; (N, Y, X).
    """

    frames: LabelledFrames
    sure: NDArray[np.bool_]


@torch.no_grad()
def base_on(network: Network, pictures: Pictures, grid: int, should_stop: Callable[[], bool] = never) -> KeptFrames:
    """Return what the base, in inference mode, says of frames, and where it is sure.

    Raises
    ------
    StoppedError
        If `should_stop` said so between two passes.
    """
    from matae.train.data import LabelledFrames

    network = network.eval()
    device = next(network.parameters()).device
    size, masks, sure = pictures.images.shape[1:], [], []
    for start in range(0, len(pictures.images), _AT_A_TIME):
        if should_stop():
            raise StoppedError
        images = torch.tensor(pictures.images[start : start + _AT_A_TIME], device=device)[:, None].float() / 255
        images = F.interpolate(images, (grid, grid), mode="bilinear", antialias=True)
        own, certain = None, None
        for width in sorted(network.widths, reverse=True):
            logits = F.interpolate(network(images, width).float(), size, mode="bilinear")
            labels = network.regions.labels(logits)
            if own is None or certain is None:
                own, certain = labels, ((2 * logits.sigmoid() - 1).abs() > _SURE).all(1)
            else:
                certain = certain & (labels == own)
        if own is not None and certain is not None:
            masks.append(own.cpu().numpy().astype(np.uint8))
            sure.append(certain.cpu().numpy())
    n = len(pictures.names)
    frames = LabelledFrames(
        pictures.images, np.concatenate(masks), pictures.names, pictures.patients, ("",) * n, np.full(n, np.nan)
    )
    return KeptFrames(frames, np.concatenate(sure))


def agreement(
    network: Network, kept: KeptFrames, grid: int, should_stop: Callable[[], bool] = never
) -> NDArray[np.float64]:
    """Return for each frame the Dice with the base's own mask of the first class, where the base is sure; (N,).

    Raises
    ------
    StoppedError
        If `should_stop` said so between two passes.
    """
    from matae.learn.replay import guard_dice

    return guard_dice(network.eval(), kept.frames, grid, should_stop, where=kept.sure)

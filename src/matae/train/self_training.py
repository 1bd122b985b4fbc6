"""Self-training: frames nobody labelled teach through an averaged teacher.

The teacher is the running average of the weights, which every run keeps anyway (A. Tarvainen and H. Valpola, "Mean
teachers are better role models", NeurIPS 2017). It looks at an unlabelled frame that was only moved; the network learns
to say the same of that frame with its grey levels changed far, in the same place (K. Sohn et al., "FixMatch", NeurIPS
2020, with soft targets: no threshold decides, each pixel counts as much as the teacher is sure of it).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor

    from matae.nn.network import Network
    from matae.train.augment import AugmentConfig

__all__ = ["against_teacher", "ramp", "strongly", "teach"]

_RAMP = 1 / 3  # of the steps: a teacher that has seen nothing of this site yet has little to say
_GAMMA, _GAIN, _BLUR, _DRIFT = 2.2, 0.35, 0.4, 0.6


def strongly(usual: AugmentConfig) -> AugmentConfig:
    """Return ranges that move a frame as the usual ones do, and change its grey levels further."""
    return replace(
        usual,
        gamma=max(usual.gamma, _GAMMA),
        gain=max(usual.gain, _GAIN),
        blur=max(usual.blur, _BLUR),
        drift=max(usual.drift, _DRIFT),
        restyled=0.0,
    )


def ramp(step: int, steps: int) -> float:
    """Return how much unlabelled frames count at a step from 0: from nearly nothing to 1 over the first third."""
    return min(1.0, (step + 1) / max(1.0, steps * _RAMP))


@torch.no_grad()
def teach(fabric: Fabric, teacher: Network, weak: Tensor, chunk: int) -> Tensor:
    """Return what the teacher says of weakly changed frames: probabilities (N, classes, H, W), at its full width."""
    found = []
    for images in torch.split(weak, chunk):
        with fabric.autocast():
            logits = teacher(images.to(memory_format=torch.channels_last), 1.0)
        found.append(logits.float().sigmoid())
    return torch.cat(found)


def against_teacher(logits: Tensor, taught: Tensor) -> Tensor:
    """Return cross-entropy plus soft Dice against the teacher, each pixel weighted by how sure the teacher is.

    Parameters
    ----------
    logits
        Network output (N, classes, H, W).
    taught
        The teacher's probabilities, of the same shape. A pixel at 0.5 counts nothing, one at 0 or 1 counts whole.

    Returns
    -------
    Tensor
        Scalar.
    """
    logits = logits.float()
    sure = (2 * taught - 1).square()
    cross_entropy = (sure * F.binary_cross_entropy_with_logits(logits, taught, reduction="none")).mean()
    probability = logits.sigmoid()
    both = (sure * probability * taught).sum((-2, -1))
    # Squares below the line: the loss of soft targets is least where they are met, not where they are overshot.
    total = (sure * (probability.square() + taught.square())).sum((-2, -1))
    return cross_entropy + 1 - ((2 * both + 1) / (total + 1)).mean()

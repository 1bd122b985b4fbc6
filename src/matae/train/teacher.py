"""Distillation: a network that is trained already teaches another beside the masks (Hinton et al., arXiv 1503.02531).

The teacher sees the very frames that the student sees, moved and restyled as they are, and says how probable each
structure is in each pixel. Every width of the student learns to say the same, beside what it learns from the masks. A
large network, or one that learnt from other pictures, can so be of use to one that is small enough for a laptop; it
is needed at training only.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from matae.errors import TrainError
from matae.models import find_model
from matae.nn.checkpoint import CARD, load
from matae.nn.network import to_device

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor

    from matae.nn.card import ModelCard
    from matae.nn.network import Network
    from matae.train.config import TrainConfig

__all__ = ["against_probabilities", "check_teacher", "load_teacher", "probabilities", "teacher_digest", "to_teach"]


def load_teacher(teacher: str) -> tuple[Network, ModelCard]:
    """Return the network that `TrainConfig.teacher` names, and its card.

    Parameters
    ----------
    teacher
        Folder of a finished training, or the name of a model of the registry.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    TrainError
        If it names a folder or a file that is no model.
    """
    path = Path(teacher)
    if (path / CARD).is_file():
        return load(path)
    if path.exists():
        raise TrainError(f"{teacher} holds no trained model; name the folder of a finished training, or a model.")
    return load(find_model(teacher).folder)


def check_teacher(model: Network, teacher: Network | None, config: TrainConfig) -> None:
    """Refuse a teacher that cannot teach `model`.

    Raises
    ------
    TrainError
        If it outlines other structures, or cannot look at frames of the settings' grid.
    """
    if teacher is None or not config.teaching:
        return
    own, others = model.regions, teacher.regions
    if (own.classes, own.covers) != (others.classes, others.covers):
        raise TrainError(
            f"The teacher outlines {', '.join(others.classes)}, this training {', '.join(own.classes)}; "
            "choose a teacher of the same structures in the same order."
        )
    if config.grid % teacher.divisor:
        raise TrainError(
            f"A grid of {config.grid} does not fit the teacher; choose a multiple of {teacher.divisor}, or another."
        )


def to_teach(teacher: Network, device: torch.device) -> Network:
    """Return a copy of a network that only speaks: in inference mode, on a device, without gradients."""
    copy = deepcopy(teacher).requires_grad_(requires_grad=False).eval()
    to_device(copy, device)
    return copy


def teacher_digest(teacher: Network) -> str:
    """Return the SHA-256 of a network's weights, by which a run that goes on knows its teacher again."""
    digest = hashlib.sha256()
    for key, value in teacher.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


@torch.no_grad()
def probabilities(fabric: Fabric, teacher: Network, images: Tensor) -> Tensor:
    """Return what a teacher says of images (N, 1, H, W): probabilities (N, classes, H, W), at its full width."""
    with fabric.autocast():
        logits: Tensor = teacher(images, 1.0)
    return logits.float().sigmoid()


def against_probabilities(logits: Tensor, said: Tensor) -> Tensor:
    """Return cross-entropy plus soft Dice against what the teacher said.

    Parameters
    ----------
    logits
        Network output (N, classes, H, W).
    said
        The teacher's probabilities, of the same shape.

    Returns
    -------
    Tensor
        Scalar, least where both say the same.
    """
    logits = logits.float()
    probability = logits.sigmoid()
    both = (probability * said).sum((-2, -1))
    # Squares below the line: the loss of soft targets is least where they are met, not where they are overshot.
    total = (probability.square() + said.square()).sum((-2, -1))
    return F.binary_cross_entropy_with_logits(logits, said) + 1 - ((2 * both + 1) / (total + 1)).mean()

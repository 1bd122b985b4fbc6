"""The networks that are measured: the shipped one at its widths, the published ones; tiny ones in a dry run."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from matae.nn.network import to_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from stage import Stage

    from matae.segment.backends import ModelSource

__all__ = ["autocast", "model_source", "ready", "sync"]

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def model_source(stage: Stage) -> ModelSource:
    """Return the model that ships, or a tiny one in a dry run."""
    from matae.models import current_model
    from matae.segment.backends import ModelSource

    if not stage.dry:
        return ModelSource.named(current_model())
    from matae.nn.matae import Matae, MataeConfig

    torch.manual_seed(0)
    network = Matae(MataeConfig(channels=(8, 8, 16), widths=(0.5, 1.0))).eval()
    with torch.no_grad():
        network.head.bias.fill_(1.0)
    return ModelSource.of(network, 32)


def autocast(device: str, precision: str) -> Any:
    """Return what makes a pass run in a precision."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, TYPES[precision])


def ready(network: Any, device: str) -> Any:
    """Return a network on a device, as the backend puts it there."""
    import copy

    moved = copy.deepcopy(network).eval()
    to_device(moved, torch.device(device))
    return moved


def sync(device: str) -> Callable[[], None]:
    """Return what waits until a device has done all it was asked for."""
    return torch.cuda.synchronize if torch.device(device).type == "cuda" else lambda: None

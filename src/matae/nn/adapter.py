"""Adapters: a small file that makes a model fit one site, and can be taken away again.

Convolutions get a change of low rank (ConvLoRA, S. Aleem et al. 2024), batch norm its own statistics and affine
numbers (AdaBN, Y. Li et al. 2018), the last layer its own weights; everything else stays the base's. For inference the
change is added to the weights, so that a model with an adapter is a model like any other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from matae.errors import ModelError
from matae.files import write_atomic, writing_to
from matae.nn.matae import Matae

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from matae.nn.card import ModelCard
    from matae.nn.network import Network

__all__ = [
    "ADAPTER", "Adapter", "ConvAdapter", "adapt_norms", "add_adapter", "apply_adapter", "read_adapter", "take_adapter",
]  # fmt: skip

ADAPTER = "adapter.safetensors"
_RANK = 4
_OWN = (".adapter.", ".norms.", "head.", "offsets")


class ConvAdapter(nn.Module):
    """A change of low rank to the weight of a 3x3 convolution (ConvLoRA, Aleem et al. 2024): nothing at first.

    Parameters
    ----------
    shape
        Of the weight, (outputs, inputs, rows, columns).
    rank
        Rank per kernel row; the change has at most `rank` times the kernel's side.
    """

    def __init__(self, shape: tuple[int, ...], rank: int) -> None:
        super().__init__()
        outputs, inputs, side, _ = shape
        self.shape = shape
        self.down = nn.Parameter(torch.empty(rank * side, inputs * side))
        self.up = nn.Parameter(torch.zeros(outputs * side, rank * side))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self) -> Tensor:
        """Return the change of the weight."""
        return (self.up @ self.down).view(self.shape)


@dataclass(frozen=True, eq=False)
class Adapter:
    """The difference between a base and a model that was fitted to a site.

    Parameters
    ----------
    base, base_sha256
        Name and digest of the model it belongs to; it fits no other.
    rank
        Rank of the changes.
    tensors
        The changes, batch statistics and last layer, by the names they have in the network.
    """

    base: str
    base_sha256: str
    rank: int
    tensors: Mapping[str, Tensor]

    def save(self, path: Path) -> None:
        """Write it, whole or not at all.

        Raises
        ------
        OutputError
            If the disk is full or the folder cannot be written.
        """
        from safetensors.torch import save

        facts = {"base": self.base, "base_sha256": self.base_sha256, "rank": self.rank}
        content = save(dict(self.tensors), metadata={"adapter": json.dumps(facts, sort_keys=True)})
        with writing_to(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)


def add_adapter(network: Network, *, rank: int = _RANK, seed: int = 0) -> None:
    """Give every nested convolution a change of low rank, and freeze all but those, batch norm and the last layer.

    Raises
    ------
    ModelError
        If the network is no nested one.
    """
    if not isinstance(network, Matae):
        raise ModelError("Only a nested network (family matae) takes an adapter; retrain this one fully.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for conv in network.nested():
            conv.adapter = ConvAdapter(tuple(conv.weight.shape), rank).to(conv.weight.device)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(any(part in name for part in _OWN))


def take_adapter(network: Network, base: ModelCard, *, rank: int = _RANK) -> Adapter:
    """Return the adapter of a network that `add_adapter` prepared and that was trained since.

    Matrices are rounded to half precision, as they are kept.
    """
    tensors = {
        name: value.detach().cpu().half().contiguous() if value.is_floating_point() and value.ndim > 1
        else value.detach().cpu().clone()
        for name, value in network.state_dict().items() if any(part in name for part in _OWN)
    }  # fmt: skip
    return Adapter(base.name, base.sha256, rank, tensors)


def apply_adapter(network: Network, adapter: Adapter) -> None:
    """Turn the base, in place, into the model that the adapter makes of it; no adapter is left in it.

    Raises
    ------
    ModelError
        If the adapter does not fit the network.
    """
    add_adapter(network, rank=adapter.rank)
    own = network.state_dict()
    for name, value in adapter.tensors.items():
        if name not in own or own[name].shape != value.shape:
            raise ModelError(f"The adapter of {adapter.base} does not fit this network ({name}); choose its own base.")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelError(f"The adapter of {adapter.base} holds values that are not finite; fit it again.")
    network.load_state_dict(own | {k: v.float() if v.is_floating_point() else v for k, v in adapter.tensors.items()})
    if isinstance(network, Matae):
        with torch.no_grad():
            for conv in network.nested():
                if conv.adapter is not None:
                    conv.weight.add_(conv.adapter())
                conv.adapter = None
    network.requires_grad_(requires_grad=True)


def read_adapter(path: Path) -> Adapter:
    """Read an adapter.

    Raises
    ------
    ModelError
        If the file is missing or is no adapter.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["adapter"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        return Adapter(str(facts["base"]), str(facts["base_sha256"]), int(facts["rank"]), tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path.name} is no adapter ({error}); choose an {ADAPTER} file.") from None


@torch.no_grad()
def adapt_norms(network: Network, images: Tensor, *, batch: int = 16) -> None:
    """Take the batch statistics of every width from pictures of a site (AdaBN); no labels are needed.

    Parameters
    ----------
    network
        Changed in place; left in inference mode.
    images
        Frames on the network's grid, (N, 1, grid, grid) in 0-1.
    batch
        Frames a pass; the statistics are the mean over passes.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    network.train()
    for width in network.widths:
        for part in torch.split(images, batch):
            network(part, width)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    network.eval()

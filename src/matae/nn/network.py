"""The interface that every network here has: ``forward(x, width)`` gives logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from matae.nn.regions import Regions

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Network", "to_device"]


class Network(nn.Module):
    """Base of the networks.

    Attributes
    ----------
    widths
        Widths it can run at, narrowest first; the last is 1.
    divisor
        Both sides of its input must be a multiple of this.
    classes
        Number of logits, and of foreground classes.
    regions
        What each logit stands for; one class each, without a name, where nobody said.
    """

    widths: tuple[float, ...]
    divisor: int
    classes: int
    _regions: Regions | None = None

    @property
    def regions(self) -> Regions:
        """What each logit stands for."""
        return self._regions or Regions.numbered(self.classes)

    @regions.setter
    def regions(self, regions: Regions) -> None:
        if len(regions.covers) != self.classes:
            raise ValueError(f"{len(regions.covers)} regions for {self.classes} logits")
        self._regions = regions

    def forward(self, x: Tensor, width: float = 1.0) -> Tensor:
        """Return logits (N, classes, H, W) for grey frames (N, 1, H, W) in 0-1.

        Parameters
        ----------
        x
            Frames; sides a multiple of `divisor`.
        width
            One of `widths`.

        Raises
        ------
        ModelError
            If the network has no such width.
        """
        raise NotImplementedError

    def plain(self, width: float = 1.0) -> Network:
        """Return the network at `width` alone, as the runtimes take it; the network itself if it has one width.

        Raises
        ------
        ModelError
            If the network has no such width.
        """
        raise NotImplementedError


def to_device(network: Network, device: torch.device) -> None:
    """Move a network to a device, its kernels with the channels last, which convolutions run faster on.

    Not on an Apple GPU, whose convolutions of such kernels have given wrong values.
    """
    network.to(device)
    if device.type == "mps":
        return
    for values in (*network.parameters(), *network.buffers()):
        if values.ndim == 4:
            values.data = values.data.contiguous(memory_format=torch.channels_last)

"""What a network costs: parameters and arithmetic for a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Cost", "network_cost"]


class Cost(NamedTuple):
    """Parameters, and the arithmetic of one frame in GFLOP (10^9, a multiplication and its addition are two)."""

    parameters: int
    gflop: float


def network_cost(network: nn.Module, grid: int) -> Cost:
    """Return what a network costs for one frame.

    Convolutions and matrix products are counted, by torch's own counter; activations, pooling and interpolation are
    not. So counted, the published networks have the 0.238 and 14.07 GFLOP that are quoted for them.

    Parameters
    ----------
    network
        A network as it runs: one width, batch norm folded. It takes (1, 1, grid, grid).
    grid
        Side of its input in pixels.
    """
    import copy

    import torch
    from torch.utils.flop_counter import FlopCounterMode

    parameters = sum(parameter.numel() for parameter in network.parameters())
    # On the meta device nothing is computed: only shapes pass through.
    shapes = copy.deepcopy(network).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shapes(torch.zeros(1, 1, grid, grid, device="meta"))
    return Cost(parameters, counter.get_total_flops() / 1e9)

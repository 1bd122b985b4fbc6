"""Each convolution of an extracted network with its bias and its ReLU as one kernel of cuDNN.

On a GPU maps are read and written for each of the three otherwise, which takes longer than the convolution computes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from matae.nn.matae import PlainMatae
from matae.nn.network import to_device

if TYPE_CHECKING:
    from torch import Tensor, nn

    from matae.nn.network import Network

__all__ = ["fused"]


def fused(network: Network, dtype: torch.dtype) -> PlainMatae | None:
    """Return a network that computes the same in a type by fewer kernels, None where the network or the GPU cannot.

    Parameters
    ----------
    network
        On a CUDA GPU.
    dtype
        Of the weights, and of the pictures that the result takes.

    Raises
    ------
    OutOfMemoryError
        If the GPU is full.
    """
    if not isinstance(network, PlainMatae):
        return None
    found, weight, side = PlainMatae(network.config), network.head.weight, network.config.divisor
    found.load_state_dict(network.state_dict())
    to_device(found.to(dtype).eval(), weight.device)
    found.regions, found.rectified = network.regions, _in_one
    try:
        with torch.inference_mode():
            found(torch.zeros(1, 1, side, side, dtype=dtype, device=weight.device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError):  # another maker's GPU, or a cuDNN without it
        return None
    return found


def _in_one(conv: nn.Conv2d, x: Tensor) -> Tensor:
    padding = conv.padding if isinstance(conv.padding, tuple) else ()
    return torch.cudnn_convolution_relu(x, conv.weight, conv.bias, conv.stride, padding, conv.dilation, conv.groups)

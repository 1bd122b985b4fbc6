"""Several processes that train as one: batch norm over the whole batch, gradients summed.

Each process sees its part of the batch. A loss is a mean over frames, so its part is weighted by the share of frames
and the gradients are summed; batch statistics are those of all frames, differentiably. What comes out is what one
process with the whole batch computes, up to rounding. (`torch.nn.SyncBatchNorm` does this on CUDA alone, and
DistributedDataParallel knows one forward pass a step, where the nested network has several.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, distributed, nn

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["agreed", "share_batch_norm", "sum_gradients"]


class _Sum(torch.autograd.Function):
    """The sum over all processes; what flows back is the sum of what flows back in each of them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


def _summed(x: Tensor) -> Tensor:
    return cast("Tensor", _Sum.apply(x))  # type: ignore[no-untyped-call]


class _SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics in training are those of the frames of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised maps."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        here = values.new_full((1,), values.numel() / values.shape[1])  # written there: a copy from here would wait
        sums = _summed(torch.cat([values.sum((0, 2, 3)), here]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        # The second pass costs a message more; the difference of two large sums would cost digits.
        variance = _summed((values - mean[:, None, None]).square().sum((0, 2, 3))) / count
        with torch.no_grad():
            momentum = self.momentum if self.momentum is not None else 0.1
            cast("Tensor", self.running_mean).lerp_(mean.detach(), momentum)
            unbiased = variance.detach() * (count / (count - 1).clamp_min(1))
            cast("Tensor", self.running_var).lerp_(unbiased, momentum)
            cast("Tensor", self.num_batches_tracked).add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return ((values - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def share_batch_norm(module: nn.Module) -> None:
    """Make every batch norm below `module` take its statistics over all processes; names and values stay."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            shared = _SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.weight, shared.bias = child.weight, child.bias
            for key in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(shared, key, getattr(child, key))
            shared.train(child.training)
            setattr(module, name, shared)
        else:
            share_batch_norm(child)


def agreed(here: tuple[bool, bool], device: torch.device) -> tuple[bool, bool]:
    """Return what the first process says, in all of them: numbers on the device, no objects that must be packed."""
    said = torch.zeros(2, dtype=torch.uint8, device=device)
    for place, value in enumerate(here):
        if value:
            said[place] = 1
    distributed.broadcast(said, 0)
    first, second = said.tolist()
    return bool(first), bool(second)


@torch.no_grad()
def sum_gradients(parameters: Iterable[nn.Parameter], extra: Tensor) -> Tensor:
    """Sum the gradients of all processes in place, in one message, and return the sum of `extra`.

    Parameters
    ----------
    parameters
        The same in every process. One without a gradient here may have one elsewhere, so it takes part as zero; a
        parameter that has none anywhere ends up with zeros.
    extra
        Numbers (N,) to be summed along.
    """
    wanted = [p for p in parameters if p.requires_grad]
    pieces = [torch.zeros_like(p) if p.grad is None else p.grad for p in wanted]
    flat = torch.cat([extra.to(torch.float32), *(piece.reshape(-1) for piece in pieces)])
    distributed.all_reduce(flat)
    start = len(extra)
    for parameter, piece in zip(wanted, pieces, strict=True):
        parameter.grad = flat[start : start + piece.numel()].view_as(piece)
        start += piece.numel()
    return flat[: len(extra)]

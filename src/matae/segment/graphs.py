"""CUDA graphs: what a GPU is asked for again and again is recorded once, and launched at once from then on.

Starting a kernel costs the processor as long as a small kernel computes; a network has some hundred of them, and what
decides structures has more. Importing this imports torch.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import torch

from matae.segment.structures_on_device import structures

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from torch import Tensor

    from matae.nn.regions import Regions

__all__ = ["Graphs", "captured", "decided"]

_OFTEN = 4
"""Times that something is done before it is recorded: recording costs about as much as doing it seven times."""
_SMALL = 2**23
"""Native pixels of a batch up to which starting kernels is what costs."""
_STEP = 16
"""Sides are rounded up to this and, where they are longer, to an eighth: so few graphs serve all clips."""
_MOST = 3
"""Graphs of structures that are kept; each holds some 70 bytes for each native pixel."""
_IDLE = 16
"""Batches after which a graph that none of them used makes room: sizes in turn would be recorded again and again."""
_NOTHING = -30.0
"""Logit of what lies outside."""

_Result = TypeVar("_Result")


def captured(work: Callable[[Tensor], _Result], like: Tensor) -> Callable[[Tensor], _Result]:
    """Return work on a GPU as a CUDA graph, for tensors of one shape; each result is overwritten by the next.

    Parameters
    ----------
    work
        What is done: nothing in it may wait for the GPU.
    like
        Such a tensor, on the GPU.
    """
    given = torch.zeros_like(like)
    side = torch.cuda.Stream(like.device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(like.device))
    with torch.cuda.stream(side):
        for _ in range(3):  # kernels are chosen and workspaces made before anything is captured
            work(given)
    torch.cuda.current_stream(like.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Other threads go on uploading meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = work(given)

    def replay(now: Tensor) -> _Result:
        given.copy_(now)
        graph.replay()
        return result

    return replay


def decided(native: Tensor, regions: Regions) -> tuple[Tensor, Tensor, Tensor]:
    """Return classes and certainty of native logits, (N, H, W) uint8 both, and which frames are done, (N,) bool.

    Parameters
    ----------
    native
        (N, regions, H, W).
    regions
        What each logit stands for.
    """
    mask, is_done = structures(native, regions)
    certain = (native.amax(1).sigmoid() * 255).round().to(torch.uint8)
    return mask, certain, is_done


class Graphs:
    """The graphs of one network on one GPU, and of what decides its structures."""

    def __init__(self) -> None:
        self._networks: dict[Hashable, Callable[[Tensor], Tensor]] = {}
        self._structures: dict[Hashable, Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]] = {}
        self._seen: Counter[Hashable] = Counter()
        self._used: dict[Hashable, int] = {}
        self._batches = 0
        self._is_full = False

    def clear(self) -> None:
        """Let go of all of them, and of their memory."""
        self._networks.clear()
        self._structures.clear()

    def network(self, key: Hashable, forward: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        """Return the logits of pictures, to be used before the next ones are asked for.

        Parameters
        ----------
        key
            What the graph depends on.
        forward
            The network.
        pictures
            (N, grid, grid) uint8 on the GPU.
        """
        if key not in self._networks:
            self._networks[key] = captured(forward, pictures)
        return self._networks[key](pictures)

    def decided(self, native: Tensor, regions: Regions) -> tuple[Tensor, Tensor, Tensor]:
        """Return what `decided` returns, from a graph where that saves time.

        Parameters
        ----------
        native, regions
            As for `decided`, of a whole batch.
        """
        count, maps, height, width = native.shape
        rows, columns = _rounded_up(height), _rounded_up(width)
        if count * rows * columns > _SMALL:
            return decided(native, regions)
        key = count, rows, columns, regions
        self._batches += 1
        if key not in self._structures and not self._is_worth(key):
            return decided(native, regions)
        padded: Tensor = torch.full((count, maps, rows, columns), _NOTHING, device=native.device)
        padded[:, :, :height, :width] = native
        graph = self._structures.pop(key, None) or self._recorded(padded, regions)
        if graph is None:
            return decided(native, regions)
        self._structures[key] = graph  # the last one is the one that was used last
        self._used[key] = self._batches
        mask, certain, is_done = graph(padded)
        return mask[:, :height, :width], certain[:, :height, :width], is_done

    def _is_worth(self, key: Hashable) -> bool:
        """Return whether it is time to record something, and make room for it."""
        self._seen[key] += 1
        if self._is_full or self._seen[key] <= _OFTEN:
            return False
        if len(self._structures) == _MOST:
            oldest = next(iter(self._structures))
            if self._batches - self._used[oldest] < _IDLE:
                return False
            del self._structures[oldest]
        return True

    def _recorded(self, padded: Tensor, regions: Regions) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]] | None:
        """Return a new graph; none any more where memory does not suffice for it, since what it does needs less."""
        try:
            return captured(lambda logits: decided(logits, regions), padded)
        except torch.OutOfMemoryError:
            self._is_full = True
        self._structures.clear()
        return None


def _rounded_up(side: int) -> int:
    step = max(_STEP, 1 << (side.bit_length() - 3))
    return -(-side // step) * step

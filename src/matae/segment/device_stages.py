"""The stages of segmenting on a CUDA GPU: a byte a pixel goes over the bus, two come back, all else happens there.

Frames are scaled, run through the network, brought back to native pixels and taken apart into structures on the GPU,
with the results that the CPU gives, most of it as CUDA graphs (`matae.segment.graphs`). The few frames that are not
simple come back as logits, those of the part where something is possible, for the CPU. What of it does not work on a
GPU is left, for the plain way: the network there, the rest on the CPU, and why is said once.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from matae.cine import Box
from matae.errors import DeviceError
from matae.segment.backends.precision import is_out_of_memory
from matae.segment.cleanup import POSSIBLE, rectangle
from matae.segment.graphs import decided
from matae.segment.on_device import Placer
from matae.segment.pipeline import HostStages
from matae.segment.restore import SURE
from matae.segment.results import FrameMask
from matae.segment.structures import find_structures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Cine
    from matae.nn.regions import Regions
    from matae.placement import Placement
    from matae.segment.backends.torch_backend import TorchBackend

__all__ = ["DeviceStages", "Link"]

_PIXELS = 2**24
"""Native pixels at a time: what decides structures needs some 70 bytes for each."""
_FEWER = (1, 32)
"""Frames of the graphs beside that of a whole batch."""
_POSSIBLE = int(255 * POSSIBLE)
"""Certainty below which nothing of a frame is looked at."""


class Link:
    """The bus to a GPU: pinned memory, copies that nobody waits for, and events that say when they are done.

    Parameters
    ----------
    device
        A CUDA GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._down = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def upload(self, frames: NDArray[np.uint8]) -> tuple[Tensor, Any]:
        """Begin to copy frames to the GPU, from wherever they lie; return them there, and what to wait for."""
        # PyTorch keeps pinned blocks and gives one back only when the copy out of it is done: two or three take turns.
        pinned = torch.empty(frames.shape, dtype=torch.uint8, pin_memory=True)
        pinned.numpy()[...] = frames
        with torch.cuda.stream(self._up):
            there = pinned.to(self._device, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._up)
        return there, event

    def arrived(self, frames: Tensor, event: Any) -> Tensor:
        """Return uploaded frames for use by what is launched next."""
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(event)
        frames.record_stream(stream)
        return frames

    def download(self, *results: Tensor) -> tuple[list[Tensor], Any]:
        """Begin to copy results back; return where they will be, and what to wait for."""
        back = [torch.empty(each.shape, dtype=each.dtype, pin_memory=True) for each in results]
        for here, there in zip(back, results, strict=True):
            here.copy_(there, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return back, event

    def wait(self, event: Any) -> None:
        """Wait until a download is done."""
        event.synchronize()

    def fetched(self, result: Tensor) -> NDArray[Any]:
        """Return a result that has been waited for, without waiting for what was launched after it."""
        with torch.cuda.stream(self._down):
            return result.cpu().numpy()


class _Placed(NamedTuple):
    frames: Sequence[int]
    parts: Tensor | None
    event: Any


class _Found(NamedTuple):
    """Where the results of a batch will be, and its native logits on the GPU for frames that need the CPU.

    All of them of one rectangle of the native frame, which holds all that is not surely of the background.
    """

    back: list[Tensor]
    event: Any
    native: Tensor
    at: Box


class DeviceStages:
    """Stages on a CUDA GPU, as `matae.segment.pipeline.Stages`.

    Parameters
    ----------
    backend
        PyTorch, on the GPU.
    cine, placement, regions
        As for `matae.segment.pipeline.HostStages`.
    notify
        Called with a sentence where the plain way is taken instead.
    """

    def __init__(
        self,
        backend: TorchBackend,
        cine: Cine,
        placement: Placement,
        regions: Regions,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._backend, self._cine, self._placement, self._notify = backend, cine, placement, notify
        self._host, self._regions = HostStages(backend, cine, placement, regions), regions
        self._plain = False
        # Whoever takes the results may have to run the network too, where the GPU failed after it was launched.
        self._busy = threading.RLock()
        self._link: Link | None = None
        self._placer: Placer | None = None

    @property
    def frames(self) -> int:
        """Frames the network has seen."""
        return self._host.frames

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self._host.seconds

    @property
    def batch(self) -> int:
        """Frames the network takes at a time now: fewer where pictures are large."""
        box = self._placement.box
        most = max(1, _PIXELS // max(1, box.height * box.width))
        return min(self._backend.batch, 1 << (most.bit_length() - 1))

    def begin(self) -> None:
        """Take the threads that there are now."""
        self._backend.begin()

    def place(self, frames: Sequence[int]) -> _Placed:
        """Begin to upload the part of frames that the network sees."""
        if not self._is_plain:
            try:
                return self._uploaded(frames)
            except Exception as error:  # noqa: BLE001 - what it was is said, and the plain way goes on
                with self._busy:
                    self._give_up(error)
        return _Placed(frames, None, None)

    @property
    def _is_plain(self) -> bool:
        return self._plain or self._backend.where.type != "cuda"

    def _uploaded(self, frames: Sequence[int]) -> _Placed:
        box = self._placement.box
        if self._link is None:
            self._link = Link(self._backend.where)
            self._placer = Placer.matching(self._placement, self._backend.where)
        if self._placer is None:  # this GPU scales otherwise: a byte a pixel of the grid goes over the bus instead
            return _Placed(frames, *self._link.upload(self._host.place(frames)))
        shown = self._cine.frames[:, box.y0 : box.y1, box.x0 : box.x1]
        first, count = frames[0], len(frames)
        in_turn = list(frames) == list(range(first, first + count))
        # Frames in turn are copied once, into the memory that goes over the bus.
        return _Placed(frames, *self._link.upload(shown[first : first + count] if in_turn else shown[list(frames)]))

    def infer(self, placed: _Placed) -> _Found | NDArray[np.float32]:
        """Launch all that happens on the GPU; or return logits, where that is left."""
        start = time.perf_counter()
        with self._busy:
            found = self._launched(placed)
            if found is None:
                return self._host.infer(self._host.place(placed.frames))
        if self._host.frames:  # the first pass also compiles kernels
            self._host.seconds += time.perf_counter() - start
        self._host.frames += len(placed.frames)
        return found

    def _launched(self, placed: _Placed) -> _Found | None:
        if self._is_plain or placed.parts is None or self._link is None:
            return None
        try:
            return self._on_gpu(placed.parts, placed.event, self._link)
        except DeviceError:
            raise  # a network that gives no numbers does so everywhere
        except Exception as error:  # noqa: BLE001 - what it was is said, and the plain way goes on
            problem = error.with_traceback(None)  # it holds on to the maps that filled the memory
        self._give_up(problem)
        return None

    @torch.inference_mode()
    def _on_gpu(self, parts: Tensor, event: Any, link: Link) -> _Found:
        parts = link.arrived(parts, event)
        pictures = parts if self._placer is None else self._placer(parts)
        logits = self._backend.checked(self._forward, pictures)
        at, native = self._native(logits)
        # Of whole batches there are many, all of one shape.
        decide = self._backend.graphs.decided if len(native) == self.batch else decided
        back, done = link.download(*decide(native, self._regions))
        return _Found(back, done, native, at)

    def _native(self, logits: Tensor) -> tuple[Box, Tensor]:
        """Return native logits, and of which rectangle: what comes after is several times less work there."""
        placement, box = self._placement, self._placement.box
        may_be = (logits.amax((0, 1)) > -SURE).cpu().numpy()
        rows, columns = placement.native_window(may_be) or (slice(0, 1), slice(0, 1))
        at = Box(box.y0 + rows.start, box.x0 + columns.start, box.y0 + rows.stop, box.x0 + columns.stop)
        return at, placement.to_native(logits)[..., rows, columns].contiguous()

    def _forward(self, pictures: Tensor) -> Tensor:
        graphs, precision = self._backend.graphs, self._backend.precision
        count, full = len(pictures), self.batch
        if count > full:
            return self._backend.forward(pictures)
        # One frame is for somebody who waits, and few are not worth a pass of many.
        size = min(full, next(size for size in (*_FEWER, full) if size >= count))
        key = size, pictures.shape[-1], precision
        if count < size:  # the last batch: a graph has one shape
            rest = torch.zeros(size - count, *pictures.shape[1:], dtype=torch.uint8, device=pictures.device)
            pictures = torch.cat([pictures, rest])
        return graphs.network(key, self._backend.forward, pictures)[:count]

    def _give_up(self, error: BaseException) -> None:
        """Go on the plain way, which halves the batch or leaves the GPU where that helps."""
        self._backend.graphs.clear()
        if not self._plain and not is_out_of_memory(error) and not self._backend.can_go_on(error):
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self._notify(f"The quick way on the GPU does not work here ({reason}); going on with the plain one.")
        self._plain = True

    def finish(self, frames: Sequence[int], inferred: _Found | NDArray[np.float32]) -> Iterator[FrameMask]:
        """Yield the frames of a batch; those that are not simple are decided on the CPU."""
        if not isinstance(inferred, _Found):
            yield from self._host.finish(frames, inferred)
            return
        try:
            masks, certain = self._fetched(inferred)
        except Exception as error:  # noqa: BLE001 - of the GPU, while nobody waited for it
            problem = error.with_traceback(None)
        else:
            for index, mask, sure in zip(frames, masks, certain, strict=True):
                yield _framed(index, mask, sure, inferred.at, self._cine.shape)
            return
        with self._busy:
            self._give_up(problem)
            logits = self._host.infer(self._host.place(frames))
        yield from self._host.finish(frames, logits)

    def _fetched(self, found: _Found) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if self._link is None:
            raise RuntimeError("nothing was launched")
        self._link.wait(found.event)
        masks, certain, is_done = (each.numpy() for each in found.back)
        for left in np.flatnonzero(~is_done):
            at = rectangle(certain[left] >= _POSSIBLE)
            masks[left] = 0
            if at is not None:
                logits = self._link.fetched(found.native[int(left), :, *at])
                masks[left][at] = find_structures(logits, self._regions)
        return masks, certain


def _framed(index: int, part: NDArray[np.uint8], sure: NDArray[np.uint8], at: Box, shape: tuple[int, int]) -> FrameMask:
    mask, probability = (_around(each, at, shape) for each in (part, sure))
    return FrameMask(int(index), mask, probability, int(np.count_nonzero(part == 1)))


def _around(part: NDArray[np.uint8], at: Box, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture that is a part at its place and nothing else; the part's memory is free again."""
    whole = np.zeros(shape, np.uint8)
    whole[at.y0 : at.y1, at.x0 : at.x1] = part
    return whole

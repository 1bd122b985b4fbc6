"""Segment a cine: frame by frame as a stream, or all at once.

`Segmenter` holds a model ready to run. `Segmenter.stream` yields each frame as soon as it is done, which is all
the dock needs; `segment` collects the stream, which is all the command line needs. One code, one set of
defaults (`SegmentOptions`).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ModelError, SegmentError
from matae.models import current_model
from matae.nn.widths import format_width, parse_width
from matae.segment.results import FrameMask, Segmentation
from matae.stack import new_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    import torch

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.segment.sector import Sector

__all__ = ["FrameMask", "SegmentOptions", "Segmentation", "Segmenter", "choose_width", "segment"]


@dataclass(frozen=True)
class SegmentOptions:
    """How to segment; the same defaults behind the dock and the command line.

    Parameters
    ----------
    model
        Name in the registry; the model in use if not given.
    width
        ``1/8``, ``1/4``, ``1/2``, ``1``, or ``auto``: 1 on a GPU or a processor that computes in bf16, else 1/2 if the
        model has it.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:i`` or ``mps``.
    backend
        ``auto``, ``torch`` or ``openvino``.
    """

    model: str = field(default_factory=current_model)
    width: str = "auto"
    device: str = "auto"
    backend: str = "auto"


class Segmenter:
    """A model made ready to run.

    Parameters
    ----------
    options
        What to run, and where.

    Attributes
    ----------
    notices
        What happened so far (memory ran out, GPU left).
    lasting_notices
        What happened as it was made ready; it concerns every cine.

    Raises
    ------
    ModelError
        If the model is unknown, damaged, or has no such width.
    DeviceError
        If the device or backend is not there.
    """

    def __init__(self, options: SegmentOptions | None = None) -> None:
        from matae.segment.backends import ModelSource, choose_backend

        self.options = options = options or SegmentOptions()
        device = _torch_device(options)
        source = ModelSource.named(options.model)
        self.card = source.card
        self.width = choose_width(options.width, self.card, fast=options.width == "auto" and _is_fast(device))
        self.notices: list[str] = []
        self._backend = choose_backend(options.backend, source, self.width, device=device, notify=self.notices.append)
        self.lasting_notices = tuple(self.notices)

    def describe(self) -> dict[str, Any]:
        """Return what runs, as JSON values: model, sha256, classes, width, device, backend, precision, grid."""
        return {
            "model": self.card.name,
            "model_sha256": self.card.sha256,
            "classes": self.card.outputs.by_number,
            "width": format_width(self.width),
            "device": self._backend.device,
            "backend": self._backend.name,
            "precision": self._backend.precision,
            "grid": self.card.grid,
        }

    def stream(
        self, cine: Cine, sector: Sector, frames: Iterable[int] | None = None, *, is_placed: bool = False
    ) -> Iterator[FrameMask]:
        """Yield frames as they are done, in the order asked for.

        Parameters
        ----------
        cine
            What to segment.
        sector
            The part of the picture the network sees.
        frames
            0-based frames, in the order wanted; all if None. It is read lazily, a batch ahead, so a caller may
            leave out frames while the stream runs.
        is_placed
            Whether the frames are the sector alone already, as `matae.placement` puts it on a square; `sector` is not
            looked at then.

        Yields
        ------
        FrameMask
            Native-size result of a frame.

        Raises
        ------
        SegmentError
            If a frame number is outside the cine.
        """
        from matae.placement import Placement, whole_frame
        from matae.segment.restore import frame_mask

        self._backend.begin()
        grid, regions = self.card.grid, self.card.outputs
        placement = whole_frame(cine, grid) if is_placed else Placement.of(cine, sector, grid)
        wanted = iter(range(cine.n_frames) if frames is None else frames)
        while batch := [t for _, t in zip(range(self._backend.batch), wanted, strict=False)]:
            if min(batch) < 0 or max(batch) >= cine.n_frames:
                raise SegmentError(f"The cine has frames 1 to {cine.n_frames}; choose among them.")
            logits = self._backend(placement.pictures(np.asarray(cine.frames[batch])))
            # One frame at a time at native size: a batch of large pictures would need more than the network does.
            for i, t in enumerate(batch):
                yield frame_mask(t, logits[i], placement, cine.shape, regions)


def _torch_device(options: SegmentOptions) -> torch.device | None:
    """Return the device, None for the CPU where nobody needs PyTorch to find that out."""
    from matae.segment.backends.hardware import may_have_gpu
    from matae.segment.device import choose_device, parse_device

    kind, _ = parse_device(options.device)
    if kind == "cpu" or (kind == "auto" and "torch" not in sys.modules and not may_have_gpu()):
        return None
    return choose_device(options.device)


def _is_fast(device: torch.device | None) -> bool:
    from matae.segment.backends.precision import fast_bf16

    # A GPU is not asked what it can do: one that is full would not even answer.
    return (device is not None and device.type != "cpu") or fast_bf16()


def choose_width(text: str, card: ModelCard, *, fast: bool) -> float:
    """Return the width to run at.

    Parameters
    ----------
    text
        ``auto`` or a width.
    card
        The model's card.
    fast
        Whether the device computes in reduced precision (a GPU, a recent processor): there ``auto`` takes the whole
        network, elsewhere the half-width one if there is one, so that a clip still takes seconds.

    Raises
    ------
    ModelError
        If the text is no width, or the model has no such width.
    """
    if text != "auto":
        width = parse_width(text)
        for known in card.widths:
            if abs(known - width) < 1e-6:
                return known
        have = ", ".join(format_width(w) for w in card.widths)
        raise ModelError(f"The model {card.name} has no width {text}; choose {have} or auto.")
    return 0.5 if not fast and 0.5 in card.widths else max(card.widths)


def segment(
    cine: Cine,
    options: SegmentOptions | None = None,
    *,
    sector: Sector | None = None,
    segmenter: Segmenter | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Segmentation:
    """Segment every frame of a cine.

    Parameters
    ----------
    cine
        What to segment.
    options
        How; ignored when `segmenter` is given.
    sector
        The part of the picture to look at; found if None.
    segmenter
        A model made ready before, to segment many cines without loading it again.
    progress
        Called with (frames done, frames in all) after each frame.

    Returns
    -------
    Segmentation
        Masks, probabilities, areas and how they came about.

    Raises
    ------
    ModelError, DeviceError, SegmentError
        As `Segmenter` and `Segmenter.stream`.
    """
    from matae.segment.sector import find_sector

    segmenter = segmenter or Segmenter(options)
    sector = sector or find_sector(cine)
    result = Segmentation(
        masks=new_stack(cine.frames.shape),
        probability=new_stack(cine.frames.shape),
        area_px=np.full(cine.n_frames, np.nan),
        sector=sector,
        run=segmenter.describe(),
    )
    first_notice = len(segmenter.notices)
    start = time.perf_counter()
    for done, frame in enumerate(segmenter.stream(cine, sector), start=1):
        result.masks[frame.index] = frame.mask
        result.probability[frame.index] = frame.probability
        result.area_px[frame.index] = frame.area_px
        if progress is not None:
            progress(done, cine.n_frames)
    seconds = time.perf_counter() - start
    result.run |= segmenter.describe() | {
        "frames": cine.n_frames,
        "seconds": round(seconds, 3),
        "frames_per_second": round(cine.n_frames / max(seconds, 1e-9), 1),
    }
    result.notices = [*segmenter.lasting_notices, *segmenter.notices[first_notice:]]
    return result

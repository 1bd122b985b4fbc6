"""Segment a cine: frame by frame as a stream, or all at once.

`Segmenter` holds a model ready to run. `Segmenter.stream` yields each frame as soon as it is done, which is all
the dock needs; `segment` collects the stream, which is all the command line needs. One code, one set of
defaults (`SegmentOptions`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import ModelError, SegmentError
from matae.models import current_model, load_model
from matae.nn.widths import format_width, parse_width
from matae.stack import new_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from numpy.typing import NDArray
    from torch import Tensor

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.nn.regions import Regions
    from matae.placement import Placement
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


@dataclass(frozen=True, eq=False)
class FrameMask:
    """One frame's result at native size.

    Parameters
    ----------
    index
        0-based frame.
    mask
        Class of every pixel, (Y, X) uint8; 0 is background, 1 the left-ventricular cavity.
    probability
        Probability of the most likely class or region, (Y, X) uint8, 255 is certain.
    area_px
        Area of class 1, the cavity, in pixels.
    """

    index: int
    mask: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    area_px: int


@dataclass(eq=False)
class Segmentation:
    """A segmented cine.

    Parameters
    ----------
    masks, probability
        (T, Y, X) uint8; large clips are backed by a temporary file.
    area_px
        Cavity area of each frame in pixels, (T,); NaN where a frame was not segmented.
    sector
        The part of the picture the network saw.
    run
        Model, width, device, backend, precision, frames, seconds, frames a second.
    notices
        What happened on the way (memory ran out, GPU left).
    """

    masks: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    area_px: NDArray[np.float64]
    sector: Sector
    run: dict[str, Any]
    notices: list[str] = field(default_factory=list)


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
        from matae.segment.backend import choose_backend, fast_bf16
        from matae.segment.device import choose_device

        self.options = options = options or SegmentOptions()
        device = choose_device(options.device)
        model, self.card = load_model(options.model)
        # A GPU is not asked what it can do: one that is full would not even answer.
        self.width = choose_width(options.width, self.card, fast=device.type != "cpu" or fast_bf16())
        self._regions = model.regions
        self.notices: list[str] = []
        self._backend = choose_backend(
            options.backend, model, self.width, grid=self.card.grid, device=device, notify=self.notices.append
        )
        self.lasting_notices = tuple(self.notices)

    def describe(self) -> dict[str, Any]:
        """Return what runs, as JSON values: model, sha256, width, device, backend, precision, grid."""
        from matae.segment.device import describe_device

        return {
            "model": self.card.name,
            "model_sha256": self.card.sha256,
            "width": format_width(self.width),
            "device": describe_device(self._backend.device),
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
        from matae.placement import Placement, network_input, whole_frame
        from matae.threads import set_network_threads

        # Once for all frames: the last digits depend on it.
        set_network_threads()
        grid = self.card.grid
        placement = whole_frame(cine, grid) if is_placed else Placement.of(cine, sector, grid)
        wanted = iter(range(cine.n_frames) if frames is None else frames)
        while batch := [t for _, t in zip(range(self._backend.batch), wanted, strict=False)]:
            if min(batch) < 0 or max(batch) >= cine.n_frames:
                raise SegmentError(f"The cine has frames 1 to {cine.n_frames}; choose among them.")
            logits = self._backend(network_input(placement.pictures(np.asarray(cine.frames[batch]))))
            # One frame at a time at native size: a batch of large pictures would need more than the network does.
            for i, t in enumerate(batch):
                yield _frame_mask(t, logits[i : i + 1], placement, cine.shape, self._regions)


def _frame_mask(
    index: int, logits: Tensor, placement: Placement, shape: tuple[int, int], regions: Regions
) -> FrameMask:
    import torch

    from matae.segment.backend import is_out_of_memory
    from matae.segment.structures import find_structures

    try:
        logits = placement.to_native(logits)[0]
    except RuntimeError as error:
        if logits.device.type == "cpu" or not is_out_of_memory(error):
            raise
        logits = placement.to_native(logits.cpu())[0]
    found = find_structures(logits, regions)
    certain = (logits.amax(0).sigmoid() * 255).round().to(torch.uint8).cpu().numpy()
    mask, probability = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    box = placement.box
    mask[box.y0 : box.y1, box.x0 : box.x1] = found
    probability[box.y0 : box.y1, box.x0 : box.x1] = certain
    return FrameMask(int(index), mask, probability, int((mask == 1).sum()))


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

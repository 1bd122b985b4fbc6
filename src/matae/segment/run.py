"""Segment a cine: frame by frame as a stream, or all at once.

`Segmenter` holds a model ready to run. `Segmenter.stream` yields each frame as soon as it is done, which is all
the dock needs; `segment` collects the stream, which is all the command line needs. One code, one set of
defaults (`SegmentOptions`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from matae.errors import ModelError, SegmentError
from matae.nn.widths import format_width, parse_width
from matae.segment.grid import checked_grid, clip_grid
from matae.segment.options import SegmentOptions
from matae.segment.results import FrameMask, Segmentation
from matae.stack import new_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    import torch

    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.placement import Placement
    from matae.segment.auto import Choice, Speeds
    from matae.segment.backends import ModelSource
    from matae.segment.backends.torch_backend import TorchBackend
    from matae.segment.device_stages import DeviceStages
    from matae.segment.pipeline import HostStages
    from matae.segment.sector import Sector

__all__ = ["FrameMask", "SegmentOptions", "Segmentation", "Segmenter", "choose_width", "segment"]

_ENOUGH_FRAMES = 30  # to tell a speed by


class Segmenter:
    """A model made ready to run.

    Parameters
    ----------
    options
        What to run, and where.
    frame_rate
        Of the clip that ``auto`` is to keep up with, Hz; None where it is not known.
    grid
        That of the clip (`clip_grid`), where it is known: ``auto`` expects more of a smaller one.

    Attributes
    ----------
    grid
        Side of the grid of the clip that runs, or ran last; that of the model where none is known.
    choice
        Width and backend, and where ``auto`` chose them, why in words.
    notices
        What happened so far (memory ran out, GPU left).
    lasting_notices
        What happened as it was made ready; it concerns every cine.
    made_do
        Whether something went wrong as it was made ready (no memory on the GPU), so that one made later may be better.

    Raises
    ------
    ModelError
        If the model is unknown, damaged, or has no such width or grid.
    DeviceError
        If the device or backend is not there.
    """

    def __init__(
        self,
        options: SegmentOptions | None = None,
        frame_rate: float | None = None,
        grid: int | None = None,
        *,
        measures: bool = True,
    ) -> None:
        from matae.segment.backends import ModelSource, choose_backend

        self.options = options = options or SegmentOptions()
        device = _torch_device(options)
        source = ModelSource.named(options.model)
        self.card = source.card
        self.notices: list[str] = []
        notify = self.notices.append
        self._asked_grid, unknown = checked_grid(self.card, options.grid)
        self.grid = self._grid_for(grid)
        self.choice, self._speeds = _choose(
            options, source, device, frame_rate, grid=self.grid, measures=measures, notify=notify
        )
        self._measured = _Measured.times
        self.width = self.choice.width
        self._backend = choose_backend(self.choice.backend, source, self.width, device=device, notify=notify)
        self.made_do = bool(self.notices)
        if unknown:
            notify(unknown)
        self.lasting_notices = tuple(self.notices)

    def still_fits(self, options: SegmentOptions, frame_rate: float | None, grid: int | None = None) -> bool:
        """Return whether a new segmenter for these options would be like this one, but for what is measured by now.

        Parameters
        ----------
        options
            As those of this one, except for the rate to keep up with.
        frame_rate, grid
            Of the clip.
        """
        from matae.segment.auto import Speeds, best_of, quicker

        side = self._grid_for(grid)
        if self._speeds is not None and self._measured != _Measured.times:
            self._measured = _Measured.times
            known = Speeds.read(self.card.sha256, however_busy=True)
            if known.rates:  # else the disk did not take it, and what was measured for this one stands
                self._speeds = known
        if self._speeds is not None:
            times = quicker(self.card.grid, side)
            choice = best_of(self._speeds, options, self.card.widths, frame_rate, times)
            if (choice.width, choice.backend) != (self.width, self.choice.backend):
                return False
            self.choice = choice
        self.grid = side  # what is said of it before it runs is said of this clip, not of the one before
        return True

    def _grid_for(self, clip: int | None) -> int:
        return self._asked_grid or clip or self.card.grid

    @property
    def made_room(self) -> bool:
        """Whether the GPU was full or gone, and the CPU, or smaller batches, do the rest."""
        # Where the speed was measured it is the CPU's, and may have to be measured again.
        return self._speeds is None and bool(getattr(self._backend, "made_room", False))

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
            "grid": self.grid,
        } | ({"auto": self.choice.words} if self.choice.words else {})

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
            0-based frames, in the order wanted; all if None. It is read lazily, a few batches ahead and in another
            thread, so a caller may leave out frames while the stream runs.
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
        from matae.segment.pipeline import run_directly, run_stages

        def check(batch: Sequence[int]) -> None:
            if min(batch) < 0 or max(batch) >= cine.n_frames:
                raise SegmentError(f"The cine has frames 1 to {cine.n_frames}; choose among them.")

        self.grid = grid = self._asked_grid or clip_grid(self.card, cine, None if is_placed else sector)
        placement = whole_frame(cine, grid) if is_placed else Placement.of(cine, sector, grid)
        stages = self._stages(cine, placement)
        wanted = range(cine.n_frames) if frames is None else frames
        if isinstance(wanted, Sequence) and 0 < len(wanted) <= stages.batch:
            check(wanted)
            yield from run_directly(stages, wanted)
        else:
            yield from run_stages(stages, wanted, check)
            self._compare(stages)

    def _stages(self, cine: Cine, placement: Placement) -> HostStages | DeviceStages:
        from matae.segment.pipeline import HostStages

        if getattr(self._backend, "on_cuda", False):
            from matae.segment.device_stages import DeviceStages

            backend = cast("TorchBackend", self._backend)
            return DeviceStages(backend, cine, placement, self.card.outputs, self.notices.append)
        return HostStages(self._backend, cine, placement, self.card.outputs)

    def _compare(self, stages: HostStages | DeviceStages) -> None:
        """Have the computer measured again where the network was several times quicker or slower than measured."""
        if self._speeds is None or stages.frames < _ENOUGH_FRAMES:
            return
        rate = stages.frames / max(stages.seconds, 1e-9)
        own, grid = self.card.grid, self.grid
        if self._speeds.is_off(self._backend.name, self.width, rate, own / grid):
            known = self._speeds.rate(self._backend.name, self.width)
            where = "" if grid == own else f" at a grid of {grid}"
            measured = "" if grid == own else f" at {own}"
            self._speeds.forget()
            self.notices.append(
                f"The network did {rate:.0f} frames a second{where} where {known:.0f} were measured{measured}; its "
                "speed is measured again at the next start."
            )


def _torch_device(options: SegmentOptions) -> torch.device | None:
    """Return the device, None for the CPU where nobody needs PyTorch to find that out."""
    from matae.segment.backends.hardware import may_have_gpu
    from matae.segment.device import choose_device, parse_device

    kind, _ = parse_device(options.device)
    if kind == "cpu" or (kind == "auto" and "torch" not in sys.modules and not may_have_gpu()):
        return None
    return choose_device(options.device)


def _choose(
    options: SegmentOptions,
    source: ModelSource,
    device: torch.device | None,
    frame_rate: float | None,
    *,
    grid: int,
    measures: bool,
    notify: Callable[[str], None],
) -> tuple[Choice, Speeds | None]:
    """Return width and backend, and what was measured where that decided."""
    from matae.segment.auto import Choice, choose_speed, is_measuring, quicker, to_choose_from, wanted_rate
    from matae.segment.backends import check_backend

    on_gpu = device is not None and device.type != "cpu"
    check_backend(options.backend, on_gpu=on_gpu)
    decided = options.width != "auto" and options.backend != "auto"
    if decided or on_gpu or not is_measuring():
        width = choose_width(options.width, source.card, fast=options.width == "auto" and (on_gpu or _has_fast_bf16()))
        return Choice(width, "torch" if options.backend == "auto" else options.backend), None
    if options.width != "auto":
        choose_width(options.width, source.card, fast=True)
    widths, backends = to_choose_from(options, source.card.widths)
    wanted, times = wanted_rate(options, frame_rate), quicker(source.card.grid, grid)
    return choose_speed(source, widths, backends, wanted, times=times, measures=measures, notify=notify)


def measure_speeds(options: SegmentOptions) -> None:
    """Measure how quick this computer is with a model, as far as that could change what is chosen and is not known.

    It holds from the next clip on: `Segmenter.still_fits` goes by it.

    Parameters
    ----------
    options
        As for `Segmenter`.

    Raises
    ------
    ModelError, DeviceError
        As `Segmenter`.
    """
    from matae.segment.backends import ModelSource

    source = ModelSource.named(options.model)
    _choose(options, source, _torch_device(options), None, grid=source.card.grid, measures=True, notify=lambda _: None)
    _Measured.times += 1


class _Measured:
    times = 0  # that speeds were measured in this process after a segmenter was made


def _has_fast_bf16() -> bool:
    from matae.segment.backends.precision import fast_bf16

    return fast_bf16()


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
    each: Callable[[FrameMask], None] | None = None,
    keep_masks: bool = True,
    keep_probability: bool = True,
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
    each
        Called with each frame's result as it is done, in the order of the frames: to write it while the next ones are
        made. What it raises ends the run.
    keep_masks, keep_probability
        Whether the result holds them, or they are empty, (0, Y, X), since `each` took what is needed of them.

    Returns
    -------
    Segmentation
        Masks, probabilities, areas and how they came about.

    Raises
    ------
    ModelError, DeviceError, SegmentError
        As `Segmenter` and `Segmenter.stream`.
    """
    from matae.models import find_model
    from matae.segment.out_of_distribution import take_notices
    from matae.segment.sector import find_sector

    sector = sector or find_sector(cine)
    if segmenter is None:
        options = options or SegmentOptions()
        segmenter = Segmenter(options, cine.frame_rate, clip_grid(find_model(options.model).card, cine, sector))
    masks, sure = (new_stack((cine.n_frames if kept else 0, *cine.shape)) for kept in (keep_masks, keep_probability))
    result = Segmentation(masks, sure, np.full(cine.n_frames, np.nan), sector, segmenter.describe())
    first_notice = len(segmenter.notices)
    start = time.perf_counter()
    for done, frame in enumerate(segmenter.stream(cine, sector), start=1):
        if keep_masks:
            result.masks[frame.index] = frame.mask
        if keep_probability:
            result.probability[frame.index] = frame.probability
        result.area_px[frame.index] = frame.area_px
        if each is not None:
            each(frame)
        if progress is not None:
            progress(done, cine.n_frames)
    seconds = time.perf_counter() - start
    result.run |= segmenter.describe() | {
        "frames": cine.n_frames,
        "seconds": round(seconds, 3),
        "frames_per_second": round(cine.n_frames / max(seconds, 1e-9), 1),
    }
    # Whether the network knows such pictures was asked before, if it was.
    result.notices = [*segmenter.lasting_notices, *segmenter.notices[first_notice:], *sector.notices, *take_notices()]
    return result

"""Segment a clip and measure it: what the command line and the dock's button do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matae.measure.inputs import MeasureOptions, sector_pixels
from matae.measure.measuring import measure_cine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure.cycle import PhaseMarks
    from matae.measure.measurement import Measurement
    from matae.measure.uncertainty import QualityFlag
    from matae.segment import FrameMask, Segmentation, Segmenter, SegmentOptions
    from matae.segment.sector import Sector

__all__ = [
    "DISAGREE", "apart_of", "disagreement_flags", "sector_pixels", "segment_and_measure",
    "segment_widths",
]  # fmt: skip

DISAGREE = 0.045
"""One minus the Dice between two widths above which a frame is flagged; by itself it makes Review flag it too.

On the 100 frames of the CAMUS validation patients, outlined at width 1/2 and compared with 1/4, it flags 4 of the 12
with a Dice below 0.90 and 5 of the other 88 (`benchmarks/widths_disagree.py`)."""


def segment_and_measure(
    cine: Cine,
    options: SegmentOptions | None = None,
    measure: MeasureOptions | None = None,
    *,
    sector: Sector | None = None,
    marks: PhaseMarks | None = None,
    progress: Callable[[int, int], None] | None = None,
    make: Callable[[SegmentOptions], Segmenter] | None = None,
    keep_probability: bool = True,
) -> tuple[Measurement, Segmentation]:
    """Segment a clip with one width, measure it, and ask the other widths.

    The next narrower one is asked about every frame, all of them about end-diastole and end-systole.

    Parameters
    ----------
    cine
        The clip.
    options
        Model, width, device, backend.
    measure
        View, orientation, class. The orientation of the sector wins.
    sector
        The part of the picture to look at; found if None.
    marks
        End-diastolic and end-systolic frames that a person marked.
    progress
        Called with (frames segmented, frames in all).
    make
        Gives a model made ready, as `matae.segment.Segmenter` does; whoever measures many clips keeps them.
    keep_probability
        Whether the segmentation holds the probabilities, which take as much memory as the clip.

    Returns
    -------
    Measurement, Segmentation
        With the disagreement of the widths in the interval of the ejection fraction, and a flag for the frames on which
        two of them outline something else.

    Raises
    ------
    ModelError, DeviceError, SegmentError, MeasureError
        As `matae.segment.segment` and `matae.measure.measure_cine`.
    """
    import numpy as np

    from matae.measure.seen_view import Seen, with_view
    from matae.segment import Segmenter, SegmentOptions, find_sector, segment
    from matae.segment.expected import calibrated_dice, is_calibrated
    from matae.segment.out_of_distribution import familiarity
    from matae.view import why_not_outlined

    options, sector, make = options or SegmentOptions(), sector or find_sector(cine), make or Segmenter
    segmenter = make(options)
    known = familiarity(cine, sector, segmenter.card.name)
    measure = replace(measure or MeasureOptions(), apex_down=sector.apex_down)
    why = why_not_outlined(cine, sector, segmenter.card.name, known) if measure.view is None else None
    implied: NDArray[np.float64] | None = None
    if is_calibrated(segmenter.card):
        implied = np.full(cine.n_frames, np.nan)

    def judge(frame: FrameMask) -> None:
        if implied is not None and why is None:
            implied[frame.index] = frame.implied_dice

    result = segment(
        cine, sector=sector, segmenter=segmenter, progress=progress, each=judge, keep_probability=keep_probability
    )
    if why is not None:
        result.clear(why)
    if cine.view is None and measure.assumed is not None:  # a clip's place names its view, but does not make it an echo
        cine = replace(cine, view=measure.assumed)
    # Only a model that knows what a heart looks like gives its masks to be measured as one of a view.
    seen = (
        Seen(cine, (), None)
        if known is None
        else with_view(cine, sector, known, chosen=measure.view, assumed=measure.assumed is not None)
    )
    apart = apart_of(cine, sector, replace(options, width=result.run["width"]), result.masks, make=make)
    measured = measure_cine(
        seen.cine,
        result.masks,
        measure,
        marks=marks,
        sector=sector,
        errors=None if known is None else known.errors,
        error_limit=None if known is None else known.limit,
        seen=seen.view,
        model=result.run["model"],
        width=result.run["width"],
        expected=None if implied is None else calibrated_dice(implied, apart),
        implied=implied,
        remarks=(*seen.flags, *disagreement_flags(apart)),
    )
    frames = sorted({frame for values in measured.beats for frame in values.frames})
    if frames:
        others = segment_widths(cine, sector, options, frames, without=result.run["width"], make=make)
        others[result.run["width"]] = {frame: result.masks[frame] for frame in frames}
        measured = measured.updated(width_masks=others)
    return measured, result


def apart_of(
    cine: Cine,
    sector: Sector,
    options: SegmentOptions,
    masks: NDArray[np.uint8],
    *,
    make: Callable[[SegmentOptions], Segmenter] | None = None,
) -> NDArray[np.float64]:
    """Return how far two widths of the network are apart on each frame, (T,): one minus their Dice; NaN if unknown.

    Parameters
    ----------
    cine, sector, options, make
        As for `matae.segment.compare.compare_widths`.
    masks
        (T, Y, X) classes that the width of `options` made.
    """
    import numpy as np

    from matae.segment.compare import compare_widths

    found = np.full(cine.n_frames, np.nan)
    for frame, apart in compare_widths(cine, sector, options, masks.__getitem__, make=make):
        found[frame] = apart
    return found


def disagreement_flags(apart: NDArray[np.float64]) -> tuple[QualityFlag, ...]:
    """Return what there is to say of `apart_of`: one flag, or nothing."""
    from matae.measure.uncertainty import QualityFlag

    frames = tuple(int(frame) for frame in (apart > DISAGREE).nonzero()[0])
    if not frames:
        return ()
    count = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
    text = f"{count} on which two widths of the network disagree (Dice below {1 - DISAGREE:.3f}); look at the outline."
    return (QualityFlag("widths-disagree", text, frames, "note"),)


def segment_widths(
    cine: Cine,
    sector: Sector,
    options: SegmentOptions,
    frames: Iterable[int],
    *,
    without: str = "",
    make: Callable[[SegmentOptions], Segmenter] | None = None,
) -> dict[str, dict[int, NDArray[np.uint8]]]:
    """Segment a few frames with every width the model has.

    Parameters
    ----------
    cine, sector
        The clip and the part of it to look at.
    options
        Model, device, backend.
    frames
        0-based frames.
    without
        A width to leave out, such as the one that has run.
    make
        As for `segment_and_measure`.

    Returns
    -------
    dict
        Masks (Y, X) by width and frame, narrowest first; as `measure_cine` wants them.
    """
    from matae.models import find_model
    from matae.nn.widths import format_width
    from matae.segment import Segmenter

    wanted = list(frames)
    found: dict[str, dict[int, NDArray[np.uint8]]] = {}
    for width in sorted(find_model(options.model).card.widths):
        name = format_width(width)
        if name == without:
            continue
        segmenter = (make or Segmenter)(replace(options, width=name))
        found[name] = {frame.index: frame.mask for frame in segmenter.stream(cine, sector, wanted)}
    return found

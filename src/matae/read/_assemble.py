"""From pictures in order to a cine: the one way for pictures, TIFF stacks and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from matae.cine import Cine
from matae.errors import ReadError
from matae.read._formats import size_text
from matae.read._grey import ColourMeter, Range, Window, doppler_facts, luma, value_range, window_of, windowed
from matae.stack import IN_MEMORY_BYTES, StackBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Spacing
    from matae.read._timing import Timing

__all__ = ["assemble"]


class _DeepError(Exception):
    """A picture of more than 8 bits came by: the range of all of them must be known first."""


def assemble(
    source: Path,
    pictures: Callable[[], Iterable[NDArray[Any]]],
    *,
    timing: Callable[[int], Timing],
    spacing: tuple[Spacing | None, str],
    sample_aspect: float = 1.0,
    warnings: tuple[str, ...] = (),
    info: dict[str, Any] | None = None,
    names: Sequence[str] = (),
) -> Cine:
    """Collect pictures as a cine.

    Pictures of more than 8 bits are brought to 8 by one window for all of them (`matae.read._grey.window_of`), for
    which they are decoded twice where they do not fit into memory.

    Parameters
    ----------
    source
        File or folder they come from.
    pictures
        Gives them from the first on, each time it is called: (Y, X) or (Y, X, 3), as they are shown.
    timing
        Judges the frame times, told how many frames there are.
    spacing
        Pixel size with its note.
    sample_aspect
        Width of a pixel over its height.
    warnings, info
        What the reader has to say already.
    names
        Name of each picture, for what goes wrong with one.

    Raises
    ------
    ReadError
        If the sizes differ, or there are none.
    """
    try:
        builder, meter = _collect(source, pictures(), None, names)
        note = ""
    except _DeepError:
        kept: list[NDArray[Any]] = []
        window = window_of(_ranges(pictures(), kept))
        builder, meter = _collect(source, kept or pictures(), window, names)
        note = window.note
    if not len(builder):
        raise ReadError(f"{source.name} holds no frames; save the clip again.")
    chosen = timing(len(builder))
    doppler, doppler_info = doppler_facts(doppler=meter.is_doppler())
    shape = "" if sample_aspect == 1 else f" Each pixel is {sample_aspect:.4g} times as wide as it is high."
    return Cine(
        frames=builder.build(),
        frame_times=chosen.times,
        spacing=spacing[0],
        source=source,
        timing_note=chosen.note,
        spacing_note=spacing[1] + shape,
        warnings=(*doppler, *warnings, *((note,) if note else ())),
        info={**chosen.info, **(info or {}), **doppler_info},
        sample_aspect=sample_aspect,
    )


def _ranges(pictures: Iterable[NDArray[Any]], kept: list[NDArray[Any]]) -> Iterator[Range]:
    """Yield the range of each picture of more than 8 bits; those of 8 are shown as they are.

    All pictures are kept for the second time as long as they fit into memory; else none is.
    """
    size, fits = 0, True
    for picture in pictures:
        size += picture.nbytes
        fits = fits and size <= IN_MEMORY_BYTES
        if fits:
            kept.append(picture)
        else:
            kept.clear()
        if picture.dtype not in (np.uint8, np.bool_):
            yield value_range(picture)


def _collect(
    source: Path, pictures: Iterable[NDArray[Any]], window: Window | None, names: Sequence[str]
) -> tuple[StackBuilder, ColourMeter]:
    builder, meter = StackBuilder(), ColourMeter()
    for index, picture in enumerate(pictures):
        shown = picture
        if picture.dtype == np.bool_:
            shown = picture.astype(np.uint8) * np.uint8(255)
        elif picture.dtype != np.uint8:
            if window is None:
                raise _DeepError
            shown = windowed(picture, window.low, window.high)
        grey = shown if shown.ndim == 2 else luma(shown)
        try:
            builder.append(grey)
        except ValueError as error:
            first, this = (names[0], names[index]) if index < len(names) else ("the first frame", f"frame {index + 1}")
            raise ReadError(
                f"{source.name}: {first} is {size_text(builder.frame_shape or (0, 0))} and {this} is "
                f"{size_text((grey.shape[0], grey.shape[1]))}; the frames of a clip need one size, so move the others "
                "elsewhere."
            ) from error
        if shown.ndim == 3 and meter.due():
            meter.add_rgb(shown, grey)
    return builder, meter

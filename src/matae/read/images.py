"""Pictures as frames: single ones, animations, and folders of PNG, JPEG, BMP, WebP, JPEG 2000 or TIFF files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matae.errors import ReadError
from matae.read._assemble import assemble
from matae.read._formats import SUFFIXES, full_suffix, is_label_name, natural_key
from matae.read._pictures import picture_facts, pictures_of
from matae.read._timing import presentation_timing, uniform
from matae.read.array import read_array
from matae.read.tiff import is_tiff, is_tiff_stack, read_tiff, tiff_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.read._timing import Timing

__all__ = ["frame_files", "is_tiff_stack", "read_array", "read_image", "read_image_folder"]

_NO_CALIBRATION = "No millimetres: the pictures carry no calibration."


def frame_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder in natural order (``frame10`` after ``frame9``), masks left out."""
    files = [path for path in folder.iterdir() if SUFFIXES.get(full_suffix(path)) == "image"]
    files = [path for path in files if not (path.name.startswith(".") or is_label_name(path) or is_tiff_stack(path))]
    return sorted(files, key=natural_key)


def read_image(path: Path) -> Cine:
    """Read a TIFF stack, an animation (PNG, WebP) or a single picture.

    Parameters
    ----------
    path
        A TIFF, PNG, JPEG, BMP, WebP or JPEG 2000 file.

    Returns
    -------
    Cine
        Turned as its orientation tag says. For TIFF, frame times from ImageJ's frame interval or rate, and spacing
        from its resolution where the unit is one of length; for animations, frame times where each picture states
        its own.

    Raises
    ------
    ReadError
        If the file is damaged or has more axes than a stack of frames.
    """
    if is_tiff(path):
        return read_tiff(path)
    facts = picture_facts(path)
    return assemble(
        path,
        lambda: pictures_of(path),
        timing=lambda count: _animation_timing(facts.delays_ms, count),
        spacing=(None, _NO_CALIBRATION),
        sample_aspect=facts.aspect,
    )


def read_image_folder(folder: Path, files: Sequence[Path] | None = None) -> Cine:
    """Read a folder of pictures as the frames of one cine.

    Parameters
    ----------
    folder
        The folder.
    files
        The frames in order; by default all pictures in natural order.

    Raises
    ------
    ReadError
        If there are no pictures, one is damaged, or their sizes differ.
    """
    chosen = frame_files(folder) if files is None else list(files)
    if not chosen:
        raise ReadError(f"{folder.name} holds no pictures; choose a folder of PNG, JPEG, BMP or TIFF frames.")
    return assemble(
        folder,
        lambda: (_single(path) for path in chosen),
        timing=lambda count: uniform(count, None, "pictures carry none"),
        spacing=(None, _NO_CALIBRATION),
        sample_aspect=1.0 if is_tiff(chosen[0]) else picture_facts(chosen[0]).aspect,
        names=[path.name for path in chosen],
    )


def _single(path: Path) -> NDArray[Any]:
    """Return the picture of a file among others."""
    pictures: Iterator[NDArray[Any]] = iter(tiff_pictures(path) if is_tiff(path) else pictures_of(path))
    first = next(pictures)
    if next(pictures, None) is not None:
        count = 2 + sum(1 for _ in pictures)
        raise ReadError(f"{path.name} is a stack of {count} frames among single pictures; open it by itself.")
    return first


def _animation_timing(delays_ms: tuple[float, ...], count: int) -> Timing:
    if not delays_ms or len(delays_ms) != count or not all(delay > 0 for delay in delays_ms[:-1]):
        return uniform(count, None, "pictures carry none")
    stamps: list[float | None] = [0.0]
    total = 0.0
    for delay in delays_ms[:-1]:
        total += delay
        stamps.append(total / 1000)
    return presentation_timing(stamps, None, resolution=1e-3, trust_header=False)

"""TIFF files: stacks and single pictures, as tifffile, Pillow or Fiji show them.

tifffile finds the pictures and decodes them. Where it lacks the codec (LZW and JPEG need imagecodecs, which is not
required here) or gives back what is no grey or RGB picture (CMYK, CIELAB, YCbCr that is not JPEG), Pillow decodes the
same pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matae.errors import ReadError
from matae.read._assemble import assemble
from matae.read._formats import quiet
from matae.read._tiff_calibration import imagej_spacing, imagej_timing, pixel_aspect, resolution_of
from matae.read._tiff_pixels import shown_pictures
from matae.read._tiff_stack import check_chain, choose_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["is_tiff", "is_tiff_stack", "read_tiff", "tiff_pictures"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_tiff(path: Path) -> bool:
    """Say whether a file begins like a TIFF."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def is_tiff_stack(path: Path) -> bool:
    """Say whether a file is a TIFF with more than one frame, which is a clip by itself; False when damaged."""
    import tifffile

    try:
        if not is_tiff(path):
            return False
        check_chain(path)
        with quiet(), tifffile.TiffFile(path) as tiff:
            return choose_stack(path, tiff).count > 1
    except Exception:  # noqa: BLE001 - tifffile raises whatever a broken file leads it to
        return False


def read_tiff(path: Path) -> Cine:
    """Read a TIFF as a cine.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Cine
        The frames of the commonest size; a thumbnail beside them is left out, and pages of another size are named.

    Raises
    ------
    ReadError
        If it is damaged, or holds no stack of frames.
    """
    import tifffile

    with quiet():
        try:
            check_chain(path)
            with tifffile.TiffFile(path) as tiff:
                stack = choose_stack(path, tiff)
                metadata = dict(tiff.imagej_metadata or {})
                resolution = resolution_of(stack.page)
                if resolution is not None and stack.turn.transpose:
                    resolution = resolution[1], resolution[0]
                return assemble(
                    path,
                    lambda: shown_pictures(path, stack),
                    timing=lambda count: imagej_timing(metadata, count),
                    spacing=imagej_spacing(metadata, resolution),
                    sample_aspect=pixel_aspect(resolution),
                    warnings=stack.warnings,
                    info={"left_out": stack.left_out} if stack.left_out else {},
                )
        except ReadError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.") from error


def tiff_pictures(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the frames of a TIFF: (Y, X) or (Y, X, 3), 8 bits, or the stored depth where it is more.

    Raises
    ------
    ReadError
        If it is damaged, or holds no stack of frames.
    """
    import tifffile

    with quiet():
        try:
            check_chain(path)
            with tifffile.TiffFile(path) as tiff:
                yield from shown_pictures(path, choose_stack(path, tiff))
        except ReadError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise ReadError(f"{path.name} is a damaged TIFF file; copy or export it again.") from error

"""How a DICOM object describes its picture (Image Pixel Module, PS3.3 C.7.6.3), where any of it may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import ReadError
from matae.read._dicom_tags import floats, integer, raw, text

if TYPE_CHECKING:
    from typing import Any

__all__ = ["ImageModule", "image_module"]

_LARGEST_SIDE = 65535


@dataclass(frozen=True)
class ImageModule:
    """What the header says of the stored values.

    Parameters
    ----------
    rows, columns
        Size of a frame.
    samples
        Samples per pixel, 1 or 3.
    photometric
        Photometric Interpretation, in capitals.
    bits_allocated, bits_stored, high_bit
        Size of a stored word, the bits of it that count, and the highest of those.
    signed
        Whether the values are in two's complement.
    planar
        Whether uncompressed colours lie plane by plane.
    stated_frames
        Number of Frames; None where it is missing or no count.
    aspect
        Width of a pixel over its height, from Pixel Aspect Ratio; 1 where not stated.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool
    stated_frames: int | None
    aspect: float = 1.0


def image_module(dataset: Any, name: str) -> ImageModule:
    """Read the description of the picture.

    Parameters
    ----------
    dataset
        A `pydicom.Dataset`.
    name
        Of the file, for the messages.

    Raises
    ------
    ReadError
        If the object holds no picture, or describes one that cannot be.
    """
    rows, columns, allocated = (integer(dataset, key) for key in ("Rows", "Columns", "BitsAllocated"))
    if rows is None or columns is None or allocated is None:
        raise ReadError(f"{name} holds no image (a report or a raw volume?); choose an image object.")
    photometric = text(dataset, "PhotometricInterpretation").upper()
    samples = integer(dataset, "SamplesPerPixel")
    if samples is None:
        samples = 3 if photometric.startswith(("RGB", "YBR")) else 1
    if not (0 < rows <= _LARGEST_SIDE and 0 < columns <= _LARGEST_SIDE) or samples not in (1, 3):
        raise ReadError(f"{name} describes an impossible image; export the clip again from the archive.")
    if allocated not in (1, 8, 16, 32):
        raise ReadError(
            f"{name} stores {allocated} bits a value, which cannot be read here; export it with 8 or 16 bits."
        )
    stored = integer(dataset, "BitsStored")
    stored = allocated if stored is None or not 1 <= stored <= allocated else stored
    high = integer(dataset, "HighBit")
    high = stored - 1 if high is None or not stored - 1 <= high < allocated else high
    count = integer(dataset, "NumberOfFrames")
    return ImageModule(
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=integer(dataset, "PixelRepresentation") == 1,
        planar=integer(dataset, "PlanarConfiguration") == 1,
        stated_frames=count if count is not None and count > 0 else None,
        aspect=_aspect(dataset),
    )


def _aspect(dataset: Any) -> float:
    """Read Pixel Aspect Ratio, which names the height first (PS3.3 C.7.6.3.1.7)."""
    stated = raw(dataset, "PixelAspectRatio")
    values = [] if stated is None else floats(stated)
    if len(values) != 2 or not all(value > 0 for value in values) or not 0.2 <= values[0] / values[1] <= 5:
        return 1.0
    return values[1] / values[0]

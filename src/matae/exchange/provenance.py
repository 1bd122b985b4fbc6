"""What has to be said of pixels that leave as DICOM: what they went through before, and what was done to them here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Provenance", "provenance_of"]

_METHODS = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1", "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.100": "ISO_13818_2", "1.2.840.10008.1.2.4.101": "ISO_13818_2",
    **{f"1.2.840.10008.1.2.4.{number}": "ISO_14496_10" for number in range(102, 107)},
    "1.2.840.10008.1.2.4.107": "ISO_23008_2", "1.2.840.10008.1.2.4.108": "ISO_23008_2",
}  # fmt: skip
"""Transfer syntaxes that always lose something, and the method as PS3.3 C.7.6.1.1.5.1 names it."""

_HARDLY = 0.01  # share of a picture


@dataclass(frozen=True)
class Provenance:
    """What is known of the pixels of a clip.

    Parameters
    ----------
    burned_in
        ``YES`` or ``NO`` where one of them is known, otherwise empty: then DICOM leaves it out, which says that there
        may be text.
    cleaned
        Whether everything outside the sector was blanked and nothing inside looks like text.
    lossy
        ``01`` where the pixels went through a compression that loses something, ``00`` where the source says that
        they did not, otherwise empty.
    ratios, methods
        Of that compression, as far as they are known.
    """

    burned_in: str = ""
    cleaned: bool = False
    lossy: str = ""
    ratios: tuple[float, ...] = ()
    methods: tuple[str, ...] = ()


def provenance_of(path: Path, *, has_text: bool, blanked: float) -> Provenance:
    """Return what is known of the pixels of a DICOM file that leave.

    Parameters
    ----------
    path
        The source.
    has_text
        Whether something inside the sector looks like text.
    blanked
        Share of the picture that is blanked.
    """
    from pydicom import dcmread

    header = dcmread(path, stop_before_pixels=True, force=True)
    stated = str(header.get("BurnedInAnnotation", "")).strip().upper()
    is_blanked = blanked >= _HARDLY
    # Nothing found is no proof: that there is none is only said where the source says so itself.
    burned_in = "NO" if stated == "NO" and not has_text else ""
    if has_text or (stated == "YES" and not is_blanked):
        burned_in = "YES"
    lossy, ratios, methods = _compression(header, path)
    return Provenance(burned_in, is_blanked and not has_text, lossy, ratios, methods)


def _compression(header: Any, path: Path) -> tuple[str, tuple[float, ...], tuple[str, ...]]:
    stated = str(header.get("LossyImageCompression", "")).strip()
    syntax = str(getattr(getattr(header, "file_meta", None), "TransferSyntaxUID", ""))
    method = next((name for uid, name in _METHODS.items() if syntax == uid or syntax.startswith(f"{uid}.")), "")
    if stated != "01" and not method:
        return ("00" if stated == "00" else ""), (), ()
    ratios = tuple(value for value in map(_number, _values(header.get("LossyImageCompressionRatio"))) if value)
    methods = tuple(str(value) for value in _values(header.get("LossyImageCompressionMethod")))
    if method and method not in methods:
        methods = (*methods, method)
        extent = [header.get(key, 1) or 1 for key in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel")]
        bits = _number(header.get("BitsAllocated")) or 8
        ratios = (*ratios, round(math.prod(int(n) for n in extent) * bits / 8 / max(path.stat().st_size, 1), 2))
    return "01", ratios, methods


def _values(stated: Any) -> list[Any]:
    if stated is None or stated == "":
        return []
    return list(stated) if not isinstance(stated, str) and hasattr(stated, "__iter__") else [stated]


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0

"""Compare the pixels of our DICOM reader with independent readers on the files that pydicom brings.

    python scripts/compare_readers.py                       # a table on the screen
    python scripts/compare_readers.py --write docs/formats.md

The reference is pydicom's own pixel pipeline (its decoders, colour conversion, palette, modality and VOI tables) and,
for what pydicom cannot decode here, GDCM inside SimpleITK. Neither shares code with our reader beyond the header. Only
files inside the installed package are read; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

from matae.errors import MataeError
from matae.read import dicom

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEGIN, END = "<!-- pydicom files: begin -->", "<!-- pydicom files: end -->"
_LOSSY = 3
"""Grey levels that two decoders of a lossy codestream, or two ways of rounding, may differ by."""


_NO_PIXELS = "without pixels"


@dataclass(frozen=True)
class Row:
    """One file of the table."""

    name: str
    what: str
    ours: str
    reference: str
    verdict: str


def shipped_files() -> list[Path]:
    """Return the files that lie in the installed pydicom, none of which is downloaded."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def our_frames(path: Path) -> NDArray[np.uint8]:
    """Decode a file with our reader, whatever its modality: this is about pixels."""
    before = dicom.other_than_cine
    dicom.other_than_cine = lambda _: None
    try:
        return dicom.read_dicom(path).frames
    finally:
        dicom.other_than_cine = before


def reference_frames(path: Path) -> tuple[NDArray[np.float64], str]:
    """Decode it without our reader; return grey frames by the rule that docs/formats.md states, and by whom."""
    dataset = pydicom.dcmread(path, force=True)
    frames = int(dataset.get("NumberOfFrames") or 1)
    try:
        if str(dataset.PhotometricInterpretation).startswith("YBR_FULL"):
            # Y itself: on the way through RGB and back, saturated colours lose some of it.
            stored = pixel_array(path, raw=True).reshape(frames, dataset.Rows, dataset.Columns, 3)
            return stored[..., 0].astype(np.float64), "pydicom, Y"
        stored, by = dataset.pixel_array, "pydicom"
    except Exception:  # noqa: BLE001 - whatever it raises, the other one is asked
        stored, by = sitk.GetArrayFromImage(sitk.ReadImage(str(path))), "GDCM"
    return grey(stored, dataset, frames, by), by


def grey(stored: NDArray[Any], dataset: Any, frames: int, by: str) -> NDArray[np.float64]:
    """Make stored values grey with pydicom's tables: luma of colours, window, VOI table or range of the rest."""
    if dataset.SamplesPerPixel == 3:
        rgb = stored.reshape(frames, dataset.Rows, dataset.Columns, 3)
        return luma(rgb >> max(0, dataset.BitsStored - 8))
    shape = (frames, dataset.Rows, dataset.Columns)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        table = apply_color_lut(stored, dataset).reshape(*shape, 3)
        return luma(table >> (8 if table.dtype == np.uint16 and table.max() > 255 else 0))
    stored = stored.reshape(shape)
    if dataset.BitsStored > 8 or dataset.PixelRepresentation:
        values = stored if by == "GDCM" else apply_modality_lut(stored, dataset)
        if "VOILUTSequence" in dataset or "WindowCenter" in dataset:
            shown = apply_voi_lut(values, dataset).astype(np.float64)
            low, high = window_range(dataset)
            values = np.clip((shown - low) / (high - low) * 255, 0, 255)
        elif values.min() < 0 or values.max() > 255:
            values = (values - values.min()) / np.ptp(values) * 255.0
    else:
        values = stored * (255 / (2**dataset.BitsStored - 1) if dataset.BitsStored < 8 else 1)
    values = np.asarray(values, np.float64)
    return 255 - values if dataset.PhotometricInterpretation == "MONOCHROME1" else values


def window_range(dataset: Any) -> tuple[float, float]:
    """Return the output range of pydicom's window, that of the stored values after rescale (PS3.3 C.11.2)."""
    if "VOILUTSequence" in dataset:
        return 0.0, 2.0 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return low * slope + intercept, high * slope + intercept


def luma(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Return ITU-R BT.601 luma in floating point."""
    weighted: NDArray[np.float64] = rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return weighted


def row(path: Path) -> Row | None:  # noqa: PLR0911 - one return a verdict
    """Compare one file; None for what is no DICOM object with pixels."""
    try:
        header = pydicom.dcmread(path, force=True)
        has_pixels = "PixelData" in header
    except Exception:  # noqa: BLE001 - a text file, or one that is broken on purpose
        return None
    if not header or "SOPClassUID" not in header:
        return None
    what = describe(header)
    try:
        ours = our_frames(path)
    except MataeError as error:
        sentence = str(error).replace(path.name, "it")
        if not has_pixels:
            return Row(name(path), what, sentence, "", _NO_PIXELS)
        return Row(name(path), what, f"refused: {sentence}", *_of_refused(path))
    try:
        wanted, by = reference_frames(path)
    except Exception as error:  # noqa: BLE001 - reported in the table
        return Row(name(path), what, f"{ours.shape}", f"none: {type(error).__name__}", "no reference")
    if ours.shape != wanted.shape:
        return Row(name(path), what, f"{ours.shape}", f"{wanted.shape} ({by})", "wrong")
    difference = float(np.abs(ours - wanted).max())
    verdict = "right" if difference <= _LOSSY else "wrong"
    return Row(
        name(path), what, f"{len(ours)} frame{'s' * (len(ours) > 1)}", f"{by}, {difference:.2g} grey levels", verdict
    )


def _of_refused(path: Path) -> tuple[str, str]:
    """Return what the reference makes of a file that our reader refuses, and the verdict."""
    try:
        wanted, by = reference_frames(path)
    except Exception as error:  # noqa: BLE001 - reported in the table
        return f"none: {type(error).__name__}", "refused by both"
    return f"{wanted.shape} ({by})", "refused"


def name(path: Path) -> str:
    """Return the path below pydicom's folder."""
    parts = path.parts
    return "/".join(parts[parts.index("test_files") + 1 :])


def describe(header: Any) -> str:
    """Return photometric interpretation, bits and transfer syntax in a few words."""
    if "PixelData" not in header:
        return str(header.get("Modality", "no picture"))
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    sign = "signed" if header.get("PixelRepresentation") else "unsigned"
    return (
        f"{header.PhotometricInterpretation}, {header.BitsStored} of {header.BitsAllocated} bits {sign}, "
        f"{'no syntax stated' if syntax is None else syntax.name}"
    )


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown, with a count above them."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in sorted({row.verdict for row in rows})}
    lines = [
        f"{len(rows)} files: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".",
        "",
        "<!-- figures: readers -->",
        "",
        "| file | what | ours | reference, largest difference | verdict |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {r.name} | {r.what} | {r.ours} | {r.reference} | {r.verdict} |" for r in rows if r.verdict != _NO_PIXELS),
        "",
        "Without pixels, and refused by a sentence that says so: "
        + ", ".join(r.name for r in rows if r.verdict == _NO_PIXELS)
        + ".",
    ]
    return "\n".join(lines)


def main() -> int:
    """Compare all files, and fail where one is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="FILE", help="Put the table between its marks in this file.")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = [found for path in shipped_files() if (found := row(path)) is not None]
    shown = table(rows)
    if arguments.write is None:
        sys.stdout.write(shown + "\n")
    else:
        text = arguments.write.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        arguments.write.write_text(f"{before}{BEGIN}\n{shown}\n{END}{after}", encoding="utf-8")
    return int(any(found.verdict == "wrong" for found in rows))


if __name__ == "__main__":
    sys.exit(main())

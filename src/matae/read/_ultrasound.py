"""Which part of a DICOM ultrasound image is tissue, and how large its pixels are.

A wrong millimetre is worse than none: whatever is doubtful is refused with its reason. The rules are those of
DICOM PS3.3 C.8.5.5 (US Region Calibration), read strictly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matae.cine import B_MODE, REGION_QUESTION, Box, Region, Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Calibration", "UltrasoundRegion", "box_text", "calibrate", "plausible_spacing"]

_TWO_D, _TISSUE, _CENTIMETRE = 1, 1, 3
_FORMATS = {2: "M-mode", 3: "spectral Doppler", 4: "waveform", 5: "graphics"}
_TYPES = {
    **dict.fromkeys((3, 4, 5, 6, 7, 8, 9), "spectral Doppler"),
    **dict.fromkeys((10, 11, 12), "waveform"),
    **dict.fromkeys((13, 14, 15, 16, 17, 18), "graphics"),
}
_LEAST_SIDE = 16  # pixels; a tissue region thinner than that is a grey bar
# Echocardiography shows 2 to 40 cm on 100 to 2000 pixels; the limits leave room for a magnified or a tiny image.
_FINEST_MM, _COARSEST_MM = 0.01, 3.0
_SMALLEST_FIELD_MM, _LARGEST_FIELD_MM = 5.0, 600.0
_SAME = 0.01  # relative difference below which two pixel sizes are one


@dataclass(frozen=True)
class UltrasoundRegion:
    """One item of Sequence of Ultrasound Regions (0018,6011), as stated.

    Parameters
    ----------
    spatial_format, data_type
        Region Spatial Format (1 is 2-D) and Region Data Type (1 is tissue).
    x0, y0, x1, y1
        Corners in pixels of the image; the lower right one belongs to the region.
    units_x, units_y
        Physical Units X and Y Direction (3 is centimetres).
    delta_x, delta_y
        Physical Delta X and Y per pixel; a sign states direction only.
    """

    spatial_format: int | None
    data_type: int | None
    x0: int | None
    y0: int | None
    x1: int | None
    y1: int | None
    units_x: int | None
    units_y: int | None
    delta_x: float | None
    delta_y: float | None

    @property
    def is_tissue(self) -> bool:
        """Whether it is a 2-D tissue image, rather than a trace, a spectrum or a colour box."""
        return self.spatial_format == _TWO_D and self.data_type == _TISSUE

    @property
    def kind(self) -> str:
        """What it shows, in words (PS3.3 C.8.5.5.1.1 and C.8.5.5.1.2)."""
        if self.is_tissue:
            return B_MODE
        if self.spatial_format in _FORMATS:
            return _FORMATS[self.spatial_format]
        return "colour flow" if self.data_type == 2 else _TYPES.get(self.data_type or 0, "unknown")

    @property
    def area(self) -> int:
        """Pixels it covers; 0 when a corner is missing or the corners are swapped."""
        if self.x0 is None or self.y0 is None or self.x1 is None or self.y1 is None:
            return 0
        return max(0, self.x1 - self.x0 + 1) * max(0, self.y1 - self.y0 + 1)

    def box(self, shape: tuple[int, int]) -> Box | None:
        """Return the region as a box, or None when it does not lie inside an image of `shape` (Y, X).

        A corner one pixel beyond the edge is taken for the end of a half-open interval, which some scanners
        write, and is clipped.
        """
        if not self.area or self.x0 is None or self.y0 is None or self.x1 is None or self.y1 is None:
            return None
        rows, columns = shape
        if self.x0 < 0 or self.y0 < 0 or self.x1 > columns or self.y1 > rows:
            return None
        if self.x0 >= columns or self.y0 >= rows:
            return None
        return Box(self.y0, self.x0, min(self.y1 + 1, rows), min(self.x1 + 1, columns))


@dataclass(frozen=True)
class Calibration:
    """Tissue region and pixel size of an ultrasound image, each None where it cannot be trusted.

    Parameters
    ----------
    region
        The 2-D tissue region, half open; None where there are several to choose from.
    spacing
        Pixel size in mm.
    note
        One sentence: where the spacing comes from, or why there is none.
    warnings
        Sentences for the user.
    regions
        Every region that lies in the picture: 2-D tissue in the order of reading, then the others.
    """

    region: Box | None
    spacing: Spacing | None
    note: str
    warnings: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


def plausible_spacing(y: float, x: float) -> bool:
    """Say whether (y, x) in mm can be the pixel size of an echocardiogram (0.01 to 3 mm, at most 5 to 1)."""
    if not (math.isfinite(y) and math.isfinite(x)):
        return False
    return all(_FINEST_MM <= size <= _COARSEST_MM for size in (y, x)) and 0.2 <= y / x <= 5.0


def calibrate(
    regions: Sequence[UltrasoundRegion],
    shape: tuple[int, int],
    *,
    pixel_spacing: tuple[float, float] | None = None,
    calibration_type: str | None = None,
) -> Calibration:
    """Find the tissue regions and the pixel size, or say why there is none.

    A single 2-D tissue region counts, wherever it stands in the sequence; of several, a person chooses, or what is
    looked at lies in one of them. Pixel Spacing is no attribute of ultrasound images; it comes from converters that
    may have resized the image. It is therefore never used against the regions, and alone only when Pixel Spacing
    Calibration Type says how it was measured.

    Parameters
    ----------
    regions
        Items of Sequence of Ultrasound Regions.
    shape
        Rows and columns of the image.
    pixel_spacing
        Pixel Spacing (0028,0030) in mm (y, x), where present.
    calibration_type
        Pixel Spacing Calibration Type (0028,0A02), where present.
    """
    others = tuple(
        Region(region.kind, box)
        for region in regions
        if not region.is_tissue and (box := region.box(shape)) is not None
    )
    tissue = sorted((region for region in regions if region.is_tissue), key=lambda region: -region.area)
    if not tissue:
        found = _from_pixel_spacing(bool(regions), pixel_spacing, calibration_type)
        return replace(found, regions=others)
    inside = _described([(region, region.box(shape)) for region in tissue], shape, pixel_spacing)
    if not inside:
        return Calibration(
            None,
            None,
            f"No millimetres: the ultrasound region ({_corners(tissue[0])}) does not lie inside the image of "
            f"{shape[1]}x{shape[0]} pixels, so that the image was probably resized after calibration.",
            regions=others,
        )
    if len(inside) == 1:
        return Calibration(inside[0].box, inside[0].spacing, inside[0].note, (), (*inside, *others))
    same = len({region.spacing for region in inside}) == 1
    note = (
        inside[0].note
        if same
        else f"No millimetres before one of the {len(inside)} B-mode regions is chosen: their pixels differ in size."
    )
    return Calibration(None, inside[0].spacing if same else None, note, (_choice(inside),), (*inside, *others))


def _described(
    tissue: Sequence[tuple[UltrasoundRegion, Box | None]],
    shape: tuple[int, int],
    pixel_spacing: tuple[float, float] | None,
) -> list[Region]:
    """Return the tissue regions that lie in the picture, each place once, in the order of reading."""
    found: dict[Box, Region] = {}
    for region, box in tissue:
        if box is None:
            continue
        spacing, note = _region_spacing(region, box)
        if spacing is not None and pixel_spacing is not None and not _same(spacing, pixel_spacing):
            note = (
                f"No millimetres: PixelSpacing ({pixel_spacing[0]:.4g}, {pixel_spacing[1]:.4g}) mm contradicts the "
                f"ultrasound region ({spacing.y:.4g}, {spacing.x:.4g}) mm."
            )
            spacing = None
        before = found.get(box)
        if before is not None and (before.spacing is None or spacing is None or not _same(before.spacing, spacing)):
            if before.spacing != spacing:
                spacing, note = None, "No millimetres: the file states two pixel sizes for one ultrasound region."
            found[box] = Region(B_MODE, box, spacing, note)
        elif before is None:
            found[box] = Region(B_MODE, box, spacing, note)
    large = [region for region in found.values() if min(region.box.height, region.box.width) >= _LEAST_SIDE]
    kept = large if len(found) > 1 and large else list(found.values())
    return sorted(kept, key=lambda r: ((r.box.y0 + r.box.y1) // shape[0], r.box.x0 + r.box.x1))


def _region_spacing(region: UltrasoundRegion, box: Box) -> tuple[Spacing | None, str]:
    if region.units_x != _CENTIMETRE or region.units_y != _CENTIMETRE:
        return None, "No millimetres: the ultrasound region is not measured in centimetres along both axes."
    if region.delta_x is None or region.delta_y is None:
        return None, "No millimetres: the ultrasound region states no pixel size."
    y, x = abs(region.delta_y) * 10.0, abs(region.delta_x) * 10.0
    extents = (y * box.height, x * box.width)
    if not plausible_spacing(y, x) or not all(_SMALLEST_FIELD_MM <= size <= _LARGEST_FIELD_MM for size in extents):
        return None, (
            f"No millimetres: the ultrasound region states pixels of {y:.4g} x {x:.4g} mm, which is not plausible."
        )
    return Spacing(y, x), "From the 2-D tissue region of the ultrasound calibration."


def _from_pixel_spacing(
    has_regions: bool,
    pixel_spacing: tuple[float, float] | None,
    calibration_type: str | None,
) -> Calibration:
    missing = "no ultrasound region is 2-D tissue" if has_regions else "the file has no ultrasound region calibration"
    if pixel_spacing is None:
        return Calibration(None, None, f"No millimetres: {missing}.")
    y, x = pixel_spacing
    if not has_regions and calibration_type in ("GEOMETRY", "FIDUCIAL") and plausible_spacing(y, x):
        return Calibration(None, Spacing(y, x), f"From PixelSpacing, calibrated by {calibration_type.lower()}.")
    return Calibration(
        None,
        None,
        f"No millimetres: {missing}, and PixelSpacing ({y:.4g}, {x:.4g}) mm alone is not reliable in ultrasound.",
    )


def _choice(regions: Sequence[Region]) -> str:
    listed = "; ".join(f"{number}: {box_text(region.box)}" for number, region in enumerate(regions, start=1))
    return (
        f"{REGION_QUESTION} ({listed}); choose one (--region on the command line), or draw the sector in it: its "
        "scale is used."
    )


def box_text(box: Box) -> str:
    """Return where a box lies, as people say it."""
    return f"x {box.x0} to {box.x1 - 1}, y {box.y0} to {box.y1 - 1}"


def _same(spacing: Spacing, other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= _SAME * max(abs(a), abs(b)) for a, b in zip(spacing, other, strict=True))


def _corners(region: UltrasoundRegion) -> str:
    return f"x {region.x0}..{region.x1}, y {region.y0}..{region.y1}"

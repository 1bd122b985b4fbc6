"""What a TIFF says of the size of its pixels and of time, by its own tags and by ImageJ's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matae.cine import Spacing
from matae.read._timing import no_timing, plausible, uniform
from matae.read._ultrasound import plausible_spacing

if TYPE_CHECKING:
    from matae.read._timing import Timing

__all__ = ["imagej_spacing", "imagej_timing", "pixel_aspect", "resolution_of"]

_NO_CALIBRATION = "No millimetres: the pictures carry no calibration."
_LEAST_ASPECT, _MOST_ASPECT = 0.2, 5.0


def resolution_of(page: Any) -> tuple[float, float] | None:
    """Return pixels per unit (y, x) of a TIFF page."""
    values = []
    for name in ("YResolution", "XResolution"):
        tag = page.tags.get(name)
        if tag is None or not isinstance(tag.value, tuple) or not tag.value[1] or not tag.value[0]:
            return None
        values.append(tag.value[0] / tag.value[1])
    return values[0], values[1]


def pixel_aspect(resolution: tuple[float, float] | None) -> float:
    """Return the width of a pixel over its height: fewer to the unit are wider."""
    if resolution is None:
        return 1.0
    ratio = resolution[0] / resolution[1]
    sound = _LEAST_ASPECT <= ratio <= _MOST_ASPECT and abs(ratio - 1) >= 0.005
    return ratio if sound else 1.0


def imagej_timing(metadata: dict[str, Any], n_frames: int) -> Timing:
    interval, rate = _number(metadata.get("finterval")), _number(metadata.get("fps"))
    unit = str(metadata.get("tunit", "sec")).lower()
    scale = {"sec": 1.0, "s": 1.0, "seconds": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3}.get(unit)
    by_interval = 1.0 / (interval * scale) if interval and scale else None
    by_rate = rate or None
    if by_interval and by_rate and not math.isclose(by_interval, by_rate, rel_tol=0.05):
        candidates = {"finterval": by_interval, "fps": by_rate}
        return no_timing(f"ImageJ states {by_interval:.4g} Hz by interval and {by_rate:.4g} Hz by rate", candidates)
    if by_interval is not None and plausible(by_interval):
        return uniform(n_frames, by_interval, "ImageJ's frame interval")
    return uniform(n_frames, by_rate, "ImageJ's frame rate" if by_rate else "TIFF stacks state it only through ImageJ")


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def imagej_spacing(metadata: dict[str, Any], resolution: tuple[float, float] | None) -> tuple[Spacing | None, str]:
    unit = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0}.get(str(metadata.get("unit", "")).lower())
    if unit is None or resolution is None:
        return None, _NO_CALIBRATION
    y, x = unit / resolution[0], unit / resolution[1]
    if not plausible_spacing(y, x):
        return None, f"No millimetres: ImageJ states pixels of {y:.4g} x {x:.4g} mm, which is not plausible."
    return Spacing(y, x), "From ImageJ's scale."

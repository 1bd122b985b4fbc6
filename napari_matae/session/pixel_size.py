"""Pixel sizes that people drew over the depth scale, remembered on this computer until a study holds them.

They are remembered by the pixels they belong to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.cine import Spacing
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from matae.cine import Cine

__all__ = ["any_scale", "forget_scale", "remember_scale", "remembered_scale"]

_GROUP = "scale"


def remember_scale(cine: Cine, spacing: Spacing) -> None:
    """Keep the pixel size that a person set for these pixels."""
    settings().setValue(_key(cine), f"{float(spacing[0])!r} {float(spacing[1])!r}")


def forget_scale(cine: Cine) -> None:
    """Forget it."""
    settings().remove(_key(cine))


def any_scale() -> bool:
    """Return whether a pixel size is remembered for any cine: without one, no pixels need to be hashed."""
    known = settings()
    known.beginGroup(_GROUP)
    return bool(known.childKeys())


def remembered_scale(cine: Cine) -> Spacing | None:
    """Return the pixel size that is remembered for an uncalibrated cine; None where there is none.

    Parameters
    ----------
    cine
        As its file states it: a calibrated one is not looked for.
    """
    if cine.spacing is not None or not any_scale():
        return None
    parts = str(settings().value(_key(cine), "")).split()
    try:
        y, x = (float(part) for part in parts)
    except ValueError:
        return None
    return Spacing(y, x) if y > 0 and x > 0 else None


def _key(cine: Cine) -> str:
    return f"{_GROUP}/{cine.content_id[:24]}"

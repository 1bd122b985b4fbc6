"""Pixel sizes that people drew over the depth scale, remembered by the pixels they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Spacing
from napari_matae.settings import settings

if TYPE_CHECKING:
    from matae.cine import Cine
    from napari_matae.session import Session

__all__ = ["BY_HAND", "forget_scale", "recalibrate", "remember_scale", "with_remembered_scale", "with_scale"]

BY_HAND = "Set by hand over the depth scale."
"""Where such a pixel size comes from; a cine with this note may be given another."""


def with_scale(cine: Cine, spacing: Spacing) -> Cine:
    """Return the cine with a pixel size that a person set."""
    return replace(cine, spacing=spacing, spacing_note=BY_HAND)


def remember_scale(cine: Cine) -> None:
    """Keep the pixel size that a person set for these pixels."""
    if cine.spacing is not None:
        settings().setValue(_key(cine), f"{cine.spacing.y!r} {cine.spacing.x!r}")


def forget_scale(cine: Cine) -> None:
    """Forget it."""
    settings().remove(_key(cine))


def with_remembered_scale(cine: Cine) -> Cine:
    """Return an uncalibrated cine with the pixel size a person once set for it; any other as it is."""
    if cine.spacing is not None:
        return cine
    parts = str(settings().value(_key(cine), "")).split()
    try:
        y, x = (float(part) for part in parts)
    except ValueError:
        return cine
    return with_scale(cine, Spacing(y, x)) if y > 0 and x > 0 else cine


def _key(cine: Cine) -> str:
    return f"scale/{cine.content_id[:24]}"


def recalibrate(session: Session, cine: Cine) -> None:
    """Put a description with another pixel size of the very same pixels in place of the open one.

    Every layer over the picture takes the new scale: a mask that kept the old one would lie beside its heart.
    """
    current = session.current
    if current is None or current.cine.frames is not cine.frames:
        return
    before, after = np.asarray(current.cine.pixel_aspect), np.asarray(cine.pixel_aspect)
    for layer in session.viewer.layers:
        scale = np.asarray(layer.scale, float)
        if layer.ndim >= 2 and np.allclose(scale[-2:], before):
            layer.scale = (*scale[:-2], *after)
    session.replace_cine(cine)
    session.viewer.reset_view()

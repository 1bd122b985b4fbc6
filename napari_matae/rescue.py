"""Masks that the study would not take, in a file of their own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from napari_matae.open_cine import OpenCine

__all__ = ["rescue"]


def rescue(current: OpenCine) -> Path | None:
    """Write a cine's masks on screen to a file; return which, or None where no person has changed or judged any."""
    from matae.models.registry import home
    from matae.output import write_mask

    if current.labels is None or not current.edited_frames():
        return None
    name = f"{current.cine.source.name.split('.')[0]}-{current.cine.content_id[:8]}-{int(time.time())}.nii.gz"
    target = home() / "rescued" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_mask(target, np.asarray(current.labels.data), current.cine)
    return target

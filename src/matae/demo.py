"""The demonstration cine: a real apical four-chamber view that comes with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matae.cine import Cine

__all__ = ["demo_cine", "demo_path"]


def demo_path() -> Path:
    """Return the file of the demonstration cine (30 frames, JPEG baseline, no patient data)."""
    from pydicom import examples

    return Path(examples.get_path("ybr_color"))


def demo_cine() -> Cine:
    """Return the demonstration cine."""
    from matae.read import open_cine

    return open_cine(demo_path())

"""Cine to masks: find the sector, run a model frame by frame, restore to native pixels.

Importing this package imports neither torch nor numpy: the command line reads its options from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.segment.options import SegmentOptions

if TYPE_CHECKING:
    from typing import Any

    from matae.segment.results import FrameMask, Segmentation
    from matae.segment.run import Segmenter, choose_width, segment
    from matae.segment.sector import Sector, find_sector, sector_from_polygon

__all__ = [
    "FrameMask",
    "Sector",
    "SegmentOptions",
    "Segmentation",
    "Segmenter",
    "choose_width",
    "find_sector",
    "sector_from_polygon",
    "segment",
]

_WHERE = {
    "FrameMask": "results",
    "Sector": "sector",
    "Segmentation": "results",
    "Segmenter": "run",
    "choose_width": "run",
    "find_sector": "sector",
    "sector_from_polygon": "sector",
    "segment": "run",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)

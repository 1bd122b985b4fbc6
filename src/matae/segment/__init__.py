"""Cine to masks: find the sector, run a model frame by frame, restore to native pixels.

Importing this package does not import torch.
"""

from __future__ import annotations

from matae.segment.run import FrameMask, Segmentation, Segmenter, SegmentOptions, choose_width, segment
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

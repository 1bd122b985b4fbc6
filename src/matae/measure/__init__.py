"""From masks to contours, landmarks, volumes and ejection fraction.

Importing this package imports numpy alone.
"""

from __future__ import annotations

from matae.measure.contour import contour
from matae.measure.disks import Disks, SinglePlane, area_length, biplane, disks, single_plane
from matae.measure.landmarks import Landmarks, landmarks
from matae.measure.tracing import mask_of_tracing, tracing

__all__ = [
    "Disks",
    "Landmarks",
    "SinglePlane",
    "area_length",
    "biplane",
    "contour",
    "disks",
    "landmarks",
    "mask_of_tracing",
    "single_plane",
    "tracing",
]

"""From masks to contours, landmarks, volumes, ejection fraction and motion, with how far to trust them.

Importing this package imports numpy alone.
"""

from __future__ import annotations

from matae.measure.beat_measurement import BeatValues
from matae.measure.calibrate import spacing_from_depth_scale
from matae.measure.contour import contour
from matae.measure.cycle import Beat, Cycle, PhaseMarks, find_cycle
from matae.measure.disks import Disks, SinglePlane, area_length, biplane, disks, single_plane
from matae.measure.inputs import MeasureOptions
from matae.measure.kymograph import kymograph
from matae.measure.landmarks import Landmarks, landmarks
from matae.measure.measurement import Measurement
from matae.measure.measuring import measure_cine
from matae.measure.motion import AnnulusMotion, Segment
from matae.measure.tracing import landmarks_of_tracing, mask_of_tracing, tracing
from matae.measure.two_views import TwoViews, measure_two_views
from matae.measure.uncertainty import Interval, QualityFlag
from matae.measure.values import Value

__all__ = [
    "AnnulusMotion",
    "Beat",
    "BeatValues",
    "Cycle",
    "Disks",
    "Interval",
    "Landmarks",
    "MeasureOptions",
    "Measurement",
    "PhaseMarks",
    "QualityFlag",
    "Segment",
    "SinglePlane",
    "TwoViews",
    "Value",
    "area_length",
    "biplane",
    "contour",
    "disks",
    "find_cycle",
    "kymograph",
    "landmarks",
    "landmarks_of_tracing",
    "mask_of_tracing",
    "measure_cine",
    "measure_two_views",
    "single_plane",
    "spacing_from_depth_scale",
    "tracing",
]

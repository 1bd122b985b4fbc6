"""Figures of agreement between masks, of their spread over patients, and of what a network costs."""

from __future__ import annotations

from matae.metrics.agreement import Agreement, agreement
from matae.metrics.bootstrap import Difference, paired_difference, patient_interval, small_set_spread
from matae.metrics.boundary import BoundaryDistances, boundary_distances
from matae.metrics.cost import Cost, network_cost
from matae.metrics.overlap import dice, iou
from matae.metrics.score import ClassScore, FrameScore, score_frame, summary

__all__ = [
    "Agreement",
    "BoundaryDistances",
    "ClassScore",
    "Cost",
    "Difference",
    "FrameScore",
    "agreement",
    "boundary_distances",
    "dice",
    "iou",
    "network_cost",
    "paired_difference",
    "patient_interval",
    "score_frame",
    "small_set_spread",
    "summary",
]

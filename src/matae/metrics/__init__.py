"""Figures of agreement between masks."""

from __future__ import annotations

from matae.metrics.overlap import dice, iou

__all__ = ["dice", "iou"]

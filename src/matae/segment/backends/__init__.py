"""Runtimes for the network behind one interface: PyTorch, OpenVINO, ONNX Runtime.

A `Backend` takes pictures on the grid, (N, grid, grid) uint8, and returns logits, (N, classes, grid, grid) float32.
Each gives the same masks: logits of all of them differ by rounding alone. Importing this package imports no runtime.
"""

from __future__ import annotations

from matae.segment.backends.base import Backend
from matae.segment.backends.choose import BACKENDS, choose_backend, installed_backends
from matae.segment.backends.source import ModelSource

__all__ = ["BACKENDS", "Backend", "ModelSource", "choose_backend", "installed_backends"]

"""Training: labelled frames in, a checkpoint with its model card out."""

from __future__ import annotations

"""A synthetic apical four-chamber cine with exact masks and exact volumes.

It is sample data, test material and pre-training material. Everything is seeded: the same arguments give the same
bytes.
"""

from __future__ import annotations

from matae.phantom.config import (
    Appearance,
    Chambers,
    LeftVentricle,
    Motion,
    PhantomConfig,
    PhantomError,
    Pose,
    Screen,
    SectorConfig,
)
from matae.phantom.draw import random_heart
from matae.phantom.make import LABELS, Phantom, make_phantom

__all__ = [
    "LABELS",
    "Appearance",
    "Chambers",
    "LeftVentricle",
    "Motion",
    "Phantom",
    "PhantomConfig",
    "PhantomError",
    "Pose",
    "Screen",
    "SectorConfig",
    "make_phantom",
    "random_heart",
]

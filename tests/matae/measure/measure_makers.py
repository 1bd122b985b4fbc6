"""Bodies of known volume, drawn as masks, and hearts of known ejection fraction."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from matae.cine import Cine, Spacing

ELLIPSOID, CYLINDER = 2 / 3 * np.pi, np.pi  # volume over length and radius squared


def body(kind, *, shape=(300, 280), spacing=(0.5, 0.5), length=80.0, radius=23.0, tilt=0.0, apex=(40.0, 70.0)):
    """Draw a half-ellipsoid or a cylinder: its apex in mm from the corner, its axis tilted in degrees."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    y, x = y * spacing[0] - apex[0], x * spacing[1] - apex[1]
    angle = np.radians(tilt)
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    inside = (along >= 0) & (along <= length)
    if kind == "ellipsoid":
        return (inside & ((1 - along / length) ** 2 + (across / radius) ** 2 <= 1)).astype(np.uint8)
    return (inside & (np.abs(across) <= radius)).astype(np.uint8)


HALF_MM = Spacing(0.5, 0.5)


def cine_of(masks, *, rate=50.0, spacing=HALF_MM, **facts):
    """Wrap masks as a cine whose pictures show them."""
    masks = np.asarray(masks)
    times = None if rate is None else np.arange(len(masks)) / rate
    return Cine((masks > 0).astype(np.uint8) * 90 + 20, times, spacing, Path("made.dcm"), **facts)


def beating(areas, *, shape=(120, 110), **facts):
    """Return a cine and masks of a half-ellipsoid whose area follows a curve (1 is the largest)."""
    masks = np.stack([
        body("ellipsoid", shape=shape, spacing=(1, 1), length=80 * a**0.3, radius=25 * a**0.7, apex=(15, 55))
        for a in areas
    ])  # fmt: skip
    return cine_of(masks, spacing=Spacing(1.0, 1.0), **facts), masks


@lru_cache(maxsize=64)
def heart(seed, shape=(256, 256)):
    """Return true EF, masks and landmarks at end-diastole and end-systole, spacing of a random heart, not imaged."""
    from matae.phantom import random_heart
    from matae.phantom.anatomy import layout
    from matae.phantom.make import _truth
    from matae.phantom.scan import HeartFrame, make_fan
    from matae.phantom.shape import beating_ventricle

    config = random_heart(seed)
    beats = beating_ventricle(config.ventricle, config.motion, np.array([0.0, 1.0]))
    fan = make_fan(config.sector, shape)
    poses = [HeartFrame(config.pose), HeartFrame(config.pose, config.motion.rocking_deg, 0.0, 0.0)]
    labels, landmarks = _truth(fan, beats, poses, layout(config.chambers, beats.rest))
    ed, es = beats.volumes_ml
    return 100 * (ed - es) / ed, (ed, es), labels == 1, landmarks, fan.spacing

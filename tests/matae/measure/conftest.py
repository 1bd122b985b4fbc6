"""Make the makers importable, whichever way pytest was started, and what several files measure."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from measure_makers import beating

from matae.measure import measure_cine
from matae.phantom import make_phantom


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(2, n_frames=20, frame_rate=20.0, shape=(96, 96))


@pytest.fixture(scope="module")
def measured(phantom):
    return measure_cine(phantom.cine, phantom.masks, model="matae-lv", width="1/2")


@pytest.fixture(scope="module")
def nothing():
    cine, masks = beating(np.linspace(1, 0.6, 8))
    return measure_cine(replace(cine, frame_times=None, spacing=None), np.zeros_like(masks))

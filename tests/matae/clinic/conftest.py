"""A phantom as a DICOM clip, and what is measured in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from clinic_makers import phantom_dataset, save

from matae.measure import measure_cine
from matae.phantom import make_phantom
from matae.read import open_cine


@pytest.fixture(scope="session")
def phantom():
    return make_phantom(2, n_frames=20, frame_rate=20.0, shape=(96, 96))


@pytest.fixture(scope="session")
def clip(phantom, tmp_path_factory) -> Path:
    """Return the file of a DICOM clip."""
    return save(phantom_dataset(phantom), tmp_path_factory.mktemp("clip") / "clip.dcm")


@pytest.fixture(scope="session")
def cine(clip):
    return open_cine(clip)


@pytest.fixture(scope="session")
def measured(cine, phantom):
    return measure_cine(cine, phantom.masks, model="matae-lv", width="1/2")

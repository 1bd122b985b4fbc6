"""The toy training folder as a fixture, and what is read of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from train_makers import write_frames

from matae.train.data import LabelledFrames, load_frames
from tests.quick_fabric import look_for_callbacks_once


@pytest.fixture(scope="session", autouse=True)
def known_callbacks() -> None:
    """Let no training look through all that is installed."""
    look_for_callbacks_once()


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "toy")


@cache
def _read_once() -> tuple[LabelledFrames, LabelledFrames]:
    with TemporaryDirectory() as folder:
        toy = write_frames(Path(folder) / "toy")
        return load_frames(toy, "train"), load_frames(toy, "val")


@pytest.fixture
def sides() -> tuple[LabelledFrames, LabelledFrames]:
    """Return the frames of the toy folder to train on and those held out: a test's own to change."""
    train, held_out = (replace(one, images=one.images.copy(), masks=one.masks.copy()) for one in _read_once())
    return train, held_out

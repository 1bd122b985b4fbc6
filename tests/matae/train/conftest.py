"""The toy training folder as a fixture."""

from __future__ import annotations

from pathlib import Path

import pytest
from train_makers import write_frames


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "toy")

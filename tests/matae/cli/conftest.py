"""A clip, and a folder for what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_makers import make_clip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in" / "clip.npy")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"

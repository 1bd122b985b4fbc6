"""Processes for the clips of a queue, without their start."""

from __future__ import annotations

import pytest

from ...forked_runs import fork_pools


@pytest.fixture(autouse=True)
def forked_pools(monkeypatch) -> None:
    """Fork the processes for clips: that they start by themselves is tested in `tests/matae/worklist`."""
    fork_pools(monkeypatch)

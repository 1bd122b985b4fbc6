"""Processes for the clips of a queue, without their start."""

from __future__ import annotations

import pytest

from tests.forked_runs import fork_pools


@pytest.fixture(scope="module", autouse=True)
def made_quickly(quick_studies: None) -> None:
    """Make the tables of new studies without the migrations."""


@pytest.fixture(autouse=True)
def forked_pools(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the processes for clips, but where a test asks for some that are started."""
    if "started_pools" not in request.fixturenames:
        fork_pools(monkeypatch)


@pytest.fixture
def started_pools() -> None:
    """Start the processes for clips as the product does."""

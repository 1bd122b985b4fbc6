"""New studies for the readings, without the migrations."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def made_quickly(quick_studies: None) -> None:
    """Make the tables of new studies without the migrations."""

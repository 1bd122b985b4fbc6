"""Where runs live: a folder each, below the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.files import writing_to

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PLAN", "VERDICT", "new_run_folder", "runs_home"]

PLAN, VERDICT = "plan.json", "verdict.json"


def runs_home() -> Path:
    """Return the folder of all runs."""
    from matae.models import home

    return home() / "runs"


def new_run_folder() -> Path:
    """Make the folder of a new run."""
    import time
    import uuid

    folder = runs_home() / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
    with writing_to(folder.parent):
        folder.mkdir(parents=True)
    return folder

"""Finds the sector of a picture off the GUI thread, as events for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_matae.background.failure import Failed, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.cine import Cine
    from matae.segment import Sector

__all__ = ["Found", "sector_events"]


@dataclass(frozen=True, eq=False)
class Found:
    """A sector was found in a picture."""

    sector: Sector


def sector_events(cine: Cine) -> Iterator[Found | Failed]:
    """Find the sector of a picture, as events for the GUI thread."""
    from matae.segment import find_sector

    try:
        yield Found(find_sector(cine))
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        yield Failed(explain(error))

"""Reads clips off the GUI thread, as events for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from matae.cine import Cine
    from matae.read import CineRef
    from matae.segment import Sector
    from napari_matae.background.events import Failed

__all__ = ["Decoded", "Listed", "Opened", "open_events", "path_events", "reading_events"]


@dataclass(frozen=True)
class Listed:
    """What a file or folder holds, not decoded yet, and a sentence on what was left out."""

    path: Path
    found: tuple[CineRef, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A cine was read; nothing else is known of it yet."""

    cine: Cine


@dataclass(frozen=True, eq=False)
class Opened:
    """A cine was read, its pixels hashed, and its sector found."""

    cine: Cine
    sector: Sector


def open_events(opener: Callable[[], Cine]) -> Iterator[Opened]:
    """Read a cine, as an event for the GUI thread."""
    yield _looked_at(opener())


def path_events(path: Path) -> Iterator[Listed | Decoded | Opened | Failed]:
    """List the cines of a file or folder, and read the only one, as events for the GUI thread.

    What was read early is taken with the call; all else is done as the events are asked for.
    """
    from napari_matae.open.early import taken_early

    early = taken_early(path)
    return reading_events(path) if early is None else early


def reading_events(path: Path) -> Iterator[Listed | Decoded | Opened]:
    """As `path_events`, of a path that nobody read before."""
    from matae.read import list_cines

    found = list_cines(path)
    yield Listed(path, tuple(found), found.note)
    if len(found) == 1:
        cine = found[0].open()
        yield Decoded(cine)
        yield _looked_at(cine)


def _looked_at(cine: Cine) -> Opened:
    from matae.segment import find_sector

    _ = cine.content_id  # kept with the cine: whoever asks for it in the GUI thread does not hash the pixels
    return Opened(cine, find_sector(cine))

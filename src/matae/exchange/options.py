"""What a person chooses before an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from matae.exchange.registry import FORMATS
from matae.option import Option

__all__ = ["LARGEST", "SMALLEST", "ExportOptions"]

SMALLEST, LARGEST = 32, 2048
"""Sides of a grid that frames may be scaled to, in pixels."""


@dataclass(frozen=True)
class ExportOptions:
    """How to export; see `matae.exchange.plan_export`.

    Parameters
    ----------
    format
        One of `matae.exchange.FORMATS`.
    name
        Of the release.
    edited
        Whether frames leave that were edited and not accepted yet.
    size
        Side of a square grid to scale to; the format's own if None.
    native
        Whether native pixels are kept where the format would scale.
    view
        View of clips that state none; such clips are left out if None and the format needs one.
    reading
        Whose reading leaves; what counts if None.
    """

    format: Annotated[
        str, Option("How the data are laid out.", choices={name: entry.title for name, entry in FORMATS.items()})
    ] = "png"
    name: Annotated[
        str,
        Option(
            "Name of the release; it leaves with the data: no patient's name, no date. Letters, digits, - _ and dots.",
            metavar="NAME",
        ),
    ] = "release"
    edited: Annotated[
        bool,
        Option(
            "Export also frames that were edited and not accepted yet. A mask that is only predicted never leaves, nor "
            "a rejected frame.",
            label="Edited frames too, not accepted yet",
        ),
    ] = False
    size: Annotated[
        int | None,
        Option(
            "Scale to a square of this side: cropped to the sector, apex up. Training takes frames of one size.",
            metavar="PIXELS",
            unit="px",
            least=SMALLEST,
            most=LARGEST,
        ),
    ] = None
    native: Annotated[bool, Option("Native pixels, where the format would scale.")] = False
    view: Annotated[
        str | None,
        Option(
            "View of clips whose file states none, where the format needs one.",
            label="View unknown",
            metavar="A4C|A2C",
            choices={None: "leave such clips out", "A4C": "apical four-chamber", "A2C": "two-chamber"},
        ),
    ] = None
    reading: Annotated[
        str | None,
        Option(
            "Rater whose reading leaves; what counts if left out, which somebody must have chosen where blind readings "
            "differ.",
            label="Reading of",
            metavar="RATER",
        ),
    ] = None

    @property
    def statuses(self) -> tuple[str, ...]:
        """Statuses of the frames that leave."""
        return ("accepted", "edited") if self.edited else ("accepted",)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `matae.exchange.plan_export` after the study."""
        return {
            "format": self.format,
            "name": self.name,
            "statuses": self.statuses,
            "size": self.size,
            "native": self.native,
            "view": self.view,
            "reading": self.reading,
        }

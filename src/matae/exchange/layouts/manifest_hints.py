"""What our own manifest says of the clips of a folder: whose they are, and how they were placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae.errors import ExchangeError
from matae.exchange.names import check_text
from matae.exchange.placing import placement_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matae.placement import Placement

__all__ = ["Hint", "hints_of"]


@dataclass(frozen=True)
class Hint:
    """One clip of a release.

    Parameters
    ----------
    patient, split, key
        As in the manifest.
    fit
        How its frames were placed.
    frames
        Frame numbers with a label and their status, in the clip it was exported from.
    ed, es
        In the same numbers, or None.
    """

    patient: str
    split: str
    key: str
    fit: Placement
    frames: dict[int, str]
    ed: int | None = None
    es: int | None = None


def hints_of(manifest: Mapping[str, Any] | None) -> dict[str, Hint]:
    """Return the clips of a manifest by the name they have in the folder; empty without one.

    Raises
    ------
    ExchangeError
        If the manifest is damaged.
    """
    found: dict[str, Hint] = {}
    if manifest is None:
        return found
    where = "release.json"
    try:
        for clip in manifest["clips"]:
            frames = {int(frame["frame"]): str(frame["status"]) for frame in clip["frames"]}
            hint = Hint(
                check_text(clip["patient"], where), check_text(clip["split"], where), check_text(clip["key"], where),
                placement_from_json(clip["fit"], where), frames, _frame(clip.get("ed")), _frame(clip.get("es")),
            )  # fmt: skip
            found[check_text(clip["name"], where)] = hint
            if clip.get("folder_name"):
                found[check_text(clip["folder_name"], where)] = hint
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ExchangeError("release.json is damaged; copy the export again.") from None
    return found


def _frame(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 10**7 else None

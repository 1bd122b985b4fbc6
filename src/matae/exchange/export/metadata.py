"""What is said of a clip that leaves: words from a short list, never a free text, and every field shown first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.anatomy import CAVITY, class_name
from matae.exchange.export.findings import leaving

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matae.exchange.export.plan_record import PlannedClip

__all__ = ["VIEWS", "known_quality", "known_view", "list_fields"]

VIEWS = ("A4C", "A2C", "A3C", "A5C", "PLAX", "PSAX", "SC4C")
"""Views that leave by name; any other text of a source may hold anything, and counts as unknown."""

_QUALITIES = ("good", "medium", "poor")  # the words of CAMUS


def known_view(text: str | None) -> str | None:
    """Return a view if it is one of `VIEWS`."""
    return text if text in VIEWS else None


def known_quality(text: str | None) -> str:
    """Return an image quality as CAMUS writes it, or nothing."""
    return text.capitalize() if text and text.lower() in _QUALITIES else ""


def list_fields(
    clip: PlannedClip, format_name: str, release_name: str, classes: Iterable[int] = ()
) -> tuple[tuple[str, str], ...]:
    """Return every field that leaves beside the pictures, with an example of its value.

    Parameters
    ----------
    clip
        What the examples are taken from.
    format_name
        Name of the format.
    release_name
        Name of the release.
    classes
        That occur in the masks.
    """
    spacing = "unknown" if clip.spacing is None else f"{clip.spacing.y:.4g} x {clip.spacing.x:.4g} mm"
    times = "unknown" if clip.frame_times is None else f"0 to {clip.frame_times[-1]:.3f} s"
    box = clip.fit.box
    fields = [
        ("release name", release_name),
        ("patient (pseudonym)", clip.patient),
        ("clip (pseudonym)", clip.name),
        ("side of the split", clip.split),
        ("view", clip.view or "unknown"),
        ("pixel size", spacing),
        ("frame times", times),
        ("frame numbers with a label", ", ".join(map(str, clip.frames[:8])) + ("..." if len(clip.frames) > 8 else "")),
        ("ED and ES frame", f"{clip.ed} and {clip.es}"),
        ("status of each label", "accepted or edited"),
        ("rater (pseudonym)", "rater-0123abcd"),
        ("model and width that proposed it", "name of a bundled model, or a pseudonym"),
        ("place of the sector", f"rows {box.y0}-{box.y1}, columns {box.x0}-{box.x1}"),
    ]
    if set(classes) - {CAVITY}:
        fields.append(("structures", ", ".join(class_name(value) for value in leaving(classes, format_name))))
    if format_name == "camus":
        fields.append(("image quality", clip.quality or "unknown"))
    if format_name in {"camus", "echonet"}:
        fields.append(("volumes and ejection fraction", "computed from the masks"))
    return tuple(fields)

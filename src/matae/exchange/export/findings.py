"""What a person should know before data leave: text in a picture, no sector to blank by, what is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.anatomy import CAVITY, class_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matae.cine import Box, Cine
    from matae.exchange.export.deidentify_pixels import Blanking
    from matae.exchange.export.plan_record import PlannedClip

__all__ = ["Finding", "find_in_picture", "find_over_clips", "leaving"]

_DARK = 12  # grey level that a scanner's background stays below
_HARDLY = 0.01  # share of a picture


@dataclass(frozen=True)
class Finding:
    """Something a person should know before the data leave.

    Parameters
    ----------
    kind
        ``text`` (text seems to be burned in), ``unblanked`` (no sector was found, or not for sure), ``left out``, or
        ``note``.
    sentence
        For the person. It names clips of the study, and does not leave.
    clip
        Content id, or empty.
    boxes
        Where text seems to be, in native pixels.
    """

    kind: str
    sentence: str
    clip: str = ""
    boxes: tuple[Box, ...] = ()

    @property
    def needs_look(self) -> bool:
        """Whether a person must have looked at the preview before the data may leave."""
        return self.kind in {"text", "unblanked"}


def find_in_picture(cine: Cine, blanked: Blanking, text: tuple[Box, ...], label: str) -> list[Finding]:
    """Return what must be looked at in the pictures of a clip.

    Parameters
    ----------
    cine
        The clip.
    blanked
        What of it may leave.
    text
        Where text seems to be, in native pixels.
    label
        What the person calls the clip.
    """
    findings = []
    if text:
        places = "a place" if len(text) == 1 else f"{len(text)} places"
        sentence = f"{label}: text seems to be burned into the picture in {places}; look at it."
        findings.append(Finding("text", sentence, cine.content_id, text))
    if blanked.sector.is_unsure:
        # An outline that the picture does not bear out blanks nothing near it: a person looks at all that would leave.
        is_box = blanked.sector.source == "outline"
        what = "all of a box around what shows" if is_box else "all of its ultrasound region"
        what = "its whole picture" if blanked.share < _HARDLY else what
        sentence = f"{label}: the sector was not found for sure, so {what} would leave; look at it."
        findings.append(Finding("unblanked", sentence, cine.content_id))
    elif blanked.sector.source == "whole" and blanked.share < _HARDLY and _has_dark_corners(cine):
        sentence = f"{label}: no sector was found, so its whole picture would leave; look at it."
        findings.append(Finding("unblanked", sentence, cine.content_id))
    return findings


def _has_dark_corners(cine: Cine) -> bool:
    """Say whether there is a border around the image in which a scanner may have written."""
    rows, columns = cine.shape
    high, wide = max(1, rows // 12), max(1, columns // 12)
    frame = np.asarray(cine.frames[0])
    corners = [frame[y, x] for y in (slice(0, high), slice(-high, None)) for x in (slice(0, wide), slice(-wide, None))]
    return any(float(np.median(corner)) < _DARK for corner in corners)


def leaving(classes: Iterable[int], format_name: str) -> tuple[int, ...]:
    """Return the classes for which a format has room: EchoNet-Dynamic traces the cavity alone."""
    return tuple(sorted(value for value in classes if format_name != "echonet" or value == CAVITY))


def find_over_clips(clips: Sequence[PlannedClip], format_name: str, classes: Iterable[int] = ()) -> list[Finding]:
    """Return what should be known of the clips together.

    Parameters
    ----------
    clips
        All that leave.
    format_name
        Name of the format.
    classes
        That occur in their masks.
    """
    counted: list[tuple[int, str]] = []
    if format_name == "echonet":
        counted += [
            (
                sum(len(clip.frames) < 2 for clip in clips),
                "with one traced frame: EchoNet's own code leaves those out.",
            ),
            (
                sum(clip.frame_times is None for clip in clips),
                "of unknown frame rate: FPS is left empty, and the video plays at 25 Hz, which is no measurement.",
            ),
        ]
    if format_name in {"echonet", "camus"}:
        counted.append(
            (
                sum(clip.ed is not None and not clip.marked for clip in clips),
                "without marked ED and ES: the labelled frames with the largest and the smallest cavity are taken.",
            )
        )
    said = [f"{count} clip{'' if count == 1 else 's'} {what}" for count, what in counted if count]
    stays = [class_name(value) for value in sorted(set(classes) - set(leaving(classes, format_name)))]
    if stays:
        said.append(
            f"EchoNet-Dynamic has room for the tracing of the {class_name(CAVITY)} alone, so the "
            f"{' and '.join(stays)} will not leave; choose another format for all structures."
        )
    sizes = {clip.fit.out_shape for clip in clips}
    if format_name == "png" and len(sizes) > 1:
        said.append(
            f"The frames have {len(sizes)} sizes and 'train' takes one; export with a size of 112 or so for it."
        )
    sides = {clip.split for clip in clips}
    said += [
        f"No patient is on the {missing} side yet; 'train' needs some there."
        for missing in ("train", "val")
        if missing not in sides
    ]
    return [Finding("note", sentence) for sentence in said]

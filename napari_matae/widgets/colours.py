"""Colours and words for statuses, flags and phases, the same wherever frames are shown."""

from __future__ import annotations

from matae.store.types import FrameStatus

__all__ = ["DISKS_COLOUR", "ED_COLOUR", "ES_COLOUR", "FLAG_COLOUR", "NO_MASK_COLOUR", "STATUS_COLOURS", "STATUS_WORDS"]

# Okabe-Ito colours, of different lightness too: told apart by every kind of colour vision and in a grey print.
STATUS_COLOURS = {
    FrameStatus.MACHINE: "#7a8290",
    FrameStatus.EDITED: "#e69f00",
    FrameStatus.ACCEPTED: "#009e73",
    FrameStatus.REJECTED: "#d55e00",
}
NO_MASK_COLOUR = "#2f343d"
FLAG_COLOUR = "#cc79a7"
# As in the report.
ED_COLOUR, ES_COLOUR, DISKS_COLOUR = "#e69f00", "#56b4e9", "#ffffff"

STATUS_WORDS = {
    FrameStatus.MACHINE: "predicted",
    FrameStatus.EDITED: "edited",
    FrameStatus.ACCEPTED: "accepted",
    FrameStatus.REJECTED: "rejected",
}

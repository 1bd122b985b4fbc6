"""Every colour of the dock, for napari's dark and light themes; and the words for statuses.

What is drawn over the picture stands on ultrasound, which is dark in any theme, and keeps one colour. Everything else
takes the colours of the theme of the widget it is drawn in, and takes others when the theme changes: ask
`colours_of(widget)` where something is painted anew anyway, and let `follow_colours` call where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject

from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qtpy.QtWidgets import QLabel, QWidget

__all__ = [
    "ALARM_ON_PICTURE",
    "BESIDE_PICTURE",
    "DARK",
    "DEPTH_LINE",
    "DISKS_COLOUR",
    "DOT_RIM",
    "ED_COLOUR",
    "ES_COLOUR",
    "FAINT_ON_PICTURE",
    "LIGHT",
    "M_MODE_LINE",
    "ON_PICTURE",
    "STATUS_WORDS",
    "UNDER_PICTURE",
    "Colours",
    "colours_of",
    "follow_colours",
    "make_faint",
]

# Over the picture. ED, ES and disks as in the report.
ED_COLOUR, ES_COLOUR, DISKS_COLOUR = "#e69f00", "#56b4e9", "#ffffff"
DEPTH_LINE, M_MODE_LINE = "#cc79a7", "#00e0a4"
ON_PICTURE, ALARM_ON_PICTURE = "#ffffff", "#ff7a5c"
UNDER_PICTURE, FAINT_ON_PICTURE = "#000000", "#b0b0b0"
DOT_RIM = "#808080"
"""Round a dot that stands for a status: seen on any background."""
BESIDE_PICTURE = "background: black; color: #c8ccd2"
"""Style of a label that holds a picture, or the words in its place."""

STATUS_WORDS = {
    FrameStatus.MACHINE: "predicted",
    FrameStatus.EDITED: "edited",
    FrameStatus.ACCEPTED: "accepted",
    FrameStatus.REJECTED: "rejected",
}


@dataclass(frozen=True)
class Colours:
    """The colours of one theme, as ``#rrggbb``.

    Text has a contrast of at least 4.5 to 1 with napari's background and with its buttons; lines and marks, which are
    larger, have 3 to 1 with the background (WCAG 2.2, 1.4.3 and 1.4.11). Statuses, phases and curves have the hues of
    Okabe and Ito, of different lightness too: told apart by every kind of colour vision and in a grey print.
    """

    ink: str
    """Text, axes, captions, the frame on screen."""
    faint: str
    """Text that stands back: units, captions, notes."""
    link: str
    good: str
    warning: str
    alarm: str
    curve: str
    """The area or volume of the cavity over time."""
    ed: str
    es: str
    flag: str
    empty: str
    """A frame without a mask; a scale that shows no value; a segment that is not known."""
    status: Mapping[FrameStatus, str]
    series: tuple[str, ...]
    """Things of one kind told apart in a plot: patients, widths of a network."""


DARK = Colours(
    ink="#f0f1f2",
    faint="#c3c7cd",
    link="#a5c8ff",
    good="#5fd6b0",
    warning="#f5b942",
    alarm="#ffab96",
    curve="#f0e442",
    ed="#e69f00",
    es="#56b4e9",
    flag="#cc79a7",
    empty="#454c58",
    status={
        FrameStatus.MACHINE: "#7a8290",
        FrameStatus.EDITED: "#e69f00",
        FrameStatus.ACCEPTED: "#009e73",
        FrameStatus.REJECTED: "#d55e00",
    },
    series=("#3d9fe0", "#e69f00", "#1fb088", "#d67fb0", "#56b4e9", "#e0713a", "#8f97a5"),
)
LIGHT = Colours(
    ink="#1e1e21",
    faint="#44484f",
    link="#143f94",
    good="#00513a",
    warning="#6b3f00",
    alarm="#8f1d12",
    curve="#7d6c00",
    ed="#a86a00",
    es="#1b6fa8",
    flag="#a8487f",
    empty="#c3c0bd",
    status={
        FrameStatus.MACHINE: "#6a717d",
        FrameStatus.EDITED: "#b37400",
        FrameStatus.ACCEPTED: "#006b4a",
        FrameStatus.REJECTED: "#c63d00",
    },
    series=("#1f6fb0", "#a86a00", "#00795a", "#a8487f", "#2a86b8", "#b84a08", "#666d78"),
)


def colours_of(widget: QWidget) -> Colours:
    """Return the colours of the theme a widget is shown in: napari's own, or another by the lightness of its text."""
    return DARK if widget.palette().windowText().color().lightnessF() > 0.5 else LIGHT


def follow_colours(widget: QWidget, take: Callable[[Colours], None]) -> None:
    """Have a widget take the colours of its theme: now, and whenever the theme is another.

    Parameters
    ----------
    widget
        Whose theme is followed; it must outlive whatever `take` changes.
    take
        Takes the colours.
    """
    take(_Follower(widget, take).colours)


def make_faint(label: QLabel) -> None:
    """Draw a label's text so that it stands back, in any theme."""
    follow_colours(label, lambda colours: label.setStyleSheet(f"color: {colours.faint}"))


_MAY_CHANGE = frozenset({QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.Polish})


class _Follower(QObject):  # type: ignore[misc]
    """Hears when a widget is given another style sheet, which is how napari changes its theme."""

    def __init__(self, widget: QWidget, take: Callable[[Colours], None]) -> None:
        super().__init__(widget)
        self._widget, self._take = widget, take
        self.colours = colours_of(widget)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        # Qt tells of a change several times, at first while the widget still has the old colours.
        if event.type() in _MAY_CHANGE and watched is self._widget:
            found = colours_of(self._widget)
            if found is not self.colours:
                self.colours = found
                self._take(found)
        return False

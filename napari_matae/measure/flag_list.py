"""What to know before a number is believed: plain sentences, each with links to its frames."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from matae.measure import QualityFlag

__all__ = ["FlagList"]

_MOST_LINKS = 6
_LINK = "#8ab4f8"


class FlagList(QLabel):  # type: ignore[misc]
    """The flags of a measurement.

    Parameters
    ----------
    parent
        Qt parent.
    """

    seek_wanted = Signal(tuple)
    """A frame (tuple of one int) is to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.setOpenExternalLinks(False)
        self.linkActivated.connect(lambda link: self.seek_wanted.emit((int(link),)))

    def show_flags(self, flags: Sequence[QualityFlag]) -> None:
        """Show these flags, warnings first."""
        if not flags:
            text = "✓ Nothing doubtful was noticed."
        else:
            text = "".join(f"<p style='margin:0 0 4px 0'>{_line(flag)}</p>" for flag in flags)
        if self.text() != text:
            self.setText(text)


def _line(flag: QualityFlag) -> str:
    sign = "<span style='color:#e69f00'>▲</span>" if flag.level == "warning" else "<span style='color:#8a93a3'>•</span>"
    links = " · ".join(
        f"<a href='{frame}' style='color:{_LINK}'>{frame + 1}</a>" for frame in flag.frames[:_MOST_LINKS]
    )
    more = " …" if len(flag.frames) > _MOST_LINKS else ""
    word = "Frame" if len(flag.frames) == 1 else "Frames"
    return f"{sign} {escape(flag.text)}" + (f" {word} {links}{more}" if links else "")

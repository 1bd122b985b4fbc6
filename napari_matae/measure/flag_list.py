"""What to know before a number is believed: plain sentences, each with links to its frames."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel

from napari_matae.widgets.colours import colours_of, follow_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from matae.measure import QualityFlag
    from napari_matae.widgets.colours import Colours

__all__ = ["FlagList"]

_MOST_LINKS = 6


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
        self._flags: Sequence[QualityFlag] | None = None
        follow_colours(self, self._show)

    def show_flags(self, flags: Sequence[QualityFlag]) -> None:
        """Show these flags, warnings first."""
        self._flags = flags
        self._show(colours_of(self))

    def _show(self, colours: Colours) -> None:
        flags = self._flags
        if flags is None:
            text = ""
        elif not flags:
            text = "✓ Nothing doubtful was noticed."
        else:
            text = "".join(f"<p style='margin:0 0 4px 0'>{_line(flag, colours)}</p>" for flag in flags)
        if self.text() != text:
            self.setText(text)


def _line(flag: QualityFlag, colours: Colours) -> str:
    colour, sign = (colours.warning, "▲") if flag.level == "warning" else (colours.faint, "•")
    sign = f"<span style='color:{colour}'>{sign}</span>"
    links = " · ".join(
        f"<a href='{frame}' style='color:{colours.link}'>{frame + 1}</a>" for frame in flag.frames[:_MOST_LINKS]
    )
    more = " …" if len(flag.frames) > _MOST_LINKS else ""
    word = "Frame" if len(flag.frames) == 1 else "Frames"
    return f"{sign} {escape(flag.text)}" + (f" {word} {links}{more}" if links else "")

"""Small parts of the verdict: words a person can copy, small print, and parts under a name."""

from __future__ import annotations

from functools import partial
from html import escape as escape_html
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout

from napari_matae.verdict.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from matae.learn.verdict import Side

__all__ = ["about_side", "block", "escape", "small", "words"]

escape = partial(escape_html, quote=False)


def words(text: str, parent: QWidget) -> QLabel:
    """Return a label that wraps and whose text can be copied."""
    label = QLabel(text, parent)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def small(text: str) -> str:
    """Return plain text as small print; napari's style allows no other way."""
    return f"<small>{escape(text)}</small>"


def about_side(side: Side, meaning: str) -> str:
    """Return on how much a side rests and what it means, as small print."""
    if not side.frames:
        return small(f"{meaning} None of its frames could be compared.")
    return small(f"{plural(side.n_frames, 'frame')} of {plural(side.n_patients, 'patient')}. {meaning}")


def block(title: str, widgets: Sequence[QWidget], parent: QWidget, *, framed: bool) -> QFrame:
    """Return a part under its name, so that what belongs together is seen to."""
    part = QFrame(parent)
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 6, 0, 2)
    if framed:
        part.setFrameShape(QFrame.Shape.StyledPanel)
        column.setContentsMargins(6, 4, 6, 6)
    heading = QLabel(f"<b>{escape(title)}</b>", part)
    heading.setWordWrap(True)
    column.addWidget(heading)
    for widget in widgets:
        column.addWidget(widget)
    return part

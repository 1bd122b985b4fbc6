"""Files dropped on the canvas go to the reader of the dock, without a question, while the dock is open.

napari asks which reader to use when several take a file, and its own takes most videos, pictures and volumes. Which
one a user prefers is a public setting, `extension2reader`: while the dock is open it names this plugin for the kinds of
files it reads, where the user named none; afterwards the setting is as it was. What was written is kept among the
dock's own settings, so that it is taken back even after a crash. The manifest cannot do this: napari weighs no pattern
against another, and no reader may claim to come first.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["READER", "DropBox", "preferred_reader"]

READER = "napari-matae"
_WANTED, _WRITTEN = "drops/wanted", "drops/written"


def preferred_reader(path: Path) -> str | None:
    """Return the reader that napari's settings name for files of this suffix, or None."""
    from napari.settings import get_settings

    readers: dict[str, str] = get_settings().plugins.extension2reader
    return readers.get(f"*{path.suffix}") or readers.get(f"*{path.suffix.lower()}")


def _patterns() -> list[str]:
    """Return the patterns of what the dock opens: napari tells upper from lower case, and a folder by its end."""
    from matae.read import SUPPORTED_SUFFIXES

    cased = [f"*{text}" for suffix in SUPPORTED_SUFFIXES for text in (suffix, suffix.upper())]
    return [*cased, f"*{os.sep}"]


def _written() -> list[str]:
    text = str(settings().value(_WRITTEN, "") or "")
    return text.split("|") if text else []


def _take() -> None:
    from napari.settings import get_settings

    plugins = get_settings().plugins
    new = [pattern for pattern in _patterns() if pattern not in plugins.extension2reader]
    if new:
        settings().setValue(_WRITTEN, "|".join({*_written(), *new}))
        plugins.extension2reader = {**plugins.extension2reader, **dict.fromkeys(new, READER)}


def _give_back() -> None:
    from napari.settings import get_settings

    plugins, ours = get_settings().plugins, set(_written())
    if ours:
        plugins.extension2reader = {
            pattern: reader
            for pattern, reader in plugins.extension2reader.items()
            if pattern not in ours or reader != READER
        }
        settings().remove(_WRITTEN)


class DropBox(QCheckBox):  # type: ignore[misc]
    """Whether files dropped on the canvas are opened as in the dock; remembered.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Open files dropped on the picture here", parent)
        self.setToolTip(
            "While this dock is open, napari does not ask which reader to use for clips, pictures, volumes and folders."
        )
        self.setChecked(str(settings().value(_WANTED, "true")) == "true")
        if self.isChecked():
            _take()
        self.toggled.connect(self._on_toggled)
        connections_of(self).when_closed(_give_back)  # napari's settings are as they were

    def _on_toggled(self, wanted: bool) -> None:
        settings().setValue(_WANTED, "true" if wanted else "false")
        if wanted:
            _take()
        else:
            _give_back()

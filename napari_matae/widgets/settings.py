"""What the dock remembers between sittings: keys, the study, how masks look."""

from __future__ import annotations

from qtpy.QtCore import QSettings

from matae.models.registry import home

__all__ = ["settings"]


def settings() -> QSettings:
    """Return the dock's settings, a file beside the user's models and study."""
    return QSettings(str(home() / "dock.ini"), QSettings.Format.IniFormat)

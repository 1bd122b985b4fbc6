"""Starts the viewer as a process of its own: the engine knows nothing of it, and a crash of Qt is not ours."""

from __future__ import annotations

import os
import sys

from matae.errors import MataeError

__all__ = ["has_display", "has_viewer", "launch"]

_QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def has_display() -> bool:
    """Return whether there is a display to open the viewer on."""
    if not sys.platform.startswith("linux"):
        return True  # Windows and macOS desktops have no variable to look at
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def has_viewer() -> bool:
    """Return whether napari and a Qt binding are installed."""
    from importlib.util import find_spec

    return find_spec("napari") is not None and any(find_spec(binding) is not None for binding in _QT_BINDINGS)


def launch(*arguments: str) -> None:
    """Start the viewer and wait until it is closed.

    Parameters
    ----------
    arguments
        Of ``python -m napari_matae``.

    Raises
    ------
    MataeError
        If it ended with an error.
    """
    import subprocess

    code = subprocess.run([sys.executable, "-m", "napari_matae", *arguments], check=False).returncode  # noqa: S603
    if code:
        raise MataeError(
            f"The viewer ended with code {code}; 'napari --info' tells whether its graphics work, "
            "'napari-matae demo --headless' works without them."
        )

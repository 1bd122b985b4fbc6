"""What the scripts that take pictures wait with: Qt's loop runs on meanwhile, as it does in front of a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QEventLoop, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_MS = 50


def wait(milliseconds: int) -> None:
    """Let Qt work for so long."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_until(done: Callable[[], bool], seconds: float = 900.0) -> None:
    """Let Qt work until something is so.

    Raises
    ------
    SystemExit
        If it is not after `seconds`: a picture of what is not ready yet is none.
    """
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SystemExit("the dock did not get ready")
        wait(_LOOK_MS)

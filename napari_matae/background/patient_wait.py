"""Waiting for another thread without a frozen window: Qt goes on drawing, and no key or click gets in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEventLoop, QThread, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["wait_until"]

_LOOK_MS = 10
_BLIND_S = 0.02


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, or the time is up; return whether it is.

    Parameters
    ----------
    done
        Whether it is so; asked in this thread, many times a second.
    seconds
        How long to wait at most.

    Notes
    -----
    In the GUI thread an event loop of its own runs meanwhile, which leaves keys, clicks and wheels for later. Where
    none can run (another thread, no application, an application that is ending), the thread waits by itself. Where none
    runs yet (a script that closes its viewer), events are handled without one: the first loop would delete what
    is to be deleted later, such as parts of the very window that is being closed.
    """
    end = time.monotonic() + seconds
    if done():
        return True
    application = QCoreApplication.instance()
    if application is not None and QThread.currentThread() == application.thread():
        if QThread.currentThread().loopLevel():
            _drawing(done, end)
        else:
            _handling(done, end)
    while not done() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _BLIND_S))
    return done()


def _drawing(done: Callable[[], bool], end: float) -> None:
    """Run an event loop until something is so, or the time is up; return at once where the application is ending."""
    loop = QEventLoop()
    timer = QTimer()
    timer.setInterval(_LOOK_MS)

    def look() -> None:
        if done() or time.monotonic() >= end:
            loop.quit()

    timer.timeout.connect(look)
    timer.start()
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    timer.stop()


def _handling(done: Callable[[], bool], end: float) -> None:
    """Handle events until something is so, or the time is up."""
    while not done() and time.monotonic() < end:
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        if not done():
            time.sleep(_LOOK_MS / 1000)

"""Cine playback at the file's own rate, by the wall clock.

The frame shown is the one whose time it is; a screen slower than the cine skips frames instead of slowing the
heart down, and whoever looks is told (`Player.skipping`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_matae.session.session import Session

__all__ = ["Player", "Skipping", "frame_at"]

_TICK_MS = 5
_COUNTED_S = 1.0
"""Frames are counted over so long: a moment's pause of the window is no skipping."""
_ALL = 0.9
"""Share of the frames from which all of them count as shown."""


def frame_at(times: np.ndarray, duration: float, seconds: float) -> int:
    """Return the frame on screen `seconds` after the first one, looping.

    Parameters
    ----------
    times
        Time of each frame in s, (T,), increasing from 0.
    duration
        Length of the loop in s: the last frame is shown until then.
    seconds
        Elapsed time in s.
    """
    return int(np.searchsorted(times, seconds % duration, side="right")) - 1


class Skipping(NamedTuple):
    """How many frames are shown.

    Parameters
    ----------
    shown
        Frames shown a second.
    due
        Frames whose time came in a second, at the speed of playing.
    """

    shown: float
    due: float


class Player(QObject):  # type: ignore[misc]
    """Plays the session's cine.

    Parameters
    ----------
    session
        Whose current cine is played.
    clock
        Seconds of a steady clock.
    parent
        Qt parent.
    """

    playing_changed = Signal(bool)
    skipping_changed = Signal()
    """`skipping` is another."""

    def __init__(
        self, session: Session, clock: Callable[[], float] = time.perf_counter, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._clock = session, clock
        self._speed = 1.0
        self._loop: tuple[int, int] | None = None
        self._origin = 0.0
        self._shown = -1
        self.skipping: Skipping | None = None
        """How many frames are shown, while some of them are skipped; None where all are, or nothing plays."""
        self._count = _Count(0.0, 0, 0, 0)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def can_play(self) -> bool:
        """Whether there is a cine whose frame rate is known."""
        current = self._session.current
        return current is not None and current.cine.duration is not None

    @property
    def is_playing(self) -> bool:
        """Whether the cine is playing."""
        return bool(self._timer.isActive())

    @property
    def speed(self) -> float:
        """Playback speed relative to real time."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._speed = value
        self._restart_clock()

    @property
    def loop(self) -> tuple[int, int] | None:
        """First and last frame of the part that is played over and over; None for the whole cine."""
        return self._loop

    @loop.setter
    def loop(self, value: tuple[int, int] | None) -> None:
        self._loop = None if value is None else (min(value), max(value))
        self._restart_clock()

    def toggle(self) -> None:
        """Play, or pause."""
        if self.is_playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """Play from the frame on screen; nothing happens where the frame rate is unknown."""
        if self.can_play and not self.is_playing:
            self._restart_clock()
            self._timer.start()
            self.playing_changed.emit(True)

    def pause(self) -> None:
        """Stop on the frame on screen."""
        if self.is_playing:
            self._timer.stop()
            self._tell_skipping(None)
            self.playing_changed.emit(False)

    def _part(self, times: np.ndarray, duration: float) -> tuple[int, np.ndarray, float]:
        """Return the first frame of what is played, its frames' times from 0, and its length in s."""
        if self._loop is None or self._loop[1] >= len(times):
            return 0, times, duration
        first, last = self._loop
        end = duration if last + 1 == len(times) else float(times[last + 1])
        return first, times[first : last + 1] - times[first], end - float(times[first])

    def _restart_clock(self) -> None:
        current = self._session.current
        if current is not None and current.cine.frame_times is not None and current.cine.duration is not None:
            first, times, _ = self._part(current.cine.frame_times, current.cine.duration)
            self._shown = self._session.frame
            place = min(max(self._shown - first, 0), len(times) - 1)
            now = self._clock()
            self._origin = now - float(times[place]) / self._speed
            self._count = _Count(now, place, 0, 0)

    def _tick(self) -> None:
        current = self._session.current
        if current is None or current.cine.frame_times is None or current.cine.duration is None:
            self.pause()
            return
        if self._session.frame != self._shown:
            self._restart_clock()  # someone moved the slider: go on from there
        now = self._clock()
        elapsed = (now - self._origin) * self._speed
        first, times, duration = self._part(current.cine.frame_times, current.cine.duration)
        place = frame_at(times, duration, elapsed)
        if first + place != self._shown:
            self._shown = first + place
            self._count_frame(now, int(elapsed // duration) * len(times) + place)
            self._session.seek(self._shown)

    def _count_frame(self, now: float, place: int) -> None:
        """Count a frame that is shown, and those whose time passed since the last one.

        `place` is its place among the frames since playing began, the loops before it counted.
        """
        since, last, shown, due = self._count
        shown, due = shown + 1, due + place - last
        if now - since < _COUNTED_S:
            self._count = _Count(since, place, shown, due)
            return
        seconds = now - since
        self._count = _Count(now, place, 0, 0)
        self._tell_skipping(None if shown >= _ALL * due else Skipping(shown / seconds, due / seconds))

    def _tell_skipping(self, skipping: Skipping | None) -> None:
        if skipping != self.skipping:
            self.skipping = skipping
            self.skipping_changed.emit()


class _Count(NamedTuple):
    """Frames shown, and frames whose time came, since a moment of the clock; and the place of the last one shown."""

    since: float
    last: int
    shown: int
    due: int

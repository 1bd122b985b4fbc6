"""Time spent on each frame: while it is on screen, not playing, and somebody is there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_matae.session.player import Player
    from napari_matae.session.session import Session
    from napari_matae.study.link import StudyLink

__all__ = ["AWAY_S", "TimeTracker"]

AWAY_S = 30.0
"""Nobody looks at one frame longer without doing anything: the rest is a telephone call."""


class TimeTracker(QObject):  # type: ignore[misc]
    """Adds the time between two things a person does to the frame that was on screen.

    Parameters
    ----------
    session, link
        Whose frames, and where the time is stored.
    player
        While it plays, nobody works on a frame.
    now
        Seconds of a steady clock.
    parent
        Qt parent.
    """

    def __init__(
        self,
        session: Session,
        link: StudyLink,
        player: Player,
        now: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._link, self._player, self._now = session, link, player, now
        self._frame, self._since = session.frame, now()
        connect = connections_of(self).connect
        connect(session.frame_changed, self._on_frame)
        connect(session.touched, self._on_work)
        connect(session.opened, self._restart)
        connect(session.stepped, self._on_work)
        player.playing_changed.connect(self._on_playing)

    def _on_work(self, _: object = None) -> None:
        """Something was done to the frame on screen: the time since the last thing belongs to it."""
        self._add()

    def _on_frame(self, frame: int) -> None:
        # Looking and moving on counts as work on a frame that is judged or drawn in; a glance in passing does not.
        if not self._player.is_playing and self._now() - self._since >= 1.0:
            self._add()
        self._restart()
        self._frame = frame

    def _on_playing(self, playing: bool) -> None:
        if playing:
            self._add()
        self._restart()

    def _restart(self, _: object = None) -> None:
        self._frame, self._since = self._session.frame, self._now()

    def _add(self) -> None:
        current, now = self._session.current, self._now()
        spent, self._since = now - self._since, now
        if current is not None and current.ready and self._frame in current.status and not self._player.is_playing:
            self._link.spend(self._frame, min(spent, AWAY_S))

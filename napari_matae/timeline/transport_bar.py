"""Play, pause and where we are: the row under the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.widgets.colours import colours_of, follow_colours

if TYPE_CHECKING:
    from napari_matae.session.player import Player
    from napari_matae.session.session import Session

__all__ = ["Transport"]

_SPEEDS = ((0.25, "¼×"), (0.5, "½×"), (1.0, "1×"), (2.0, "2×"))
_MORE, _LESS = "More room", "Less room"
_ROOM_TIP = "Fold napari's layer list and controls away: more room for the picture"


class Transport(QWidget):  # type: ignore[misc]
    """Play button, speed, and the frame on screen.

    Parameters
    ----------
    session, player
        What is shown and what plays it.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, player: Player, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._player = session, player
        self.play_button = QPushButton("Play", self)
        self.play_button.clicked.connect(player.toggle)
        self.play_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.speed = QComboBox(self)
        for value, text in _SPEEDS:
            self.speed.addItem(text, value)
        self.speed.setCurrentIndex(2)
        self.speed.setToolTip("Speed of playing: 1× shows the heart at its own rate, by the file's frame times.")
        self.speed.setAccessibleName("Speed of playing")
        self.speed.currentIndexChanged.connect(self._on_speed)
        self.where = QLabel(self)
        self.where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.play_button)
        row.addWidget(self.speed)
        row.addWidget(self.where, stretch=1)
        self.room_button = QPushButton(_MORE, self)
        self.room_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self.room_button)
        self._play_hint = self._room_hint = ""
        player.playing_changed.connect(self._on_playing)
        player.skipping_changed.connect(lambda: self._update_where(session.frame))
        follow_colours(self, lambda _: self._update_where(session.frame))
        connect = connections_of(self).connect
        connect(session.opened, self._update)
        connect(session.frame_changed, self._update_where)
        self._update()

    def set_hints(self, *, play: str, room: str) -> None:
        """Name the keys of playing and of more room in the tooltips."""
        self._play_hint, self._room_hint = play, room
        self._update()
        self.show_room(folded=self.room_button.text() != _MORE)

    def show_room(self, folded: bool) -> None:
        """Offer to fold napari's docks away, or to bring them back."""
        self.room_button.setText(_LESS if folded else _MORE)
        what = "Bring napari's layer list and controls back" if folded else _ROOM_TIP
        self.room_button.setToolTip(f"{what}{self._room_hint}.")

    def _on_speed(self) -> None:
        self._player.speed = self.speed.currentData()

    def _on_playing(self, playing: bool) -> None:
        self.play_button.setText("Pause" if playing else "Play")
        self._update()

    def _update(self, _: object = None) -> None:
        self.play_button.setEnabled(self._player.can_play)
        if self._session.current is None:
            self.play_button.setToolTip("Open a cine first.")
        elif self._session.current.cine.n_frames == 1:
            self.play_button.setToolTip("This is a single frame.")
        elif not self._player.can_play:
            self.play_button.setToolTip("The frame rate is not known: give it in the Open step.")
        else:
            what = "Pause" if self._player.is_playing else "Play at the speed beside"
            self.play_button.setToolTip(f"{what}{self._play_hint}.")
        self._update_where(self._session.frame)

    def _update_where(self, frame: int) -> None:
        current = self._session.current
        if current is None:
            self.where.setText("")
            return
        text = f"{frame + 1} of {current.cine.n_frames}"
        times, skipping = current.cine.frame_times, self._player.skipping
        if skipping is not None:
            colour = colours_of(self).warning
            text += f" · <span style='color:{colour}'>{skipping.shown:.0f}/{skipping.due:.0f} fps</span>"
            tip = (
                f"{skipping.shown:.0f} of {skipping.due:.0f} frames a second are shown, the others are skipped: the "
                "heart beats at its own rate. A smaller window or a lower speed shows more of them."
            )
        else:
            if times is not None and current.cine.n_frames > 1:
                text += f" · {times[frame]:.2f} s"
            tip = "Frame on screen and its time in the cine."
        self.where.setText(text)
        if self.where.toolTip() != tip:
            self.where.setToolTip(tip)

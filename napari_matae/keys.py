"""Keys of the dock, one table: what they are bound from is what the help shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from napari_matae.player import Player
    from napari_matae.session import Session

__all__ = ["KEYS", "bind_keys", "release_keys"]

KEYS: dict[str, str] = {
    "Shift-Space": "play or pause",
    "Left": "previous frame",
    "Right": "next frame",
    "Home": "first frame",
    "End": "last frame",
}
"""Key and what it does. Left and Right are napari's own."""

_OURS = ("Shift-Space", "Home", "End")


def bind_keys(viewer: Any, session: Session, player: Player) -> None:
    """Bind the dock's keys to a viewer."""

    def play(_: Any) -> None:
        player.toggle()

    def first(_: Any) -> None:
        session.seek(0)

    def last(_: Any) -> None:
        if session.current is not None:
            session.seek(session.current.cine.n_frames - 1)

    for key, action in zip(_OURS, (play, first, last), strict=True):
        viewer.bind_key(key, action, overwrite=True)


def release_keys(viewer: Any) -> None:
    """Give the dock's keys back."""
    for key in _OURS:
        viewer.bind_key(key, None, overwrite=True)

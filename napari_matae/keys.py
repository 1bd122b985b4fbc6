"""Keys of the dock: one table that they are bound from and that the help shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari_matae.player import Player
    from napari_matae.session import Session

    Action = Callable[[Session, Player], None]

__all__ = ["KEYS", "bind_keys", "help_text", "release_keys"]


def _last(session: Session, _: Player) -> None:
    if session.current is not None:
        session.seek(session.current.cine.n_frames - 1)


KEYS: dict[str, tuple[str, Action]] = {
    "Shift-Space": ("play or pause", lambda _, player: player.toggle()),
    "Home": ("first frame", lambda session, _: session.seek(0)),
    "End": ("last frame", _last),
}
"""Key, what it does in words, and the deed. Left and Right step through the frames: those are napari's own."""


def help_text() -> str:
    """Return the keys in one line, napari's own for stepping included."""
    ours = [f"{key} {words}" for key, (words, _) in KEYS.items()]
    return ", ".join([*ours, "Left and Right step"])


def bind_keys(viewer: Any, session: Session, player: Player) -> None:
    """Bind the dock's keys to a viewer."""

    def bound(action: Action) -> Callable[[Any], None]:
        return lambda _: action(session, player)

    for key, (_, action) in KEYS.items():
        viewer.bind_key(key, bound(action), overwrite=True)


def release_keys(viewer: Any) -> None:
    """Give the dock's keys back."""
    for key in KEYS:
        viewer.bind_key(key, None, overwrite=True)

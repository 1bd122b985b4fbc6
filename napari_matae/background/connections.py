"""Who connects says so in one place, and what is connected ends there too.

Qt ends a connection when either side is destroyed, so signals between objects that one dock owns need no end by hand,
and neither do those of a session, which goes silent when it is closed. What outlives a dock does need one: the
viewer's events, a layer's callbacks, the application. And work under way and timers end when the dock is closed,
which is before it is destroyed.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, SignalInstance

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Connections", "Owned", "connections_of", "end_owned"]


class Connections:
    """Connections that end together, of Qt's signals, psygnal's or napari's events; they can be made anew after that.

    See `connections_of` for those of a `QObject`.
    """

    def __init__(self) -> None:
        self._made: list[tuple[Any, Callable[..., object]]] = []
        self._ends: list[Callable[[], object]] = []

    def connect(self, signal: Any, slot: Callable[..., object]) -> None:
        """Connect a signal to a slot until `close`.

        Parameters
        ----------
        signal
            Anything with ``connect`` and ``disconnect``.
        slot
            What is called.
        """
        signal.connect(slot)
        self._made.append((signal, slot))

    def when_closed(self, end: Callable[[], object]) -> None:
        """Call a function at `close`: it gives back what was taken, or ends what is under way."""
        self._ends.append(end)

    def end_foreign(self) -> None:
        """End those of other kinds than Qt's, and do nothing else: Qt destroys whose they were, and ends its own."""
        made, self._made = self._made, []
        for signal, slot in reversed(made):
            if not isinstance(signal, SignalInstance):
                signal.disconnect(slot)

    def close(self) -> None:
        """End all connections, then call what is to be called, the last first."""
        made, self._made = self._made, []
        for signal, slot in reversed(made):
            with suppress(RuntimeError, TypeError):  # Qt's words for a connection that it has ended already
                signal.disconnect(slot)
        ends, self._ends = self._ends, []
        for end in reversed(ends):
            end()


class Owned(QObject):  # type: ignore[misc]
    """Something that ends when the dock that owns it is closed, be it ever so deep inside; see `end_owned`."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError


class _Destroyed:
    """Ends connections when Qt destroys their owner.

    Python's collector may delete an owner, and Qt then says so while everything that only the owner held is being
    cleared, a function too: calling one of those ends the program. So these are held by `_waiting`, from outside, and
    hold the connections weakly: whoever held them would hold their slots, and so the owner.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = weakref.ref(connections, lambda _: _over.append(self))

    def __call__(self, _: object = None) -> None:
        connections = self._connections()
        if connections is not None:
            connections.end_foreign()


_waiting: set[_Destroyed] = set()
_over: list[_Destroyed] = []


class _OwnedConnections(Owned):
    def __init__(self, connections: Connections, owner: QObject) -> None:
        super().__init__(owner)
        self._connections = connections
        while _over:  # not at once: it may be the one that runs
            _waiting.discard(_over.pop())
        ending = _Destroyed(connections)
        _waiting.add(ending)
        owner.destroyed.connect(ending)

    def close(self) -> None:
        self._connections.close()


def connections_of(owner: QObject) -> Connections:
    """Return connections that end with an object: when `end_owned` closes what it is part of, or Qt destroys it.

    Parameters
    ----------
    owner
        Whose slots they are.
    """
    connections = Connections()
    _OwnedConnections(connections, owner)
    return connections


def end_owned(root: QObject) -> None:
    """End all that an object owns, at any depth: connections, work under way, timers.

    Parameters
    ----------
    root
        The object, which is about to go.
    """
    for owned in root.findChildren(Owned):
        owned.close()
    for timer in root.findChildren(QTimer):
        timer.stop()

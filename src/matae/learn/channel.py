"""What goes between a run and whoever started it: events one way, wishes the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.learn.events import Notice, Stage
from matae.train.progress import never

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.learn.events import Event

__all__ = ["PausedError", "RunCallbacks", "newly"]


class PausedError(Exception):
    """The run was put aside; it goes on from its folder."""

    def __init__(self, sentence: str = "The run was put aside; it goes on when you start it again.") -> None:
        super().__init__(sentence)


@dataclass(frozen=True)
class RunCallbacks:
    """The callbacks of `matae.learn.retrain`.

    Parameters
    ----------
    emit
        Told everything that happens.
    should_stop, should_pause
        Asked several times a second.
    """

    emit: Callable[[Event], None] = lambda _: None
    should_stop: Callable[[], bool] = never
    should_pause: Callable[[], bool] = never

    def notify(self, sentence: str) -> None:
        """Tell something worth knowing."""
        self.emit(Notice(sentence))

    def stage(self, name: str) -> Callable[[int, int], None]:
        """Return what tells how much of a stage is done."""
        return lambda done, total: self.emit(Stage(name, done, total))

    def ends(self) -> bool:
        """Return whether the training is to end, for one reason or the other."""
        return self.should_stop() or self.should_pause()


def newly(ask: Callable[[], bool]) -> Callable[[], bool]:
    """Return a question that is answered by a wish that comes up from now on, not by one that is there already."""
    before = ask()

    def asked() -> bool:
        nonlocal before
        is_new = not before
        before = ask()
        return before and is_new

    return asked

"""Sentences of what was made ready in this process, for whoever segments next: each is said once.

A network is often made ready before the clip it is for, by a check of the model or in the background of the viewer,
and by another segmenter than the one that runs. What there is to say of it waits here.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

__all__ = ["say_once", "take_notices"]

_unsaid: deque[str] = deque()


def say_once(text: str) -> None:
    """Keep a sentence until somebody takes it, from any thread."""
    _unsaid.append(text)


def take_notices() -> list[str]:
    """Return what there is to say, in its order: each sentence to whoever asks first."""
    taken = []
    with suppress(IndexError):
        while True:
            taken.append(_unsaid.popleft())
    return taken

"""Long work off the GUI thread.

napari's generator workers take a RuntimeError for a deleted Qt object and fall silent, and running out of GPU
memory is a RuntimeError. So nothing is ever raised here: a failure is the last event that is yielded.
"""

from __future__ import annotations

from dataclasses import dataclass

from matae.errors import MataeError

__all__ = ["Failed", "explain"]


@dataclass(frozen=True)
class Failed:
    """The work stopped; a sentence for the user."""

    text: str


def explain(error: BaseException) -> str:
    """Return one sentence for any exception, with the next step."""
    if isinstance(error, MataeError):
        return str(error)
    name = type(error).__name__
    if name in {"OutOfMemoryError", "MemoryError"}:
        return "Memory ran out; close other programs, or choose a smaller width or the CPU, and try again."
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"Something went wrong that we did not foresee ({name}: {first}); please report it with the file's format."

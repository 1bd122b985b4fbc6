"""An error in one sentence for the user."""

from __future__ import annotations

from matae.errors import MataeError, too_long

__all__ = ["explain"]


def explain(error: BaseException) -> str:
    """Return one sentence for any exception, with the next step."""
    if isinstance(error, MataeError):
        return str(error)
    if (sentence := too_long(error)) is not None:
        return sentence
    name = type(error).__name__
    if name in {"OutOfMemoryError", "MemoryError"}:
        return "Memory ran out; close other programs, or choose a smaller width or the CPU, and try again."
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"Something went wrong that we did not foresee ({name}: {first}); please report it with the file's format."

"""Counts, sizes, times and frames as people say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["frames_in_words", "listed", "megabytes", "plural", "time_left"]


def plural(count: int, word: str) -> str:
    """Return a count with its word.

    Examples
    --------
    >>> plural(1, "frame"), plural(2000, "frame")
    ('1 frame', '2,000 frames')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Return names in one line.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def megabytes(count: int) -> str:
    """Return a size on disk, from its bytes.

    Examples
    --------
    >>> megabytes(2_400_000), megabytes(3_100_000_000)
    ('2.4 MB', '3.1 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 1e5) / 1e6:.1f} MB"


def time_left(seconds: float | None) -> str:
    """Return a time left in words; nothing where it is not known.

    Examples
    --------
    >>> time_left(None)
    ''
    >>> time_left(0.4)
    'almost done'
    >>> time_left(42)
    'about 42 s left'
    >>> time_left(200)
    'about 3 min left'
    """
    if seconds is None:
        return ""
    if seconds < 1:
        return "almost done"
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"


def frames_in_words(frames: Iterable[int]) -> str:
    """Return frames as people count them, from 1.

    Examples
    --------
    >>> frames_in_words([4])
    'frame 5'
    >>> frames_in_words([4, 5, 6])
    'frames 5 to 7'
    >>> frames_in_words([1, 4, 6])
    '3 frames, 2 to 7'
    """
    found = sorted(set(frames))
    if not found:
        return "no frame"
    if len(found) == 1:
        return f"frame {found[0] + 1}"
    span = f"{found[0] + 1} to {found[-1] + 1}"
    return f"frames {span}" if found[-1] - found[0] + 1 == len(found) else f"{len(found)} frames, {span}"

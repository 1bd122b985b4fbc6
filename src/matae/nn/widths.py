"""Widths: which share of every stage's channels a Matryoshka network uses."""

from __future__ import annotations

from fractions import Fraction

from matae.errors import ModelError

__all__ = ["WIDTHS", "format_width", "parse_width"]

WIDTHS: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""The widths a `matae` network is trained at, narrowest first."""


def parse_width(text: str) -> float:
    """Return the width written as ``"1/8"``, ``"0.25"`` or ``"1"``.

    Raises
    ------
    ModelError
        If the text is no number in (0, 1].
    """
    try:
        width = float(Fraction(text.strip()))
    except (ValueError, ZeroDivisionError):
        width = -1.0
    if not 0 < width <= 1:
        choices = ", ".join(format_width(w) for w in WIDTHS)
        raise ModelError(f"'{text}' is not a width; choose {choices} or auto.")
    return width


def format_width(width: float) -> str:
    """Return a width the way people write it: ``0.125`` becomes ``"1/8"``."""
    return str(Fraction(width).limit_denominator(64))

"""A field for a time in seconds that shows minutes and hours, as people say them."""

from __future__ import annotations

import re

from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

__all__ = ["DurationBox", "duration", "seconds_of"]

_UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0}
_TEXT = re.compile(r"\s*(\d+(?:[.,]\d*)?)\s*(h|min|m|s|)\s*", re.IGNORECASE)


def duration(seconds: float) -> str:
    """Return a time in the largest unit of which it is one or more.

    Examples
    --------
    >>> duration(30), duration(120), duration(5400)
    ('30 s', '2 min', '1.5 h')
    """
    unit = next((name for name, length in _UNITS.items() if seconds >= length), "s")
    return f"{seconds / _UNITS[unit]:.4g} {unit}"


def seconds_of(text: str) -> float | None:
    """Return the seconds that a text says, minutes where it names no unit; None where it says no time.

    Examples
    --------
    >>> seconds_of("2 min"), seconds_of("90 s"), seconds_of("1,5h"), seconds_of("3"), seconds_of("soon")
    (120.0, 90.0, 5400.0, 180.0, None)
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    unit = {"": "min", "m": "min"}.get(found[2].lower(), found[2].lower())
    return float(found[1].replace(",", ".")) * _UNITS[unit]


class DurationBox(QDoubleSpinBox):  # type: ignore[misc]
    """A spin box whose value is a number of seconds; an arrow changes it by a minute, or by ten seconds below two.

    Parameters
    ----------
    least, most
        Range, s.
    value
        At first, s.
    parent
        Qt parent.
    """

    def __init__(self, least: float, most: float, value: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(1)
        self.setRange(least, most)
        self.setValue(value)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Return what is shown."""
        return duration(value)

    def valueFromText(self, text: str) -> float:  # noqa: N802 - Qt's name
        """Return the seconds that the text says."""
        found = seconds_of(text)
        return float(self.value()) if found is None else found

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Say whether a text is a time in range; one that may become such is left to be typed."""
        found = seconds_of(text)
        inside = found is not None and self.minimum() <= found <= self.maximum()
        typing = re.fullmatch(r"\s*(\d+([.,]\d*)?)?\s*[hmins]{0,3}\s*", text, re.IGNORECASE) is not None
        state = QValidator.State
        return (state.Acceptable if inside else state.Intermediate if typing else state.Invalid), text, position

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Take so many steps."""
        small = self.value() < 120 or (self.value() == 120 and steps < 0)
        self.setSingleStep(10 if small else 60)
        super().stepBy(steps)

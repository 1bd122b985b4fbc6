"""What ``measure`` says of many clips while it works."""

from __future__ import annotations

from typing import Any

import typer

from matae.cli.reporter import Reporter
from matae.measure.reliability import NOT_RELIABLE

__all__ = ["MeasureReporter"]


class MeasureReporter(Reporter):
    """Progress, and a quiet line a clip."""

    def say(self, result: Any) -> None:
        """Say what was found in a clip, and where all of it is."""
        name, row = result.source.name, result.row
        if not result.skipped:
            self._line(f"{self._number()}{name}: {_found(row)}")
            for notice in result.notices:
                self._line(f"{name}: {notice}")
            if row["flags"]:
                self._line(f"{name}: flags {row['flags'].replace(' ', ', ')}")
        with self._paused():
            typer.echo(str(result.files["record"]))


def _found(row: dict[str, Any]) -> str:
    if row["ef_percent"] is None:
        return "no ejection fraction"
    computed = f"{row['ef_percent']:.0f} %"
    interval = f"90 % interval {row['ef_low']:.0f} to {row['ef_high']:.0f}"
    reliable = row.get("ef_reliable") is not False  # a record of an older version says nothing
    parts = [f"EF {computed} ({interval})" if reliable else f"EF {NOT_RELIABLE} ({computed} computed, {interval})"]
    parts += [f"{short} {row[key]:.0f} mL" for short, key in (("EDV", "edv_ml"), ("ESV", "esv_ml")) if row[key]]
    return "; ".join([*parts, *([] if row["calibrated"] else ["uncalibrated"]), row["view"] or "view not stated"])

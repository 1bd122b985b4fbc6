"""What ``evaluate`` says while it works, and at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EvaluationReporter", "write_json"]


_COLUMNS: tuple[str, ...] = (
    "WIDTH", "DICE", "95 % CI", "ED", "ES", "IOU", "HD95", "ASSD", "EF MAE", "EF BIAS",
)  # fmt: skip


class EvaluationReporter:
    """On a terminal a bar with the time left; at the end one row a width."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> EvaluationReporter:
        if self._console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                BarColumn(), MofNCompleteColumn(), TextColumn("frames"), TimeRemainingColumn(),
                console=self._console, transient=True,
            )  # fmt: skip
            self._progress.start()
            self._task = self._progress.add_task("", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def progress(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    def notice(self, text: str) -> None:
        """Say what was left out or happened."""
        self._console.print(text, markup=False, soft_wrap=True)

    def table(self, found: dict[str, Any]) -> None:
        """Print the figures of each width."""
        results = list(found.get("widths", {"": found}).values())
        first = results[0]
        placed = ", ".join(f"{source} {count}" for source, count in first["placement"]["found"].items())
        typer.echo(
            f"{first['model']} on {first['data']['name']}, split {first['data']['split']}: {first['n_frames']} frames "
            f"of {first['n_patients']} patients; sector: {placed}"
        )
        rows: list[tuple[str, ...]] = [
            ("WIDTH", "DICE", "95 % CI", "ED", "ES", "IOU", "HD95", "ASSD", "EF MAE", "EF BIAS")
        ]
        rows += [_row(result) for result in results]
        sizes = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            typer.echo("  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip())
        for result in results:
            for name, part in result["by_class"].items() if len(result["by_class"]) > 1 else ():
                low, high = part["dice"]["ci95"] or (None, None)
                typer.echo(
                    f"width {result['width']}: {name}: Dice {_text(part['dice']['frame_mean'], 4)} "
                    f"({_text(low, 4)} to {_text(high, 4)}), HD95 {_distance(part, 'hd95')}."
                )
        for result in results:
            empty = result["empty"]
            if any(empty.values()):
                typer.echo(
                    f"width {result['width']}: empty masks: {empty['predicted_only']} missed, "
                    f"{empty['reference_only']} where there is nothing to find, {empty['both']} rightly."
                )


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    interval, ef = result["dice"]["ci95"], result["ef"]
    phases = [result["by_phase"].get(phase, {}).get("dice", {}).get("frame_mean") for phase in ("ED", "ES")]
    return (
        result["width"],
        _text(result["dice"]["frame_mean"], 4),
        "-" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
        *(_text(value, 4) for value in phases),
        _text(result["iou"]["frame_mean"], 4),
        *(_distance(result, name) for name in ("hd95", "assd")),
        _text(ef["mae"], 2),
        _text(ef["bias"], 2, "+"),
    )


def _distance(result: dict[str, Any], name: str) -> str:
    unit = "mm" if result[f"{name}_mm"] is not None else "px"
    value = result[f"{name}_{unit}"]
    return "-" if value is None else f"{value:.2f} {unit}"


def _text(value: float | None, digits: int, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f}"


def write_json(path: Path, found: dict[str, Any]) -> None:
    """Write the figures, whole or not at all.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    from matae.files import write_atomic, writing_to

    with writing_to(path.parent):
        write_atomic(path, (json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())

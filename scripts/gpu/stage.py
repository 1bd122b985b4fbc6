"""What the stages have in common: their arguments, the time they have, and a report that is on disk after every row."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stage", "run_stage", "write_json"]


def write_json(path: Path, values: Any) -> None:
    """Write JSON values, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(values, indent=1, default=str) + "\n", encoding="utf-8")
    part.replace(path)


@dataclass
class Stage:
    """One stage while it runs.

    Parameters
    ----------
    name
        Of the stage, and of its report.
    out
        Folder of everything that is written.
    seconds
        Time the stage has.
    device
        Of PyTorch.
    frames
        Packed frames, or None.
    recipe
        Settings of the training.
    init
        Model it goes on from, or None.
    dry
        Whether sizes are tiny.
    """

    name: str
    out: Path
    seconds: float
    device: str
    frames: Path | None = None
    recipe: Path | None = None
    init: str | None = None
    dry: bool = False
    report: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.monotonic() - self.began)

    def say(self, **values: Any) -> None:
        """Add values to the report."""
        self.report |= values
        self._write()

    def row(self, table: str, **values: Any) -> None:
        """Add a row to a table of the report."""
        self.report.setdefault(table, []).append(values)
        self._write()
        sys.stdout.write(
            f"  {self.name}: " + ", ".join(f"{key} {_short(value)}" for key, value in values.items()) + "\n"
        )

    def leave_out(self, what: str, why: str = "no time left") -> None:
        """Note what was not done."""
        self.report.setdefault("left_out", []).append({"what": what, "why": why})
        self._write()
        sys.stdout.write(f"  {self.name}: left out {what} ({why})\n")

    def _write(self) -> None:
        self.report["seconds"] = round(time.monotonic() - self.began, 1)
        write_json(self.out / f"{self.name}.json", self.report)


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def run_stage(name: str, work: Callable[[Stage], None], arguments: list[str] | None = None) -> int:
    """Run a stage; what goes wrong is in its report, too.

    Parameters
    ----------
    name
        Of the stage.
    work
        What it does.
    arguments
        Instead of those of the program.
    """
    parser = argparse.ArgumentParser(description=name)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--init", default="none")
    parser.add_argument("--dry", action="store_true")
    args = parser.parse_args(arguments)
    init = None if args.init == "none" else args.init
    stage = Stage(name, args.out, args.seconds, args.device, args.frames, args.recipe, init, args.dry)
    stage.say(state="began")
    try:
        work(stage)
    except Exception as error:  # noqa: BLE001 - the other stages go on, and the report says what was found until then
        import traceback

        stage.say(state="failed", error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        traceback.print_exc()
        return 1
    stage.say(state="done")
    return 0

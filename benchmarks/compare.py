"""Models beside each other: accuracy with intervals by patient, cost, and paired differences.

    python benchmarks/compare.py NAME=FILE.json[@WIDTH] ... [--baseline NAME] [--pair A:B ...]
                                 [--out docs/models-compared.md --section ablations]

FILE.json is what `napari-matae evaluate --json` wrote; a folder stands for the `evaluate.json` in it. A file of several
widths gives a row a width ("NAME 1/8"), or one with @1/8. All rows must be of the same frames. Differences are paired
by frame and their intervals resample patients: a row helps or harms only where its interval leaves zero out.

Without --out the tables go to the standard output; with it, between the markers of the section in that file.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matae.files import write_atomic
from matae.metrics import Difference, paired_difference, patient_interval, small_set_spread

SMALL = 14
TITLE = "# Models compared\n"


class CompareError(Exception):
    """What was given cannot be compared."""


@dataclass(frozen=True)
class Row:
    """One model at one width, evaluated."""

    name: str
    figures: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        return sorted(frame["id"] for frame in self.figures["frames"])

    def frames(self, phase: str | None = None) -> list[dict[str, Any]]:
        found = sorted(self.figures["frames"], key=lambda frame: frame["id"])
        return [frame for frame in found if phase in {None, frame["phase"]}]

    def values(self, key: str, phase: str | None = None) -> np.ndarray:
        return np.array([np.nan if f[key] is None else f[key] for f in self.frames(phase)], dtype=float)

    def patients(self, phase: str | None = None) -> list[str]:
        return [frame["patient"] for frame in self.frames(phase)]

    def ef_errors(self) -> dict[tuple[str, str, str], float]:
        """Return how far the ejection fraction of each heart is off, in points."""
        return {
            (p["patient"], p["view"], p["clip"]): abs(p["ef_predicted"] - p["ef_reference"])
            for p in self.figures["patients"]
            if p["ef_predicted"] is not None and p["ef_reference"] is not None
        }


def read_rows(argument: str) -> list[Row]:
    """Return the rows of ``NAME=FILE[@WIDTH]``."""
    name, equals, rest = argument.partition("=")
    if not equals or not name or not rest:
        raise CompareError(f"'{argument}' is not NAME=FILE.json; name each row.")
    text, _, width = rest.partition("@")
    path = Path(text)
    if path.is_dir():
        path /= "evaluate.json"
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CompareError(f"{path} is missing; write it with 'napari-matae evaluate --json {path.name}'.") from None
    except ValueError as error:
        raise CompareError(f"{path.name} is no JSON ({error}); evaluate again.") from None
    widths = found.get("widths") if isinstance(found, dict) else None
    if widths is None:
        rows = [Row(name, found)]
    elif width:
        if width not in widths:
            raise CompareError(f"{path.name} has no width {width}; it has {', '.join(widths)}.")
        rows = [Row(name, widths[width])]
    else:
        rows = [Row(f"{name} {each}", figures) for each, figures in widths.items()]
    if not all(isinstance(row.figures, dict) and row.figures.get("frames") for row in rows):
        raise CompareError(f"{path.name} holds no figures of 'napari-matae evaluate'; evaluate again.")
    return rows


def check_alike(rows: list[Row]) -> None:
    """Refuse rows of other frames than the first, or two of one name."""
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise CompareError(f"Two rows are called {name}; give each its own name.")
    for row in rows[1:]:
        if row.ids != rows[0].ids:
            raise CompareError(
                f"{row.name} was evaluated on {len(row.ids)} frames and {rows[0].name} on {len(rows[0].ids)}, not the "
                "same ones; evaluate all on one split of one data set."
            )


def figures_table(rows: list[Row]) -> str:
    head = ("model", "Dice (95 % CI)", "ED", "ES", "IoU", "pixel accuracy", "HD95", "ASSD", "EF MAE (95 % CI)",
            "EF bias", "parameters", "GFLOP", "file MB", "training s", f"Dice of {SMALL} frames")  # fmt: skip
    lines = [head]
    for row in rows:
        figures, cost, errors = row.figures, row.figures["cost"], row.ef_errors()
        ef = patient_interval(list(errors.values()), [key[0] for key in errors]) if errors else None
        lines.append((
            row.name,
            _with(figures["dice"]["frame_mean"], figures["dice"]["ci95"], 4),
            *(_text(figures["by_phase"].get(phase, {}).get("dice", {}).get("frame_mean"), 4) for phase in ("ED", "ES")),
            _text(figures["iou"]["frame_mean"], 4),
            _text(figures["pixel_accuracy"], 4),
            *(_distance(figures, name) for name in ("hd95", "assd")),
            _with(figures["ef"]["mae"], ef, 2),
            _text(figures["ef"]["bias"], 2, "+"),
            f"{cost['parameters']:,}",
            _text(cost["gflop"], 3),
            _text(cost["file_bytes"] / 1e6, 2),
            _text(cost["training_seconds"], 0),
            _spread(row),
        ))  # fmt: skip
    return _markdown(lines)


def differences_table(pairs: list[tuple[Row, Row]]) -> str:
    lines = [("model", "against", "Dice, points (95 % CI)", "ES Dice, points", "HD95, mm", "EF error, points", "so it")]
    for row, base in pairs:
        dice = _paired(row, base, "dice")
        lines.append((
            row.name,
            base.name,
            _difference(dice, 2, 100),
            _difference(_paired(row, base, "dice", "ES"), 2, 100),
            _difference(_paired(row, base, "hd95_mm"), 2),
            _difference(_paired_ef(row, base), 2),
            verdict(dice),
        ))  # fmt: skip
    return _markdown(lines)


def verdict(difference: Difference) -> str:
    """Return what the interval of a difference in Dice allows to say."""
    if difference.low > 0:
        return "helps"
    return "harms" if difference.high < 0 else "does not help"


def _paired(row: Row, base: Row, key: str, phase: str | None = None) -> Difference:
    return paired_difference(row.values(key, phase), base.values(key, phase), row.patients(phase))


def _paired_ef(row: Row, base: Row) -> Difference:
    ours, theirs = row.ef_errors(), base.ef_errors()
    both = sorted(ours.keys() & theirs.keys())
    return paired_difference([ours[key] for key in both], [theirs[key] for key in both], [key[0] for key in both])


def _distance(figures: dict[str, Any], name: str) -> str:
    in_mm = figures[f"{name}_mm"]
    value, unit = (in_mm, "mm") if in_mm is not None else (figures[f"{name}_px"], "px")
    return "-" if value is None else f"{value:.2f} {unit}"


def _spread(row: Row) -> str:
    spread = small_set_spread(row.values("dice"), SMALL)
    return "-" if spread is None else f"{spread[0]:.3f} to {spread[1]:.3f}"


def _text(value: float | None, digits: int, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f}"


def _with(value: float | None, interval: Any, digits: int) -> str:
    if value is None or interval is None:
        return _text(value, digits)
    return f"{value:.{digits}f} ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})"


def _difference(found: Difference, digits: int, scale: float = 1) -> str:
    if not found.n or np.isnan(found.low):
        return "-"
    mean, low, high = (f"{value * scale:+.{digits}f}" for value in found[:3])
    return f"{mean} ({low} to {high})"


def _markdown(lines: list[tuple[str, ...]]) -> str:
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([rows[0], "|" + " --- |" * len(lines[0]), *rows[1:]])


def report(rows: list[Row], pairs: list[tuple[Row, Row]]) -> str:
    data = rows[0].figures["data"]
    n, patients = rows[0].figures["n_frames"], rows[0].figures["n_patients"]
    low_high = [spread for row in rows if (spread := small_set_spread(row.values("dice"), SMALL))]
    what = (
        f"{data['name']}, split {data['split']}: {n} frames of {patients} patients, at native resolution. Dice, IoU "
        "and pixel accuracy are means over frames; intervals resample patients."
    )
    parts = [what, figures_table(rows)]
    if pairs:
        how = (
            "Paired differences (the same frames, patients resampled; for HD95 and the EF error less is better). A row "
            "helps or harms where the interval of its Dice leaves zero out."
        )
        parts += [how, differences_table(pairs)]
    if low_high:
        widest = max(high - low for low, high in low_high)
        parts.append(
            f"What {SMALL} random test frames would have said: the last column is the range of 95 % of the mean Dice "
            f"over 1,000 draws of {SMALL} of these {n} frames, up to {100 * widest:.1f} points wide."
        )
    return "\n\n".join(parts) + "\n"


def put(path: Path, section: str, text: str) -> None:
    """Write a text between the markers of its section; a section that is not there yet is added at the end."""
    begin, end = f"<!-- compare {section} begin -->", f"<!-- compare {section} end -->"
    old = path.read_text("utf-8") if path.is_file() else TITLE
    body = f"{begin}\n\n{text}\n{end}"
    if begin in old and end in old.partition(begin)[2]:
        before, _, rest = old.partition(begin)
        new = before + body + rest.partition(end)[2]
    elif begin in old or end in old:
        raise CompareError(f"{path.name} has one marker of '{section}' without the other; put both or none.")
    else:
        new = f"{old.rstrip()}\n\n{body}\n"
    write_atomic(path, new.encode())


def choose_pairs(rows: list[Row], baseline: str | None, wanted: list[str]) -> list[tuple[Row, Row]]:
    by_name = {row.name: row for row in rows}

    def row(name: str) -> Row:
        if name not in by_name:
            raise CompareError(f"There is no row {name}; there are {', '.join(by_name)}.")
        return by_name[name]

    pairs = [(each, row(baseline)) for each in rows if each.name != baseline] if baseline else []
    for text in wanted:
        first, colon, second = text.partition(":")
        if not colon:
            raise CompareError(f"'{text}' is no pair; write A:B with the names of two rows.")
        pairs.append((row(first), row(second)))
    return pairs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", metavar="NAME=FILE[@WIDTH]")
    parser.add_argument("--baseline", metavar="NAME", help="row that all others are paired with")
    parser.add_argument("--pair", action="append", default=[], metavar="A:B", help="one more paired difference")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Markdown file to write the section into")
    parser.add_argument("--section", default="models", metavar="NAME", help="which markers in it")
    chosen = parser.parse_args(arguments)
    try:
        rows = [row for argument in chosen.rows for row in read_rows(argument)]
        check_alike(rows)
        text = report(rows, choose_pairs(rows, chosen.baseline, chosen.pair))
        if chosen.out is None:
            print(text, end="")
        else:
            put(chosen.out, chosen.section, text)
    except CompareError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

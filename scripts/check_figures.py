"""Check the figures of README and docs against the JSON of the run they came from.

    python scripts/check_figures.py            # every claim; exits with 1 if one does not hold
    python scripts/check_figures.py --untied   # lines of tables that no claim covers, for a person to read

A claim is a piece of text that a file must hold, made from the JSON: whoever measures again changes the JSON, and what
is then no longer true is named. JSON of runs lies in docs/figures (`evaluate --json` without its lists of frames and
patients, `benchmarks/measure_agreement.py --json`); the bundled models' cards count too. Where a document has the only
record of a run, as docs/learn.md has of the simulated clinic, other files are held to its table.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
_TOO_FEW = 0.7  # of intervals that should hold nine times in ten
WIDTHS = ("1", "1/2", "1/4", "1/8")


class Claim(NamedTuple):
    """A text that a file must hold, and where its figures are from."""

    file: str
    text: str
    source: str


def main() -> int:
    """Check every claim, or list what none covers."""
    if "--untied" in sys.argv[1:]:
        for line in untied():
            sys.stdout.write(f"{line}\n")
        return 0
    found = wrong()
    for line in found:
        sys.stderr.write(f"{line}\n")
    if not found:
        sys.stdout.write(f"{len(list(claims()))} claims hold\n")
    return bool(found)


def wrong() -> list[str]:
    """Return a sentence for each claim that does not hold."""
    return [
        f"{claim.file} does not say '{claim.text}', which {claim.source} gives"
        for claim in claims()
        if flat(claim.text) not in flat(read(claim.file))
    ]


def claims() -> Iterator[Claim]:
    """Yield what README and docs must say."""
    yield from _weights()
    yield from _cards()
    yield from _widths()
    yield from _agreement()
    yield from _clinic()


def _weights() -> Iterator[Claim]:
    """Whatever names the weights a figure was measured with names those that are shipped."""
    digest = card("matae-lv")["sha256"]
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        name = path.relative_to(ROOT).as_posix()
        for said in re.findall(r"matae-lv`?,? sha256 `?([0-9a-f]{8})", flat(read(name))):
            if not digest.startswith(said):
                yield Claim(name, f"sha256 {digest[:8]}", "the card of matae-lv")
        for file in sorted(FIGURES.glob("*.json")):
            measured = json.loads(file.read_text(encoding="utf-8")).get("model_sha256", digest)
            if measured != digest:
                yield Claim(f"docs/figures/{file.name}", digest, "the card of matae-lv")


def _cards() -> Iterator[Claim]:
    figures = card("matae-phantom")["figures"]
    for width in WIDTHS:
        cells = []
        for data in ("phantom-frames, val", "camus-a4c-256, val"):
            dice = figures[data][f"width {width}"]["dice"]
            cells.append("{:.3f} ({:.3f}-{:.3f})".format(dice["frame_mean"], *dice["ci95"]))
        yield Claim("docs/models.md", f"| {width} | {cells[0]} | {cells[1]} |", "the card of matae-phantom")
    real = figures["camus-a4c-256, val"]["width 1"]["dice"]["frame_mean"]
    yield Claim("README.md", f"Dice {real:.3f} on the same patients", "the card of matae-phantom")
    bias = [figures["camus-a4c-256, val"][f"width {width}"]["ef"]["bias"] for width in WIDTHS]
    text = f"on average {-max(bias):.0f} to {-min(bias):.0f} points too low"
    yield Claim("docs/models.md", text, "the card of matae-phantom")


def _widths() -> Iterator[Claim]:
    found = figures_of("matae-lv-camus-val")
    if not found:
        return
    for width, plain in found["backends"]["torch fp32"].items():
        phases = plain["by_phase"]
        cells = (
            width,
            f"{plain['cost']['parameters']:,}",
            f"{plain['dice']['frame_mean']:.3f} ± {plain['dice']['frame_sd']:.3f}",
            f"{phases['ED']['dice']['frame_mean']:.3f}",
            f"{phases['ES']['dice']['frame_mean']:.3f}",
        )
        yield Claim("docs/models.md", f"| {' | '.join(cells)} |", "docs/figures/matae-lv-camus-val.json")
        if not all(width in run for run in found["backends"].values()):
            continue
        each = [f"{found['backends'][name][width]['dice']['frame_mean']:.4f}" for name in found["backends"]]
        yield Claim("docs/models.md", f"| {width} | {' | '.join(each)} |", "docs/figures/matae-lv-camus-val.json")


def _agreement() -> Iterator[Claim]:
    found = figures_of("agreement")
    if not found:
        return
    source = "docs/figures/agreement.json"
    rows = found["camus"]["agreement"]
    named = {f"EF: width {width} - reference masks": f"EF, width {width}" for width in WIDTHS[1:]}
    named |= {
        "EF: width 1 - reference masks": "EF, width 1, against reference masks",
        "EDV (mL): width 1 - reference masks": "EDV mL, width 1",
        "ESV (mL): width 1 - reference masks": "ESV mL, width 1",
        "EF: reference masks, single plane - clinic, biplane":
            "EF, *reference masks*, single plane, against clinical biplane",
        "EF: width 1 - clinic, biplane": "EF, width 1, against clinical biplane",
    }  # fmt: skip
    for key, title in named.items():
        a = rows[key]
        cells = (
            title, f"{a['bias']:+.1f}", f"{a['sd']:.1f}", f"{a['loa_low']:+.1f} to {a['loa_high']:+.1f}",
            f"{a['mae']:.1f}", f"{a['r']:.3f}",
        )  # fmt: skip
        yield Claim("docs/measure.md", f"| {' | '.join(cells)} |", source)
    held = found["camus"]["coverage"] | found["phantom"]["coverage"]
    for key, title in (
        ("CAMUS val, reference masks", "| CAMUS val, model at width 1 | EF from reference masks"),
        ("CAMUS val, clinical biplane", "| CAMUS val, model at width 1 | clinical biplane EF"),
        (
            "the same, constants from the other patients",
            "| the same, constants fitted on the other patients | the same",
        ),
        ("phantom, true masks", "| phantoms, exact masks | exact EF"),
        ("phantom images, truth", "| phantom pictures, model at width 1 | exact EF"),
    ):
        share = held[key]
        range_ = f"({100 * share['low']:.0f} to {100 * share['high']:.0f})"
        if "mean_half_width" in share:
            range_ += f", mean half width {share['mean_half_width']:.1f} points"
        said = f"{100 * share['share']:.0f} %"
        bold = f"**{said}**" if share["share"] < _TOO_FEW else said
        yield Claim("docs/measure.md", f"{title} | {share['n']} | {bold} {range_}", source)
    yield Claim("docs/measure.md", f"(bias {found['phantom']['images']['bias']:.1f} points there)", source)
    exact = found["phantom"]["true_masks"]
    yield Claim("docs/measure.md", f"(SD {exact['sd']:.2f}, at most {exact['largest']:.1f})", source)


def _clinic() -> Iterator[Claim]:
    """README repeats rows of the table in docs/learn.md."""
    rows = {
        (row["kind"], row["frames"]): row for row in table("docs/learn.md", "scenario") if row["scenario"] == "site"
    }
    quick, full = rows["quick", "20"], rows["full", "100"]
    for row, rest in ((quick, " points"), (full, " on 100")):
        yield Claim("docs/learn.md", f"{points(row):.2g}{rest}", "its own table of the simulated clinic")


def points(row: dict[str, str]) -> float:
    """Return the Dice a row of the simulated clinic won, in points."""
    return 100 * (float(row["Dice after"]) - float(row["Dice before"]))


def table(file: str, first: str) -> list[dict[str, str]]:
    """Return the rows of the table of a file whose first column is called so."""
    rows: list[dict[str, str]] = []
    names: list[str] = []
    for line in read(file).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            names = []
        elif cells[0] == first:
            names = cells
        elif names and not set(line) <= set("|-: "):
            rows.append(dict(zip(names, cells, strict=True)))
    return rows


def untied() -> Iterator[str]:
    """Yield the lines of tables with figures that no claim covers."""
    covered = [flat(claim.text) for claim in claims()]
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(read(name).splitlines(), start=1):
            is_figure = line.startswith("|") and re.search(r"\d\.\d", line)
            if is_figure and not any(text in flat(line) for text in covered):
                yield f"{name}:{number}: {line}"


@cache
def read(file: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / file).read_text(encoding="utf-8")


def flat(text: str) -> str:
    """Return a text in one line: where it breaks is no figure."""
    return " ".join(text.split())


def card(name: str) -> dict[str, Any]:
    """Return the card of a bundled model."""
    path = ROOT / "src" / "matae" / "models" / "bundled" / name / "card.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def figures_of(name: str) -> dict[str, Any]:
    """Return the JSON of a run that docs/figures keeps; empty where it is not there."""
    path = FIGURES / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


if __name__ == "__main__":
    sys.exit(main())

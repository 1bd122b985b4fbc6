"""Check the figures of README and docs against the runs they came from.

    python scripts/check_figures.py            # everything; exits with 1 if something does not hold
    python scripts/check_figures.py --write    # put the tables of the records into the documents
    python scripts/check_figures.py --untied   # what stands in docs/figures/untied.toml, with why

A figure is tied in one of three ways:

- A table after ``<!-- figures: NAME -->`` is the table with that head in docs/figures/NAME.json, a record of what a
  benchmark wrote (`scripts/record_run.py`), line for line.
- A claim (`claims`) is a piece of text that a file must hold, made from the JSON of a run: whoever measures again
  changes the JSON, and what is then no longer true is named.
- docs/figures/untied.toml lists tables, lines and paragraphs that are no measurement, and those whose log was not
  kept; the document then says so beside them, with the day and the commit.

A line of a table that has a digit, or a paragraph that has a decimal or a number with a unit, and is tied in none of
these ways is an error.
"""

from __future__ import annotations

import json
import math
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
_TOO_FEW = 0.7  # of intervals that should hold nine times in ten
WIDTHS = ("1", "1/2", "1/4", "1/8")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BUNDLED = "src/matae/models/bundled"
MARK = re.compile(r"<!-- figures: ([\w-]+) -->")
CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")  # a digit of a name or an address is no figure
NAMES = re.compile(
    r"`[^`]*`|\[[^\]]*\]\([^)]*\)|arXiv:? ?\S+|doi:? ?\S+|measured on \S+ \(\w+\)|load \d+\.\d|torch [\d.]+"
    r"|Python 3\.\d+|CC BY-NC-SA 4\.0|9[05] % interval|interval of 95 %|PS3\.\d+|range of 95 %",
    re.IGNORECASE,
)
FIGURE = re.compile(r"\d+(?:\.\d+)+|\d+ (?:points|ms|MB|kB|s|%|seconds|minutes|times|milliseconds|mL|mm)(?!\w)")


class Claim(NamedTuple):
    """A text that a file must hold, and where its figures are from."""

    file: str
    text: str
    source: str


def main() -> int:
    """Check everything, or write the tables, or list what is tied to no run."""
    if "--write" in sys.argv[1:]:
        for name in documents():
            (ROOT / name).write_text(written(name), encoding="utf-8")
        read.cache_clear()
    if "--untied" in sys.argv[1:]:
        for entry in untied():
            sys.stdout.write(f"{entry['file']}: {named(entry)}\n    {entry['why']}\n")
        return 0
    found = wrong()
    for line in found:
        sys.stderr.write(f"{line}\n")
    if not found:
        lines = sum(len(table.rows) for name in documents() for table in tables_of(name))
        sys.stdout.write(f"{len(list(claims()))} claims hold, and {lines} lines of tables are tied\n")
    return bool(found)


def wrong() -> list[str]:
    """Return a sentence for each figure that does not hold and each line that is tied to nothing."""
    known = list(claims())
    texts = {name: flat(read(name)) for name in {claim.file for claim in known}}
    found = [
        f"{claim.file} does not say '{claim.text}', which {claim.source} gives"
        for claim in known
        if flat(claim.text) not in texts[claim.file]
    ]
    allowed = untied()
    for name in documents():
        covered = [flat(claim.text) for claim in known if claim.file == name]
        here = [entry for entry in allowed if entry["file"] == name]
        for table in tables_of(name):
            found += _wrong_lines(name, table, here, covered)
        found += _wrong_paragraphs(name, here, covered)
    return [*found, *_idle(allowed), *_unsaid(allowed)]


def documents() -> list[str]:
    """Return README and docs, as paths in the repository; the page for reviewers is itself made from the records."""
    pages = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "reviewers.md"]
    return [path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *pages)]


# --- tables ---------------------------------------------------------------------------------------------------


class Table(NamedTuple):
    """A table of a document: where its head stands, its lines, and the record it is said to be of."""

    at: int
    head: str
    rows: tuple[str, ...]
    record: str


def tables_of(name: str) -> list[Table]:
    """Return the tables of a document."""
    lines = read(name).splitlines()
    found = []
    record = ""
    at = 0
    while at < len(lines):
        mark = MARK.fullmatch(lines[at].strip())
        if mark:
            record = mark[1]
        elif lines[at].startswith("|") and at + 1 < len(lines) and set(lines[at + 1]) <= set("|-: "):
            end = at + 2
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            found.append(Table(at, lines[at], tuple(lines[at + 2 : end]), record))
            record = ""
            at = end - 1
        elif lines[at].strip():
            record = ""  # a mark stands right above its table
        at += 1
    return found


def recorded(record: str, head: str) -> list[str]:
    """Return the lines of the tables with this head in a record, those of all its runs one after another."""
    rows: list[str] = []
    for run in figures_of(record).get("runs", []):
        inside = False
        for line in run["output"]:
            if line == head:
                inside = True
            elif not line.startswith("|"):
                inside = False
            elif inside and not set(line) <= set("|-: "):
                rows.append(line)
    return rows


def written(name: str) -> str:
    """Return the text of a document with the tables of its records."""
    lines = read(name).splitlines()
    for table in reversed(tables_of(name)):
        if table.record and (rows := recorded(table.record, table.head)):
            lines[table.at + 2 : table.at + 2 + len(table.rows)] = rows
    return "\n".join(lines) + "\n"


def _wrong_lines(name: str, table: Table, allowed: list[dict[str, str]], covered: list[str]) -> Iterator[str]:
    if table.record:
        measured = recorded(table.record, table.head)
        source = f"docs/figures/{table.record}.json"
        if not measured:
            yield f"{name}:{table.at + 1}: {source} has no table with this head"
        yield from (f"{name} does not say '{row}', which {source} gives" for row in measured if row not in table.rows)
        yield from (f"{name} says '{row}', which {source} does not" for row in table.rows if row not in measured)
        return
    if any(entry.get("head") == table.head for entry in allowed):
        return
    lines = [entry["line"] for entry in allowed if "line" in entry]
    for number, row in enumerate(table.rows, start=table.at + 3):
        is_figure = re.search(r"\d", CODE.sub("", row))
        if is_figure and row not in lines and not any(text in flat(row) for text in covered):
            yield f"{name}:{number}: tied to no run, and not in docs/figures/untied.toml: {row}"


def paragraphs(name: str) -> list[str]:
    """Return the paragraphs and items of lists of a document, each in one line; no tables and no code."""
    text = re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
    parts = re.split(r"\n\s*\n|\n(?=(?:[-*]|\d+\.) )", text)
    return [
        flat(part) for part in parts if part.strip() and not part.lstrip("\n").startswith(("|", "    ", "#", "<!--"))
    ]


def _wrong_paragraphs(name: str, allowed: list[dict[str, str]], covered: list[str]) -> Iterator[str]:
    starts = [entry["starts"] for entry in allowed if "starts" in entry]
    for paragraph in paragraphs(name):
        if paragraph.startswith(tuple(starts)):
            continue
        rest = NAMES.sub("", paragraph)
        for text in covered:
            rest = rest.replace(text, "")
        found = FIGURE.search(rest)
        if found:
            yield f"{name}: '{found[0]}' is tied to no run, and not in docs/figures/untied.toml: {paragraph[:100]}"


# --- what is tied to no run -----------------------------------------------------------------------------------


def untied() -> list[dict[str, str]]:
    """Return what is tied to no run, with why."""
    found: list[dict[str, str]] = tomllib.loads(read("docs/figures/untied.toml"))["untied"]
    return found


def named(entry: dict[str, str]) -> str:
    """Return the head of the table, the line, or the first words of the paragraph that an entry is about."""
    return entry.get("head") or entry.get("line") or entry["starts"]


def _idle(entries: list[dict[str, str]]) -> Iterator[str]:
    for entry in entries:
        tables = tables_of(entry["file"])
        if not (
            any(table.head == entry.get("head") or entry.get("line") in table.rows for table in tables)
            or any("starts" in entry and text.startswith(entry["starts"]) for text in paragraphs(entry["file"]))
        ):
            yield f"docs/figures/untied.toml names what {entry['file']} no longer has: {named(entry)}"


def _unsaid(entries: list[dict[str, str]]) -> Iterator[str]:
    """Where a log was not kept, the document says when and at which commit the figures were measured."""
    for entry in entries:
        if "measured" not in entry:
            continue
        said = f"measured on {entry['measured']}, log not kept"
        texts = [text for text in paragraphs(entry["file"]) if text.startswith(entry.get("starts", ""))]
        if not any(said in text.lower() for text in texts):
            yield f"{entry['file']} does not say '{said}' of {named(entry)}"


# --- claims ---------------------------------------------------------------------------------------------------


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
    both = card("matae-apical")["figures"]
    for width in WIDTHS:
        by_class = [
            both[f"camus-{view}-256, val"][f"width {width}"]["by_class"][structure]["dice"]
            for view in ("a4c", "a2c")
            for structure in ("left ventricular cavity", "left ventricular myocardium", "left atrium")
        ]
        row = ["{:.3f} ({:.3f}-{:.3f})".format(dice["frame_mean"], *dice["ci95"]) for dice in by_class]
        yield Claim("docs/models.md", f"| {width} | {' | '.join(row)} |", "the card of matae-apical")
    real = figures["camus-a4c-256, val"]["width 1"]["dice"]["frame_mean"]
    yield Claim("README.md", f"Dice {real:.3f} on the same patients", "the card of matae-phantom")
    bias = [figures["camus-a4c-256, val"][f"width {width}"]["ef"]["bias"] for width in WIDTHS]
    text = f"on average {-max(bias):.0f} to {-min(bias):.0f} points too low"
    yield Claim("docs/models.md", text, "the card of matae-phantom")


def _widths() -> Iterator[Claim]:
    found = figures_of("matae-lv-camus-val")
    for width, plain in found["backends"]["torch fp32"].items():
        phases = plain["by_phase"]
        cells = (
            width,
            f"{plain['cost']['parameters']:,}",
            f"{plain['dice']['frame_mean']:.3f} ± {plain['dice']['frame_sd']:.3f}",
            f"{phases['ED']['dice']['frame_mean']:.3f}",
            f"{phases['ES']['dice']['frame_mean']:.3f}",
        )
        for name in ("README.md", "docs/models.md"):
            yield Claim(name, f"| {' | '.join(cells)} |", "docs/figures/matae-lv-camus-val.json")
        dice = {key: round(plain["dice"][key], 4) for key in ("frame_mean", "frame_sd")}
        text = f'"dice, width {width}": {{ "frame_mean": {dice["frame_mean"]}, "frame_sd": {dice["frame_sd"]},'
        yield Claim(f"{BUNDLED}/matae-lv/card.json", text, "docs/figures/matae-lv-camus-val.json")
        if not all(width in run for run in found["backends"].values()):
            continue
        each = [f"{found['backends'][name][width]['dice']['frame_mean']:.4f}" for name in found["backends"]]
        yield Claim("docs/models.md", f"| {width} | {' | '.join(each)} |", "docs/figures/matae-lv-camus-val.json")
    now = {width: run["dice"]["frame_mean"] for width, run in found["backends"]["torch fp32"].items()}
    *first, last = (f"{now[width]:.4f}" for width in reversed(WIDTHS))
    text = f"{', '.join(first)} and {last} from width 1/8 to 1"
    yield Claim("docs/models-compared.md", text, "docs/figures/matae-lv-camus-val.json")


def _agreement() -> Iterator[Claim]:
    found = figures_of("agreement")
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
    for row in found["grid"]:
        both = " | ".join(f"{big:.1f} / {small:.1f}" for big, small in zip(row["native"], row["256"], strict=True))
        yield Claim("docs/measure.md", f"| {row['patient']} | {both} |", source)
    best, used = found["camus"]["constants"]["fitted"], found["camus"]["constants"]["in use"]
    yield Claim("docs/measure.md", f"δ = {100 * used['shift']:.1f} % of the long axis", source)
    yield Claim("docs/measure.md", f"σ_r = {used['reader']:.2f} points", source)
    yield Claim("docs/measure.md", f"{100 * best['shift']:.2f} % and {best['reader']:.2f}", source)
    likelier = math.exp(best["log_likelihood"] - used["log_likelihood"])
    yield Claim("docs/measure.md", f"more likely by a factor of {likelier:.3f} only", source)
    halves = f"{used['mean_half_width']:.1f} points on average, not {best['mean_half_width']:.1f}"
    yield Claim("docs/measure.md", halves, source)
    for pair in (best, used):
        yield Claim("docs/measure.md", f"{100 * pair['share']:.0f} % of the patients", source)
    exact = found["phantom"]["true_masks"]
    yield Claim("docs/measure.md", f"(SD {exact['sd']:.2f}, at most {exact['largest']:.1f})", source)


def _clinic() -> Iterator[Claim]:
    """Hold what is said of the simulated clinic to its table in docs/learn.md."""
    source = "the table of docs/learn.md"
    found = (row for row in table("docs/learn.md", "scenario") if row["scenario"] == "site")
    rows = {(row["kind"], row["frames"]): row for row in found}
    quick, full = (points(rows[key]) for key in (("quick", "20"), ("full", "100")))
    for file, of in (("docs/learn.md", "on"), ("README.md", "from")):
        yield Claim(file, f"wins {quick:.1f} points", source)
        yield Claim(file, f"{full:.1f} {of} 100", source)
    seconds, minutes = (float(rows[key]["training, s"]) for key in (("quick", "20"), ("full", "100")))
    yield Claim("README.md", f"20 corrected frames in {round(seconds, -1):.0f} seconds", source)
    yield Claim("README.md", f"from 100 in {NUMBERS[round(minutes / 60)]} minutes", source)


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


@cache
def read(file: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / file).read_text(encoding="utf-8")


def flat(text: str) -> str:
    """Return a text in one line: where it breaks is no figure."""
    return " ".join(text.split())


def card(name: str) -> dict[str, Any]:
    """Return the card of a bundled model."""
    found: dict[str, Any] = json.loads(read(f"{BUNDLED}/{name}/card.json"))
    return found


def figures_of(name: str) -> dict[str, Any]:
    """Return the JSON of a run that docs/figures keeps; empty where it is not there."""
    path = FIGURES / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


if __name__ == "__main__":
    sys.exit(main())

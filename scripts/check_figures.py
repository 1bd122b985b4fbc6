"""Check the figures of README and docs against the runs they came from.

    python scripts/check_figures.py            # everything; exits with 1 if something does not hold
    python scripts/check_figures.py --write    # put the tables of the records into the documents
    python scripts/check_figures.py --untied   # what stands in docs/figures/untied.toml, with why

A figure is tied in one of three ways:

- A table after ``<!-- figures: NAME -->`` is the table with that head in docs/figures/NAME.json, a record of what a
  benchmark wrote (`scripts/record_run.py`), line for line.
- A claim (`figure_claims`) is a piece of text that a file must hold, made from the JSON of a run: whoever measures
  again changes the JSON, and what is then no longer true is named.
- docs/figures/untied.toml lists tables, lines and paragraphs that are no measurement, and those whose log was not
  kept; the document then says so beside them, with the day and the commit.

A line of a table that has a digit, or a paragraph that has a decimal or a number with a unit, and is tied in none of
these ways is an error.
"""

from __future__ import annotations

import re
import sys
import tomllib
from typing import TYPE_CHECKING, NamedTuple

import figure_sources as sources
from figure_claims import claims

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = re.compile(r"<!-- figures: ([\w-]+) -->")
CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")  # a digit of a name or an address is no figure
NAMES = re.compile(
    r"`[^`]*`|\[[^\]]*\]\([^)]*\)|arXiv:? ?\S+|doi:? ?\S+|measured on \S+ \(\w+\)|load \d+\.\d|torch [\d.]+"
    r"|Python 3\.\d+|CC BY-NC-SA 4\.0|9[05] % interval|interval of 95 %|PS3\.\d+|range of 95 %",
    re.IGNORECASE,
)
FIGURE = re.compile(r"\d+(?:\.\d+)+|\d+ (?:points|ms|MB|kB|s|%|seconds|minutes|times|milliseconds|mL|mm)(?!\w)")


def main() -> int:
    """Check everything, or write the tables, or list what is tied to no run."""
    if "--write" in sys.argv[1:]:
        for name in documents():
            (sources.ROOT / name).write_text(written(name), encoding="utf-8")
        sources.read.cache_clear()
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
    texts = {name: sources.flat(sources.read(name)) for name in {claim.file for claim in known}}
    found = [
        f"{claim.file} does not say '{claim.text}', which {claim.source} gives"
        for claim in known
        if sources.flat(claim.text) not in texts[claim.file]
    ]
    allowed = untied()
    for name in documents():
        covered = [sources.flat(claim.text) for claim in known if claim.file == name]
        here = [entry for entry in allowed if entry["file"] == name]
        for table in tables_of(name):
            found += _wrong_lines(name, table, here, covered)
        found += _wrong_paragraphs(name, here, covered)
    return [*found, *_idle(allowed), *_unsaid(allowed)]


def documents() -> list[str]:
    """Return README and docs, as paths in the repository; the page for reviewers is itself made from the records."""
    pages = [path for path in sorted((sources.ROOT / "docs").glob("*.md")) if path.name != "reviewers.md"]
    return [path.relative_to(sources.ROOT).as_posix() for path in (sources.ROOT / "README.md", *pages)]


# --- tables ---------------------------------------------------------------------------------------------------


class Table(NamedTuple):
    """A table of a document: where its head stands, its lines, and the record it is said to be of."""

    at: int
    head: str
    rows: tuple[str, ...]
    record: str


def tables_of(name: str) -> list[Table]:
    """Return the tables of a document."""
    lines = sources.read(name).splitlines()
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
    for run in sources.figures_of(record).get("runs", []):
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
    lines = sources.read(name).splitlines()
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
        if is_figure and row not in lines and not any(text in sources.flat(row) for text in covered):
            yield f"{name}:{number}: tied to no run, and not in docs/figures/untied.toml: {row}"


def paragraphs(name: str) -> list[str]:
    """Return the paragraphs and items of lists of a document, each in one line; no tables and no code."""
    text = re.sub(r"```.*?```", "", sources.read(name), flags=re.DOTALL)
    parts = re.split(r"\n\s*\n|\n(?=(?:[-*]|\d+\.) )", text)
    return [
        sources.flat(part)
        for part in parts
        if part.strip() and not part.lstrip("\n").startswith(("|", "    ", "#", "<!--"))
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
    found: list[dict[str, str]] = tomllib.loads(sources.read("docs/figures/untied.toml"))["untied"]
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


if __name__ == "__main__":
    sys.exit(main())

"""Write the tables of options in docs/ from the dataclasses that command line and dock are made from.

    python scripts/write_options.py [--check]

A table stands between ``<!-- options: NAME -->`` and ``<!-- end of options -->``. With --check nothing is written, and
the script fails where a page no longer says what the code says.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from matae.exchange import ExportOptions
from matae.learn.options import ComparisonOptions, RetrainOptions
from matae.option import OptionField, option_fields
from matae.segment import SegmentOptions

DOCS = Path(__file__).resolve().parent.parent / "docs"
TABLES = {
    "retrain": RetrainOptions, "compare": ComparisonOptions, "segment": SegmentOptions, "export": ExportOptions,
}  # fmt: skip
ARGUMENTS = {"before", "after"}  # without a flag
PLACE = re.compile(r"(<!-- options: (\w+) -->\n).*?(<!-- end of options -->)", re.DOTALL)


def main() -> int:
    """Write, or compare."""
    old = {page: page.read_text("utf-8") for page in sorted(DOCS.glob("*.md"))}
    new = {page: PLACE.sub(written, text) for page, text in old.items()}
    changed = [page for page, text in new.items() if text != old[page]]
    if "--check" in sys.argv[1:]:
        sys.stderr.writelines(f"{page.name} is not what the code says; run {sys.argv[0]}\n" for page in changed)
        return int(bool(changed))
    for page in changed:
        page.write_text(new[page], encoding="utf-8")
    return 0


def written(found: re.Match[str]) -> str:
    """Return a table in its place."""
    return found[1] + table(TABLES[found[2]]) + found[3]


def table(options: type) -> str:
    """Return the options as a table in Markdown."""
    rows = [row(found) for found in option_fields(options).values()]
    return "\n".join(["| option | default | range | what it does |", "|---|---|---|---|", *rows, ""])


def row(found: OptionField) -> str:
    """Return one option as a row."""
    option = found.option
    value = option.metavar or ("|".join(option.choices) if option.choices and found.type is str else "")
    flag = value if found.name in ARGUMENTS else f"{found.flag} {value}".strip()
    default = "" if found.name in {"model", "format"} else said(found.default)
    if found.name == "statuses":  # a flag on the command line
        default = "no"
    between = "" if option.least is None else f"{said(option.least)} to {said(option.most)} {option.unit}".strip()
    return f"| `{flag.replace('|', chr(92) + '|')}` | {default} | {between} | {option.help} |"


def said(value: Any) -> str:
    """Return a value as it is written; nothing for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return str(value or "")


if __name__ == "__main__":
    sys.exit(main())

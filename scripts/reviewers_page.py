"""Write docs/reviewers.md: every figure of README and docs, and the command that made it.

    python scripts/reviewers_page.py             # write the page
    python scripts/reviewers_page.py --check     # exit with 1 where it is not up to date

The page is made from docs/figures (records of runs) and docs/figures/untied.toml (figures whose log was not kept).
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "reviewers.md"
MARK = re.compile(r"<!-- figures: ([\w-]+) -->")

HEAD = """# For reviewers

<!-- Made by scripts/reviewers_page.py; change that. -->

Every table and every measured number of these pages is tied to the run it came from, and
`python scripts/check_figures.py` (part of `make test`) fails where one is not. Data sets are named, never shipped:
whoever repeats a run downloads the CAMUS frames (Leclerc et al., IEEE TMI 38(9):2198-2210, 2019), and the package makes
the phantoms from a seed.

## Records

Each is a JSON file with what the command wrote, the commit, the day and the computer.
"""

CLAIMS = {
    "agreement": ["measure.md"],
    "matae-lv-camus-val": ["models.md", "models-compared.md"],
}
"""Pages that quote single figures of a record in their text (`check_figures.claims`), beside those with its tables."""

UNKEPT = """
## Figures whose log was not kept

They were measured by the command that their page names, at the commit given, and the page says so beside them. To
check them, repeat them.
"""


def pages_of(name: str) -> list[str]:
    """Return the pages that hold tables of a record, or quote it."""
    documents = sorted((ROOT / "docs").glob("*.md"))
    tables = [path.name for path in documents if name in MARK.findall(path.read_text(encoding="utf-8"))]
    return sorted({*tables, *CLAIMS.get(name, [])})


def runs_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of a record, which is one itself or a list."""
    return list(record.get("runs", [record]))


def page() -> str:
    """Return the text of the page."""
    lines = [HEAD, "| record | command | commit, day | computer | shown in |", "| --- | --- | --- | --- | --- |"]
    for path in sorted(FIGURES.glob("*.json")):
        shown = ", ".join(f"[{name.removesuffix('.md')}]({name})" for name in pages_of(path.stem)) or "-"
        for run in runs_of(json.loads(path.read_text(encoding="utf-8"))):
            command = str(run["command"]).replace("|", "\\|")
            when = f"{run['commit']}, {run['date']}"
            lines.append(f"| [{path.stem}](figures/{path.name}) | `{command}` | {when} | {run['machine']} | {shown} |")
    untied = tomllib.loads((FIGURES / "untied.toml").read_text(encoding="utf-8"))["untied"]
    unkept: dict[tuple[str, str], int] = {}
    for entry in untied:
        if "measured" in entry:
            key = (str(entry["file"]), str(entry["measured"]))
            unkept[key] = unkept.get(key, 0) + 1
    lines += [UNKEPT, "| page | measured | tables and paragraphs |", "| --- | --- | --- |"]
    for (file, measured), count in sorted(unkept.items()):
        name = Path(file).name
        link = f"[{name.removesuffix('.md')}]({name})" if file.startswith("docs/") else f"`{name}`"
        lines.append(f"| {link} | {measured} | {count} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or say whether it is up to date."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("docs/reviewers.md is not up to date; run python scripts/reviewers_page.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

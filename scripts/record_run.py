"""Run a benchmark and keep what it said as a record that figures of README and docs are tied to.

    python scripts/record_run.py NAME [--hide /mnt/data=../shared/data ...] -- python benchmarks/clinic.py --data ...

The record, docs/figures/NAME.json, holds the command, the commit it ran at, the day, the class of machine with its
load, and what the command wrote to its standard output, line by line. `scripts/check_figures.py --write` puts the
tables of a record between its markers in the documents. With --add the lines are added as one more run of the record.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command, and keep its lines where it ended well."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="of the record, without .json")
    parser.add_argument("--hide", nargs="*", default=[], metavar="TEXT=SHOWN", help="what paths of this machine become")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "figures")
    parser.add_argument("--add", action="store_true", help="add the run to those of the record")
    words = sys.argv[1:]
    own = words.index("--") if "--" in words else len(words)
    args, command = parser.parse_args(words[:own]), words[own + 1 :]
    if not command:
        parser.error("name the command after --")
    path = args.folder / f"{args.name}.json"
    before, start = os.getloadavg()[0], time.time()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    if done.returncode:
        return done.returncode
    shown = dict(text.split("=", 1) for text in args.hide)
    found: dict[str, Any] = {
        "command": hidden(" ".join(quoted(word) for word in command), shown),
        "commit": commit(),
        "date": datetime.fromtimestamp(start, UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()}), no GPU" if not gpu() else gpu(),
        "load": [round(before, 1), round(os.getloadavg()[0], 1)],
        "output": [hidden(line, shown) for line in done.stdout.splitlines()],
    }
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if args.add and path.is_file() else []
    path.write_text(json.dumps({"runs": [*runs, found]}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def quoted(word: str) -> str:
    """Return a word as it stands in a command; this Python is `python`."""
    if word == sys.executable or Path(word).name.startswith("python"):
        return "python"
    return f'"{word}"' if " " in word else word


def hidden(text: str, shown: dict[str, str]) -> str:
    """Return a text without the paths of this machine."""
    for path, name in shown.items():
        text = text.replace(path, name)
    return text


def commit() -> str:
    """Return the commit of the working folder, which must have no changes of code."""
    git = ["git", "-C", str(Path.cwd())]
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no", "src", "napari_matae", "benchmarks"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if changed:
        raise SystemExit(f"Code here is not committed, so that the run could not be found again:\n{changed}")
    head = subprocess.run([*git, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True, check=True)
    return head.stdout.strip()


def gpu() -> str:
    """Return the name of the first GPU, or nothing."""
    try:
        ask = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        said = subprocess.run(ask, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.partition("\n")[0].strip()


if __name__ == "__main__":
    sys.exit(main())

"""Break a room on purpose, one small change at a time, and say which changes no test notices.

    python scripts/mutate.py ROOM [--out FILE] [--sample 80] [--only "*ef_interval*"]

A room that takes too long is sampled: that many changes, drawn by a fixed seed. mutmut works in a copy of the tree,
since it rewrites what it mutates. What survives is listed with its change, to be read by a person: a missing test, or
a change that nobody could notice (docs/mutation.md).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

ROOMS = {
    "placement": (["src/matae/placement.py"], ["tests/matae/test_placement.py"]),
    "deidentify": (
        ["src/matae/exchange/names.py", "src/matae/exchange/export/deidentify_pixels.py"],
        ["tests/matae/exchange/test_exchange_deidentify.py"],
    ),
    "verdict": (
        ["src/matae/learn/verdict.py", "src/matae/models/seal.py"],
        ["tests/matae/learn/test_learn_verdict.py", "tests/matae/models/test_models_seal.py"],
    ),
    "paired": (["src/matae/learn/paired.py"], ["tests/matae/learn/test_learn_paired.py"]),
    "cleanup": (["src/matae/segment/cleanup.py"], ["tests/matae/segment/test_segment_cleanup.py"]),
    "sharing": (["src/matae/train/sharing.py"], ["tests/matae/train/test_train_devices.py"]),
    "measure": (
        [f"src/matae/measure/{name}.py" for name in ("trust", "two_views", "disks", "flags")],
        [f"tests/matae/measure/test_measure_{name}.py" for name in ("guards", "volume", "clip", "broken_masks")],
    ),
    "store": (
        [f"src/matae/store/{name}.py" for name in ("edits", "label_rows", "recovery")],
        [f"tests/matae/store/test_store_{name}.py" for name in ("labels", "conflicts", "recovery")],
    ),
}
"""Room to what is changed in it, and the tests that should notice. Quick ones: each runs for every change."""

SHOW = """
import json, re, sys
from mutmut.__main__ import find_mutant
from mutmut.mutation.diff_apply import get_diff_for_mutant
for name in sys.argv[1:]:
    diff = get_diff_for_mutant(name, path=find_mutant(name).path).splitlines()
    print(json.dumps("\\n".join(line for line in diff if re.match(r"[+-](?![+-])", line))))
"""


def main() -> int:
    """Mutate a room and print the score and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("room", choices=sorted(ROOMS))
    parser.add_argument("--out", type=Path, help="write score and survivors as JSON, too")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    parser.add_argument("--only", nargs="+", default=[], metavar="GLOB", help="changes with such names")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, drawn at random by a fixed seed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="matae-mutate-") as folder:
        work = args.keep or Path(folder)
        found = mutate(args.room, work, args.only, args.sample)
    of = f", of {found['there']} drawn" if found["there"] != found["total"] else ""
    say(f"{args.room}: {found['killed']} of {found['total']} changes noticed ({found['percent']} %){of}")
    for survivor in found["survivors"]:
        say(f"\n{survivor['name']} ({survivor['status']})\n{survivor['change']}")
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def say(text: str) -> None:
    """Say it on standard output."""
    sys.stdout.write(f"{text}\n")


def mutate(room: str, work: Path, only: list[str], sample: int | None) -> dict[str, Any]:
    """Run mutmut over a room in a copy of the tree under `work`; return the score and the survivors."""
    sources, tests = ROOMS[room]
    for name in ("src", "tests", "napari_matae"):
        shutil.copytree(ROOT / name, work / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = {"source_paths": ["src"], "only_mutate": sources, "pytest_add_cli_args_test_selection": tests,
             "also_copy": ["napari_matae"]}  # fmt: skip
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    (work / "pyproject.toml").write_text(f"{settings}\n[tool.mutmut]\n{lines}", encoding="utf-8")
    # The copy, not the tree that is installed; one thread, or forked tests wait for threads that are not there. A path
    # that is not there when Python starts is never looked at again.
    (work / "mutants" / "src").mkdir(parents=True, exist_ok=True)
    paths = [str(work / "mutants" / "src"), str(work / "mutants"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
    run = [sys.executable, "-m", "mutmut"]

    def states() -> dict[str, str]:
        listed = subprocess.run([*run, "results", "--all", "true"], cwd=work, env=environment, check=True,
                                capture_output=True, text=True).stdout  # fmt: skip
        return dict(re.findall(r"^\s*(\S+): (.+)$", listed, re.MULTILINE))

    # A name that nothing has: the changes are made and the tests are timed, and nothing is tried yet.
    subprocess.run([*run, "run", "--max-children", "1", "none"], cwd=work, env=environment, check=False,
                   stderr=subprocess.DEVNULL)  # fmt: skip
    names = sorted(name for name in states() if not only or any(fnmatch(name, glob) for glob in only))
    if not names:
        raise SystemExit(f"mutmut found nothing to change in {room}; its output is above.")
    drawn = sorted(random.Random(0).sample(names, min(sample, len(names)))) if sample else names
    subprocess.run([*run, "run", "--max-children", "1", *drawn], cwd=work, env=environment, check=False)
    tried = {name: status for name, status in states().items() if name in drawn and status != "not checked"}
    alive = {name: status for name, status in tried.items() if status in {"survived", "no tests", "suspicious"}}
    shown = subprocess.run([sys.executable, "-c", SHOW, *alive], cwd=work, env=environment, check=True,
                           capture_output=True, text=True).stdout  # fmt: skip
    survivors = [
        {"name": name, "status": status, "change": json.loads(line)}
        for (name, status), line in zip(alive.items(), shown.splitlines(), strict=True)
    ]
    killed = sum(status in {"killed", "timeout"} for status in tried.values())
    return {"room": room, "there": len(names), "total": len(tried), "killed": killed,
            "percent": round(100 * killed / max(len(tried), 1)), "survivors": survivors}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

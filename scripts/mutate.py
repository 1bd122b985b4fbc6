"""Break a room on purpose, one small change at a time, and say which changes no test notices.

    python scripts/mutate.py ROOM ... [--sample 80] [--out FILE] [--only "*uncertainty.py:8?:*"]
    python scripts/mutate.py --again FILE --out FILE      # what survived then, with the tests of now

A room that takes too long is sampled: that many changes, drawn by a fixed seed. The changes are tried in a copy of the
tree. What survives is listed with its change, to be read by a person: a missing test, or a change that nobody could
notice (docs/mutation.md).
"""

from __future__ import annotations

import argparse
import contextlib
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mutation.changes import Change

    Rooms = Mapping[str, tuple[list[str], list[str]]]

ROOT = Path(__file__).resolve().parent.parent


def _tests(folder: str, *names: str) -> list[str]:
    return [f"tests/matae/{folder}/test_{folder}_{name}.py" for name in names]


ROOMS = {
    "placement": (["src/matae/placement.py"], ["tests/matae/test_placement.py"]),
    "deidentify": (
        ["src/matae/exchange/names.py", "src/matae/exchange/export/deidentify_pixels.py"],
        _tests("exchange", "deidentify"),
    ),
    "verdict": (
        ["src/matae/learn/verdict.py", "src/matae/models/seal.py"],
        [*_tests("learn", "verdict"), *_tests("models", "seal")],
    ),
    "split": (["src/matae/store/splits.py"], _tests("store", "cines", "splits", "subjects")),
    "gather": (
        ["src/matae/learn/gather.py", "src/matae/learn/preconditions.py"],
        _tests("learn", "preconditions"),
    ),
    "paired": (["src/matae/learn/paired.py"], _tests("learn", "paired")),
    "cleanup": (["src/matae/segment/cleanup.py"], _tests("segment", "cleanup")),
    "sharing": (["src/matae/train/sharing.py"], _tests("train", "devices", "sharing")),
    "measure": (
        [f"src/matae/measure/{name}.py" for name in ("uncertainty", "two_views", "disks")],
        _tests("measure", "guards", "volume", "clip", "two_views"),
    ),
    "flags": (["src/matae/measure/flags.py"], _tests("measure", "flags", "clip")),
    "store": (
        [f"src/matae/store/{name}.py" for name in ("edits", "label_rows", "recovery")],
        _tests("store", "labels", "conflicts", "versions", "recovery", "refusals"),
    ),
    "check": (
        ["src/matae/store/integrity.py"],
        _tests("store", "check_labels", "audit", "backup"),
    ),
}
"""Room to what is changed in it, and the tests that should notice."""

NOT_TRIED = ("-k", "not postgresql and not many_hearts_are and not landmarks_of_hearts and not pose_or_grid")
"""Both backends run the same Python; the others take as long as all the rest of their room."""
NOTICED = ("noticed", "timeout", "stalled", "crashed")
HEAD = "| room | what is changed | changes | tried | noticed before | noticed now |"


def main() -> int:
    """Try the changes of rooms and print their scores and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one or several of {', '.join(ROOMS)}; all if none")
    parser.add_argument("--out", type=Path, help="write what became of every change as JSON, too, as it goes")
    parser.add_argument("--only", nargs="+", default=[], metavar="GLOB", help="changes with such names")
    parser.add_argument("--sample", type=int, metavar="N", help="so many a room, drawn at random by a fixed seed")
    parser.add_argument("--again", nargs="+", type=Path, default=[], metavar="FILE",
                        help="what survived in these JSON files of earlier runs, with the tests of now")  # fmt: skip
    parser.add_argument("--since", metavar="REVISION",
                        help="tests that this revision lacks are tried last, and what only they notice was not "
                             "noticed before")  # fmt: skip
    args = parser.parse_args()
    if not hasattr(os, "fork"):
        parser.error("processes cannot be forked on this system; run it on Linux or macOS.")
    if unknown := set(args.rooms) - set(ROOMS):
        parser.error(f"there is no room {min(unknown)}; choose from {', '.join(ROOMS)}.")
    earlier: dict[str, Any] = {}
    for path in args.again:
        earlier |= json.loads(path.read_text(encoding="utf-8"))
    rooms = {name: ROOMS[name] for name in args.rooms or earlier or ROOMS}
    out = None if args.out is None else args.out.resolve()
    with tempfile.TemporaryDirectory(prefix="matae-mutate-") as folder:
        work = Path(folder).resolve()
        copy_tree(ROOT, work)
        is_new = new_tests(args.since, rooms) if args.since else lambda _: False
        found = mutate(work, rooms, only=args.only, sample=args.sample, earlier=earlier, out=out, is_new=is_new)
        os.chdir(ROOT)
    sys.stdout.write("\n".join(report(found)) + "\n")
    return 0


def new_tests(revision: str, rooms: Rooms) -> Callable[[str], bool]:
    """Return what says of a test's name whether this revision of the repository lacks it."""
    known = set()
    for path in {path for _, some in rooms.values() for path in some}:
        shown = subprocess.run(["git", "-C", ROOT, "show", f"{revision}:{path}"], capture_output=True, text=True,
                               check=False)  # fmt: skip
        known |= {(path, name) for name in re.findall(r"^def (test_\w+)", shown.stdout, re.MULTILINE)}
    return lambda nodeid: tuple(nodeid.partition("[")[0].split("::")) not in known


def copy_tree(root: Path, work: Path) -> None:
    """Copy what the tests need, with what Python has compiled of it."""
    for name in ("src", "tests", "napari_matae"):
        shutil.copytree(root / name, work / name)
    shutil.copy(root / "pyproject.toml", work)


def mutate(
    work: Path, rooms: Rooms, *, only: Sequence[str] = (), sample: int | None = None,
    earlier: Mapping[str, Any] | None = None, out: Path | None = None,
    is_new: Callable[[str], bool] = lambda _: False,
) -> dict[str, Any]:  # fmt: skip
    """Try changes of rooms in the tree `work`, which becomes the working folder: what became of each, by room."""
    import pytest
    from mutation.trial import Outcome, Trial

    found: dict[str, Any] = {}
    chosen: list[Change] = []
    room_of: dict[str, str] = {}
    for room, (sources, _) in rooms.items():
        found[room], some = _choose(work, sources, only, sample, (earlier or {}).get(room))
        chosen += some
        room_of |= {change.name: room for change in some}
    if not chosen and not earlier:
        raise SystemExit("There is nothing to change.")
    # In an order by chance: what a run that is stopped has tried is a sample of all the same.
    chosen = random.Random(0).sample(chosen, len(chosen))
    done = 0

    def told(change: Change, outcome: Outcome) -> None:
        nonlocal done
        done += 1
        known = found[room_of[change.name]]
        entry = {"status": outcome.status, "by": outcome.by}
        before = "survived" if "::" in outcome.by and is_new(outcome.by) else outcome.status
        known["before"].setdefault(change.name, before)
        if outcome.status not in NOTICED:
            entry["change"] = change.shown
        known["changes"][change.name] = entry
        what = f"{outcome.status} ({outcome.seconds:.1f} s) {change.name} {outcome.by}"
        print(f"{done}/{len(chosen)} {what}", file=sys.__stderr__, flush=True)
        keep()

    def keep() -> None:
        if out is not None:
            out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    paths = [str(work / "src"), str(work)]
    # The copy, not the tree that is installed; one thread, or forked tests wait for threads that are not there.
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    # No other plugins: those of napari and Qt take as long to load as everything else.
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "_hypothesis_pytestplugin"}
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
    sys.path[:0] = paths
    os.chdir(work)
    wanted = {room_of[change.name] for change in chosen}
    tests = list(dict.fromkeys(path for room, (_, some) in rooms.items() if room in wanted for path in some))
    arguments = ["-q", "-s", "-p", "no:cacheprovider", "--hypothesis-seed=0", *NOT_TRIED, *tests]
    trial = Trial(work, chosen, told, is_new)
    with contextlib.redirect_stdout(sys.stderr):
        code = pytest.main(arguments, plugins=[trial]) if chosen else 0
    if done < len(chosen) and not (done and code == pytest.ExitCode.INTERRUPTED):  # Ctrl-C: what was tried counts
        raise SystemExit(f"The trial ended early (pytest: {code}).")
    keep()
    return found


def _choose(
    work: Path, sources: list[str], only: Sequence[str], sample: int | None, before: dict[str, Any] | None
) -> tuple[dict[str, Any], list[Change]]:
    """Return what is to be known of a room, and the changes to try."""
    from mutation.changes import changes_of

    there = [change for path in sources for change in changes_of(work, path)]
    known: dict[str, Any] = {"sources": sources, "there": len(there), "before": {}, "changes": {}}
    chosen = [change for change in there if not only or any(fnmatch(change.name, glob) for glob in only)]
    if before is not None:
        known |= {"before": dict(before["before"]), "changes": dict(before["changes"])}
        left = {name for name, entry in before["changes"].items() if entry["status"] not in NOTICED}
        if missing := left - {change.name for change in there}:
            raise SystemExit(f"The source is another than then, it no longer has {min(missing)}: start anew.")
        chosen = [change for change in chosen if change.name in left]
    elif sample and sample < len(chosen):
        drawn = set(random.Random(0).sample([change.name for change in chosen], sample))
        chosen = [change for change in chosen if change.name in drawn]
    return known, chosen


def report(found: Mapping[str, Any]) -> list[str]:
    """Return the table, and the survivors."""
    lines = [HEAD, "|" + " --- |" * HEAD.count(" | ") + " --- |"]
    left = []
    for room, known in found.items():
        now = {name: entry["status"] for name, entry in known["changes"].items()}
        names = ", ".join(f"`{Path(path).relative_to('src/matae')}`" for path in known["sources"])
        cells = (room, names, str(known["there"]), str(len(now)), _score(known["before"]), _score(now))
        lines.append(f"| {' | '.join(cells)} |")
        for name, entry in known["changes"].items():
            if entry["status"] not in NOTICED:
                left += ["", f"{name} ({entry['status']})", *entry["change"].splitlines()]
    return [*lines, *left]


def _score(statuses: Mapping[str, str]) -> str:
    count = sum(status in NOTICED for status in statuses.values())
    return f"{count} ({100 * count / max(len(statuses), 1):.0f} %)"


if __name__ == "__main__":
    sys.exit(main())

"""The speed of the whole job, beside the networks of others, in one run.

    python benchmarks/performance [--parts jobs,growth] [--minutes 10] [--json FILE]

Each job is a process of its own (`job.py`): decode a clip, segment it, write the overlay, as in the paper's Table 1.
They take turns, so that another program that wakes up hurts one turn of each; so do the clips. Absolute times belong to
the machine, ratios travel. `make performance` and `make growth` keep what is printed as the records that
docs/performance.md is tied to.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib import util
from pathlib import Path
from typing import Any

from growth import measure_growth
from tables import growth, jobs

from matae.models import current_model, find_model
from matae.nn.widths import format_width
from matae.speed.clip import phantom_clip, write_avi

CLIPS = ((175, (112, 112)), (100, (600, 800)), (1000, (600, 800)))
DISTINCT = 25
LONG = 1000  # frames from which a clip has one round
PAPER_GRID = 112
HERE = Path(__file__).resolve().parent


def rows_of(model: str, backends: list[str], others: bool) -> list[tuple[str, str, str, int]]:
    """Return what is compared: network, width, backend, grid."""
    card = find_model(model).card
    widths = [format_width(width) for width in sorted(card.widths, reverse=True)]
    rows = [(model, width, backend, card.grid) for backend in backends for width in widths]
    if not others:
        return rows
    from others import NETWORKS

    named = [name for name in NETWORKS if name != "nnunet-2d" or util.find_spec("dynamic_network_architectures")]
    theirs = [(name, "1", "torch", grid) for name in named for grid in (PAPER_GRID, card.grid)]
    return [row for row in theirs if row[0].endswith("published") or row[3] == card.grid] + rows


def measure_jobs(args: argparse.Namespace) -> dict[str, Any]:
    """Run every job on every clip, in turn."""
    rows = rows_of(args.model, args.backends, args.others)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        clips = {}
        for frames, shape in CLIPS[: args.clips]:
            name = f"{frames} x {shape[0]}x{shape[1]}"
            clips[name] = frames, Path(folder) / f"{name.replace(' ', '')}.avi"
            write_avi(phantom_clip(frames, shape, DISTINCT), clips[name][1])
        runs: dict[tuple[str, tuple[str, str, str, int]], list[dict[str, Any]]] = {}
        took = dict.fromkeys(clips, 0.0)
        for turn in range(args.rounds):
            for name, (frames, path) in clips.items():
                begun = time.perf_counter()
                late = begun - start + took[name] > 60 * args.minutes
                if turn and (frames >= LONG or late):  # a round that would not end in time is not begun
                    continue
                for row in rows:
                    runs.setdefault((name, row), []).append(run_job(row, path, args.limit))
                    sys.stderr.write(f"{name} {row} {json.dumps(runs[name, row][-1])}\n")
                took[name] = time.perf_counter() - begun
    found = [
        {"clip": name, "clip_frames": clips[name][0], "network": row[0], "width": row[1], "asked": row[2],
         "grid": row[3], "runs": each} for (name, row), each in runs.items()
    ]  # fmt: skip
    return {"machine": machine(), "minutes": round((time.perf_counter() - start) / 60, 1), "rows": found}


def run_job(row: tuple[str, str, str, int], clip: Path, limit: float) -> dict[str, Any]:
    """Run one job; what it says on the standard error is shown."""
    name, width, backend, grid = row
    done = subprocess.run(
        [sys.executable, str(HERE / "job.py"), name, width, backend, str(grid), str(clip), str(limit)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def machine() -> dict[str, Any]:
    """Return what the figures belong to."""
    import torch

    from matae.threads import processors

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"date": str(date.today()), "processors": processors(), "kind": platform.machine(), "gpu": gpu,
            "torch": torch.__version__, "load": round(os.getloadavg()[0], 1)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", type=lambda text: text.split(","), default=["jobs", "growth"])
    parser.add_argument("--model", default=current_model(), help="the one in use if left out")
    parser.add_argument("--backends", type=lambda text: text.split(","), default=["torch", "openvino", "onnxruntime"])
    parser.add_argument("--no-others", dest="others", action="store_false", help="leave the networks of others out")
    parser.add_argument("--clips", type=int, default=len(CLIPS), help="leave out the larger ones after so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=600.0, help="no second round begins that would end later")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds after which others begin no further frame")
    parser.add_argument("--most-frames", type=int, default=100_000, help="of the growth part")
    parser.add_argument("--most-labels", type=int, default=1_000_000, help="of the growth part")
    parser.add_argument("--json", type=Path, help="write what each run said here too")
    args = parser.parse_args()
    report: dict[str, Any] = {}
    if "jobs" in args.parts:
        report["jobs"] = measure_jobs(args)
        print("\n".join(jobs(report["jobs"])))
    if "growth" in args.parts:
        report["growth"] = {"machine": machine()} | measure_growth(
            args.model, args.backends[-1], args.most_frames, args.most_labels
        )
        print("\n".join(growth(report["growth"])))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

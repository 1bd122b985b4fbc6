"""Throughput on a busy computer: `python benchmarks/busy.py [--json FILE]`.

Beside 0, 2 and 4 processes that do nothing but keep processors busy, the same clip is segmented in turn by processes
that differ in how torch's threads wait and how many they are:

- *spinning*: torch is loaded first, with its own defaults, as before this project set any, a thread a processor
- *asleep*: as `napari-matae segment` runs: threads sleep while they wait, as many as other programs leave processors
- *one thread*: as in a viewer where another plugin loaded torch first
- *openvino*: the other backend, where it is installed

The fair share of a run beside k busy processes is what one thread would do in the processor time that each of those
got in the same seconds; without any, the best of the rates. What else runs on the computer then hurts both sides alike.
Figures are medians of `--rounds`; a run that lasts longer than `--limit` seconds is cut there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import util
from pathlib import Path
from typing import Any

KINDS = ("spinning", "asleep", "one thread", "openvino")
_WAITING = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "MATAE_THREADS")


def keep_busy(used: Any, number: int) -> None:
    """Keep one processor busy, and note the processor time it took."""
    while True:
        for _ in range(2000):
            pass
        used[number] = time.process_time()


def work(kind: str, args: argparse.Namespace) -> None:
    """Segment the clip whenever a line arrives, and answer with what it took."""
    if kind in {"spinning", "one thread"}:
        import torch  # noqa: F401 - first, as another plugin may have done

    from matae.segment import Segmenter, SegmentOptions, find_sector
    from matae.speed.clip import phantom_clip

    if kind == "spinning":
        from matae.threads import processors

        os.environ["MATAE_THREADS"] = str(processors())
    cine = phantom_clip(args.frames, (args.side, args.side), 10)
    sector = find_sector(cine)
    backend = "openvino" if kind == "openvino" else "torch"
    segmenter = Segmenter(SegmentOptions(width=args.width, backend=backend))
    for _ in segmenter.stream(cine, sector, range(2)):
        pass
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, used, frames = time.perf_counter(), time.process_time(), 0
        for _ in segmenter.stream(cine, sector):
            frames += 1
            if time.perf_counter() - wall > args.limit:
                break
        found = {
            "frames": frames,
            "seconds": time.perf_counter() - wall,
            "processor_seconds": time.process_time() - used,
        }
        print(json.dumps(found | {"device": segmenter.describe()["device"]}), flush=True)


def start(kind: str, args: argparse.Namespace) -> subprocess.Popen[str]:
    """Start the process of one kind and wait until its network is loaded."""
    environment = {key: value for key, value in os.environ.items() if key not in _WAITING}
    command = [sys.executable, __file__, "--one", kind, "--width", args.width, "--limit", str(args.limit)]
    command += ["--frames", str(args.frames), "--side", str(args.side)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    if process.stdout is None or process.stdout.readline() != "ready\n":
        raise SystemExit(f"The process of '{kind}' did not start; see above.")
    return process


def run_once(process: subprocess.Popen[str], used: Any) -> dict[str, Any]:
    """Let a process segment the clip once; return what it took, and what each busy process got meanwhile."""
    before, begun = list(used), time.perf_counter()
    process.stdin.write("go\n")  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    found: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
    seconds = time.perf_counter() - begun
    got = [after - first for after, first in zip(used, before, strict=True)]
    return found | {"neighbour": statistics.mean(got) / seconds if got else None}


def rows_of(busy: int, runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row for each kind: its median rate, and that in fair shares."""
    rates = {kind: [run["frames"] / run["seconds"] for run in each] for kind, each in runs.items()}
    by_one = statistics.median(run["frames"] / run["processor_seconds"] for run in runs["one thread"])
    best = max(statistics.median(each) for kind, each in rates.items() if kind != "openvino")
    rows = []
    for kind, each in runs.items():
        fair = [best if run["neighbour"] is None else by_one * run["neighbour"] for run in each]
        processors = [run["processor_seconds"] / run["seconds"] for run in each]
        rows.append({
            "busy": busy, "kind": kind, "device": each[-1]["device"],
            "frames_per_second": round(statistics.median(rates[kind]), 2),
            "lowest": round(min(rates[kind]), 2), "highest": round(max(rates[kind]), 2),
            "processors_used": round(statistics.median(processors), 2),
            "of_fair_share": round(statistics.median(r / f for r, f in zip(rates[kind], fair, strict=True)), 2),
            "times_spinning": round(statistics.median(rates[kind]) / statistics.median(rates["spinning"]), 1),
        })  # fmt: skip
    return rows


def measure(args: argparse.Namespace) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind != "openvino" or util.find_spec("openvino") is not None]
    workers = {kind: start(kind, args) for kind in kinds}
    rows: list[dict[str, Any]] = []
    try:
        for busy in args.busy:
            used = multiprocessing.Array("d", busy, lock=False)
            neighbours = [multiprocessing.Process(target=keep_busy, args=(used, i), daemon=True) for i in range(busy)]
            for neighbour in neighbours:
                neighbour.start()
            time.sleep(2)
            runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
            for _ in range(args.rounds):
                for kind in kinds:
                    runs[kind].append(run_once(workers[kind], used))
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.join()
            rows += rows_of(busy, runs)
            for row in rows[-len(kinds) :]:
                print(json.dumps(row), file=sys.stderr, flush=True)
    finally:
        for process in workers.values():
            process.kill()
            process.wait()
    return {
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()})", "width": args.width, "rounds": args.rounds,
        "clip": f"{args.frames} x {args.side}x{args.side}", "rows": rows,
    }  # fmt: skip


def table(report: dict[str, Any]) -> str:
    lines = [
        "| busy processes | threads | frames/s | processors used | of its fair share | times spinning |",
        "|---" * 6 + "|",
    ]
    for row in report["rows"]:
        cells = (row["busy"], row["kind"], row["frames_per_second"], row["processors_used"], row["of_fair_share"])
        lines.append("| " + " | ".join(map(str, (*cells, row["times_spinning"]))) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--busy", type=lambda text: [int(part) for part in text.split(",")], default=[0, 2, 4])
    parser.add_argument("--frames", type=int, default=129)
    parser.add_argument("--side", type=int, default=112)
    parser.add_argument("--width", default="1/2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=15.0, help="seconds after which a run is cut")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        work(args.one, args)
        return
    report = measure(args)
    print(table(report))
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What many clips cost: processes side by side, a scheduler's work a clip, bytes out, and finding out what is done.

    python benchmarks/many.py [--json FILE] [--clips 24] [--tasks 2000] [--listed 20000]

Figures of one run on one machine; docs/scale.md reckons with them. What is compared takes turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matae.cluster import run_jobs
from matae.cluster.ledger import Ledger
from matae.cluster.pool import run_pool
from matae.jobs import FileJob, FileResult, JobSettings, find_inputs, plan
from matae.read import CineRef
from matae.segment import SegmentOptions
from matae.speed.clip import phantom_clip, write_avi

ROUNDS = 2
WIDTHS = ("1/8", "1/4", "1/2", "1")
BARE = "1/2"  # the width that is timed without the overlay too
BACKEND = "openvino"
MILLION = 1_000_000


@dataclass(frozen=True)
class Nothing:
    """A job that does nothing: what is left is the price of handing it out."""

    ref: CineRef
    settings: JobSettings

    def prepare(self) -> None: ...

    def run(self, progress: Any = None) -> FileResult:  # noqa: ARG002
        return FileResult(self.ref.path, {}, {"frames": 0}, 0)


def make_clips(folder: Path, count: int, frames: int, shape: tuple[int, int]) -> list[Path]:
    folder.mkdir(parents=True)
    first = folder / "clip0.avi"
    write_avi(phantom_clip(frames, shape, 10), first)
    paths = [first]
    for number in range(1, count):
        paths.append(folder / f"clip{number}.avi")
        paths[-1].write_bytes(first.read_bytes())
    return paths


def jobs_of(paths: list[Path], out: Path, width: str, *, overlay: bool = True) -> list[FileJob]:
    refs, _ = find_inputs(paths)
    return plan(refs, JobSettings(out, SegmentOptions(width=width, device="cpu", backend=BACKEND), overlay=overlay))


def processes(folder: Path, count: int, width: str) -> dict[str, Any]:
    """Return seconds a clip by the number of processes, start of the processes included and without it."""
    clips = make_clips(folder / "clips", count, 60, (112, 112))
    found: dict[int, list[float]] = {1: [], 2: []}
    begin: dict[int, list[float]] = {1: [], 2: []}
    for round_ in range(ROUNDS):
        for n, each_of in found.items():
            start = time.perf_counter()
            run = run_jobs(jobs_of(clips, folder / f"out-{round_}-{n}", width), processes=n)
            next(run)
            begin[n].append(time.perf_counter() - start)
            start = time.perf_counter()
            done = sum(1 for _ in run)
            each_of.append((time.perf_counter() - start) / done)
    each = {n: statistics.median(values) for n, values in found.items()}
    return {
        "clips": count, "clip": "60 x 112x112", "width": width, "seconds_a_clip": each,
        "seconds_to_the_first": {n: statistics.median(values) for n, values in begin.items()},
        "two_are_faster_by": each[1] / each[2], "rounds": found,
    }  # fmt: skip


def scheduler(tasks: int) -> dict[str, Any]:
    """Return what dask and this program take a clip, with jobs that do nothing, on one machine."""
    import distributed

    from matae.cluster.scheduler import DaskPool

    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=4, processes=False, dashboard_address=None, host="tcp://127.0.0.1"
        ) as cluster,
    ):
        token = Path(folder) / "token"
        token.touch()
        settings = JobSettings(Path(folder), SegmentOptions(device="cpu"))
        jobs = [Nothing(CineRef(Path(f"{n}.avi"), "", "video"), settings) for n in range(tasks)]
        pool = DaskPool(cluster.scheduler_address, "matae-lv", token)
        start, busy = time.perf_counter(), time.process_time()
        done = sum(1 for _ in run_pool(jobs, pool))
        seconds, processor = time.perf_counter() - start, time.process_time() - busy
    return {"tasks": done, "ms_a_task": 1e3 * seconds / done, "processor_ms_a_task": 1e3 * processor / done}


def sizes(folder: Path) -> list[dict[str, Any]]:
    """Return seconds and bytes of one clip by its size and the width."""
    rows = []
    for frames, shape in ((175, (112, 112)), (50, (600, 800))):
        clips = make_clips(folder / f"{shape[0]}", 1, frames, shape)
        for width in WIDTHS:
            for overlay in (True, False) if width == BARE else (True,):
                out = folder / f"out-{shape[0]}-{width.replace('/', '')}-{overlay}"
                again = [replace(job, settings=replace(job.settings, again=True))
                         for job in jobs_of(clips, out, width, overlay=overlay)]  # fmt: skip
                list(run_jobs(again))
                times, busy = [], []
                for _ in range(ROUNDS):
                    start, before = time.perf_counter(), time.process_time()
                    list(run_jobs(again))
                    times.append(time.perf_counter() - start)
                    busy.append(time.process_time() - before)
                rows.append({
                    "frames": frames, "rows": shape[0], "columns": shape[1], "width": width, "overlay": overlay,
                    "seconds": statistics.median(times), "processor_seconds": statistics.median(busy),
                    "bytes_in": clips[0].stat().st_size,
                    "bytes_out": sum(path.stat().st_size for path in out.iterdir() if not path.name.startswith(".")),
                })  # fmt: skip
    return rows


def going_on(folder: Path, count: int) -> dict[str, Any]:
    """Return what listing many files and finding each in the ledger takes."""
    folder.mkdir()
    source = make_clips(folder / "one", 1, 2, (112, 112))[0].read_bytes()[:4096]
    for number in range(count):
        (folder / f"{number}.avi").write_bytes(source)
    out = folder / "out"
    out.mkdir()
    record = out / "record.json"
    record.write_text("{}")
    start = time.perf_counter()
    refs, _ = find_inputs([folder])
    listed = time.perf_counter() - start
    jobs = plan(refs, JobSettings(out, SegmentOptions(device="cpu")))
    ledger = Ledger(out)
    start = time.perf_counter()
    for job in jobs:
        ledger.add(job, FileResult(job.ref.path, {"record": record}, {"frames": 1}, 0))
    added = time.perf_counter() - start
    ledger.close()
    start = time.perf_counter()
    ledger = Ledger(out)
    opened = time.perf_counter() - start
    start = time.perf_counter()
    known = sum(ledger.find(job) is not None for job in jobs)
    found = time.perf_counter() - start
    ledger.close()
    us = 1e6 / len(jobs)
    return {
        "files": len(jobs), "found": known, "list_us": us * listed, "add_us": us * added, "open_us": us * opened,
        "find_us": us * found, "ledger_bytes": (out / ".matae-done.jsonl").stat().st_size / len(jobs),
    }  # fmt: skip


def tables(report: dict[str, Any]) -> list[str]:
    """Return the tables of docs/scale.md, of what was measured."""
    lines = []
    if "sizes" in report:
        lines += [*size_table(report["sizes"]), "", *plan_table(report["sizes"], report.get("going_on")), ""]
    if "processes" in report:
        lines += [*process_table(report["processes"]), ""]
    if "scheduler" in report and "going_on" in report:
        lines += handing_out_table(report["scheduler"], report["going_on"])
    return lines


def size_table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| clip | width | processor, s | without overlay | MB out | without overlay |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if not row["overlay"]:
            continue
        bare = bare_of(rows, row)
        name = f"{row['frames']} x {row['rows']}x{row['columns']}"
        lines.append(
            f"| {name} | {row['width']} | {row['processor_seconds']:.2f} "
            f"| {'' if bare is None else format(bare['processor_seconds'], '.2f')} | {row['bytes_out'] / 1e6:.2f} "
            f"| {'' if bare is None else format(bare['bytes_out'] / 1e6, '.2f')} |"
        )
    return lines


def bare_of(rows: list[dict[str, Any]], row: dict[str, Any]) -> dict[str, Any] | None:
    """Return the same clip at the same width without overlay, if it was timed."""
    same = ("frames", "rows", "columns", "width")
    return next((r for r in rows if not r["overlay"] and all(r[key] == row[key] for key in same)), None)


def plan_table(rows: list[dict[str, Any]], going_on: dict[str, Any] | None) -> list[str]:
    """Reckon a million of the small clips from what one takes."""
    row = next(r for r in rows if r["overlay"] and r["width"] == BARE)
    both = (row, bare_of(rows, row) or row)
    hours = [MILLION * r["processor_seconds"] / 3600 for r in both]
    lines = ["| a million such clips, reckoned | with overlay | without |", "| --- | --- | --- |"]
    lines.append("| processor, core hours | " + " | ".join(f"{h:.0f}" for h in hours) + " |")
    lines += [f"| on {n} cores, hours | " + " | ".join(f"{h / n:.1f}" for h in hours) + " |" for n in (100, 500)]
    lines.append("| results, TB | " + " | ".join(f"{r['bytes_out'] / 1e6:.2f}" for r in both) + " |")
    lines.append("| of such clips read, TB | " + " | ".join(f"{r['bytes_in'] / 1e6:.2f}" for r in both) + " |")
    if going_on is not None:
        minutes = (going_on["list_us"] + going_on["find_us"]) / 60
        lines.append(f"| started again when all is done, minutes | {minutes:.0f} | {minutes:.0f} |")
    return lines


def process_table(found: dict[str, Any]) -> list[str]:
    lines = [
        f"| {found['clips']} clips of {found['clip']}, width {found['width']} | s a clip | s to the first |",
        "| --- | --- | --- |",
    ]
    for n, seconds in found["seconds_a_clip"].items():
        lines.append(f"| {n} at a time | {seconds:.2f} | {found['seconds_to_the_first'][n]:.1f} |")
    return lines


def handing_out_table(handed: dict[str, Any], going_on: dict[str, Any]) -> list[str]:
    hours = MILLION * handed["processor_ms_a_task"] / 3.6e6
    lines = ["| besides its own work | of a clip | of a million |", "| --- | --- | --- |"]
    each = handed["processor_ms_a_task"]
    lines.append(f"| handing out and taking back: program, scheduler and worker | {each:.1f} ms | {hours:.1f} h |")
    for name, key in (
        ("listing a file of a folder", "list_us"), ("an entry in the ledger of what is done", "add_us"),
        ("finding that a clip is done", "find_us"),
    ):  # fmt: skip
        lines.append(f"| {name} | {going_on[key] / 1e3:.2f} ms | {going_on[key] / 60:.0f} min |")
    lines.append(f"| the ledger | {going_on['ledger_bytes']:.0f} bytes | {going_on['ledger_bytes']:.0f} MB |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--listed", type=int, default=20_000)
    parser.add_argument("--only", type=lambda text: text.split(","), help="of scheduler, going_on, processes, sizes")
    args = parser.parse_args()
    report: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, work in (
            ("scheduler", lambda: scheduler(args.tasks)),
            ("going_on", lambda: going_on(root / "listed", args.listed)),
            ("processes", lambda: processes(root / "processes", args.clips, BARE)),
            ("sizes", lambda: sizes(root / "sizes")),
        ):
            if args.only and name not in args.only:
                continue
            report[name] = work()
            print(name, json.dumps(report[name]), flush=True)
            if args.json:
                args.json.write_text(json.dumps(report, indent=1))
    print("\n".join(tables(report)))


if __name__ == "__main__":
    main()

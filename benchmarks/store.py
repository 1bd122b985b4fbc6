"""How long a study takes: from the end of a stroke to the disk, to a list of a thousand cines, to the next frame.

    python benchmarks/store.py [--cines 1000] [--frames 100] [--markdown FILE]

The database is on the disk of the temporary folder: what a commit costs is mostly what that disk takes to say that it
has written. That is measured beside it, so that the ratio travels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from matae.cine import Cine
from matae.store import Edit, FrameStatus, Study

SHAPE = (600, 800)
STROKES = 150


def blob(number: int) -> np.ndarray:
    """Return a mask like a ventricle that a stroke has just changed."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    size = 1 + 0.1 * np.sin(number + 4 * np.arctan2(rows - 300, columns - 400))
    return (np.hypot((rows - 300) / 180, (columns - 400) / 90) < size).astype(np.uint8)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the longest, in ms."""
    values = 1e3 * np.array(seconds)
    return {"p50": float(np.median(values)), "p95": float(np.percentile(values, 95)), "max": float(values.max())}


def disk(folder: Path, times: int = 100) -> dict[str, float]:
    """Time what no database can do without: appending a page of 4 kB and waiting until it is on the disk."""
    seconds = []
    with (folder / "probe").open("wb") as file:
        for _ in range(times):
            start = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - start)
    return percentiles(seconds)


def strokes(target: str) -> dict[str, dict[str, float]]:
    """Time strokes on 600 x 800, and where their time goes."""
    from matae.store.codec import digest_of, encode_mask

    cine = Cine(np.random.default_rng(0).integers(0, 255, (4, *SHAPE)).astype(np.uint8), None, None, Path("a.avi"))
    masks = [blob(number) for number in range(STROKES)]
    seconds, encoding, cpu = [], [], []
    with Study.create(target, rater="r") as study:
        study.add_cine(cine, subject="s")
        revision = 0
        for mask in masks:
            start, busy = time.perf_counter(), time.process_time()
            revision = study.put_edits(cine.content_id, [Edit(0, mask, revision, seconds=1)], note="brush")[0].revision
            seconds.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
            time.sleep(0.02)  # a hand is not faster
        for mask in masks[:40]:
            start = time.perf_counter()
            encode_mask(mask)
            digest_of(mask)
            encoding.append(time.perf_counter() - start)
    return {"whole": percentiles(seconds[3:]), "processor": percentiles(cpu[3:]), "png": percentiles(encoding)}


def fill(target: str, n_cines: int, n_frames: int) -> None:
    """Make a large study as a program would: cine by cine, most frames judged."""
    from sqlalchemy import insert

    from matae.store import schema
    from matae.store.base import new_code
    from matae.store.codec import digest_of, encode_mask

    pngs = [(digest_of(blob(k)), encode_mask(blob(k)), int(blob(k).sum())) for k in range(n_frames)]
    statuses = [FrameStatus.ACCEPTED, FrameStatus.ACCEPTED, FrameStatus.EDITED, FrameStatus.MACHINE]
    with Study.create(target) as study:
        for number in range(n_cines):
            with study._writing() as writing:
                cine_id = number + 1
                c, at = writing.connection, writing.at
                common = {"note": "", "at": at, "sequence": writing.sequence, "session": ""}
                c.execute(insert(schema.Subject).values(
                    id=cine_id, code=new_code(), pseudonym=f"p{number}", added_at=at))  # fmt: skip
                c.execute(insert(schema.Cine).values(
                    id=cine_id, code=new_code(), content_id=hashlib.sha256(str(number).encode()).hexdigest(),
                    subject_id=cine_id, stem=f"clip{number}", path=f"/clips/{number}", n_frames=n_frames,
                    height=SHAPE[0], width=SHAPE[1], frame_times=bytes(8 * n_frames), added_at=at,
                    sequence=writing.sequence, session=""))  # fmt: skip
                first = number * n_frames + 1
                c.execute(insert(schema.Mask), [
                    {"id": first + k, "cine_id": cine_id, "sha256": pngs[k][0], "area": pngs[k][2], "png": pngs[k][1]}
                    for k in range(n_frames)])  # fmt: skip
                machine = {"model": "m", "width": "1", "model_sha256": ""}
                # In the last cines alone something is left to do: the search has to pass all others.
                done = number < n_cines - 2
                for_frame = [
                    FrameStatus.ACCEPTED if done and statuses[k % 4] is FrameStatus.MACHINE else statuses[k % 4]
                    for k in range(n_frames)
                ]
                c.execute(insert(schema.Revision), [
                    {"cine_id": cine_id, "frame": k, "number": 1, "kind": "machine", "status": for_frame[k].value,
                     "based_on": 0, "shown": True, "mask_id": first + k, "seconds": 1.0, **machine, **common}
                    for k in range(n_frames)])  # fmt: skip
                c.execute(insert(schema.Label), [
                    {"cine_id": cine_id, "frame": k, "status": for_frame[k].value, "revision": 1, "mask_id": first + k,
                     "area": pngs[k][2], "original": 1, "newest": 1, "original_mask_id": first + k,
                     "newest_mask_id": first + k, "seconds": 30.0, "updated_at": at, **machine}
                    for k in range(n_frames)])  # fmt: skip


def in_a_new_process(target: str) -> dict[str, float]:
    """Time opening a study in a fresh interpreter, the libraries loaded or not, and what it takes of memory."""
    code = (
        "import json, sys, time\nstart = time.perf_counter()\n"
        "from matae.store import Study\nimport matae.store.study\nloaded = time.perf_counter()\n"
        "study = Study.open(sys.argv[1], rater='r')\ncines = study.cines()\nlisted = time.perf_counter()\n"
        "first = cines[0].content_id\nstudy.frames(first)\n"
        # Not getrusage: its peak is inherited from the process that started this one.
        "after = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "def p95(times):\n    return sorted(times)[int(0.95 * len(times))]\n"
        "def timed(work):\n    begin = time.perf_counter(); work(); return time.perf_counter() - begin\n"
        "jumps = [timed(lambda: study.next_to_review(first, k)) for k in range(40)]\n"
        "here = [timed(lambda: study.next_to_review(cines[-1].content_id, k)) for k in range(0, 40)]\n"
        "figures = timed(study.statistics)\nstudy.frames(first)\n"
        "frames = [timed(lambda: study.frames(c.content_id)) for c in cines[:40]]\n"
        "polls = [timed(lambda: study.changes_since(10**9)) for _ in range(40)]\n"
        "print(json.dumps({'import': loaded - start, 'list': listed - loaded, 'mb': after / 1024,"
        "'jump': p95(jumps), 'here': p95(here), 'statistics': figures, 'frames': p95(frames),"
        "'poll': p95(polls)}))"
    )
    runs = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code, target], capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    return {key: float(np.median([run[key] for run in runs])) for key in runs[0]}


def as_markdown(report: dict) -> str:
    small, large, s = report["small"], report["large"], report["strokes"]
    rows = [
        (
            "stroke on 600 x 800 until durable",
            f"p50 {s['whole']['p50']:.1f}, p95 {s['whole']['p95']:.1f} ms",
            "p95 30 ms",
        ),
        ("of which the processor", f"p50 {s['processor']['p50']:.1f}, p95 {s['processor']['p95']:.1f} ms", ""),
        ("of which PNG and digest", f"p50 {s['png']['p50']:.1f} ms", ""),
        ("the disk alone: 4 kB, synced", f"p50 {report['disk']['p50']:.1f}, p95 {report['disk']['p95']:.1f} ms", ""),
    ]
    for name, found, goal in ((report["small_name"], small, ""), (report["large_name"], large, "1 s")):
        rows.append((f"open to a usable list, {name}", f"{1e3 * found['list']:.0f} ms", goal))
        rows.append((f"peak memory of a process that does, {name}", f"{found['mb']:.1f} MB", "flat"))
    rows += [
        ("loading the database library, once", f"{1e3 * large['import']:.0f} ms", ""),
        ("next frame to review, at the other end of the large study", f"p95 {1e3 * large['jump']:.1f} ms", "50 ms"),
        ("next frame to review, in the same cine", f"p95 {1e3 * large['here']:.1f} ms", "50 ms"),
        ("what is known of a cine's frames", f"p95 {1e3 * large['frames']:.1f} ms", ""),
        ("asking for other people's changes when there are none", f"p95 {1e3 * large['poll']:.1f} ms", ""),
        ("figures of the whole study", f"{1e3 * large['statistics']:.0f} ms", ""),
    ]
    lines = [f"Machine: {report['machine']}", "", "| what | figure | goal |", "| --- | --- | --- |"]
    return "\n".join(lines + [f"| {what} | {figure} | {goal} |" for what, figure, goal in rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cines", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    report: dict[str, object] = {
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()}), load {os.getloadavg()[0]:.1f}",
        "large_name": f"{arguments.cines} cines, {arguments.cines * arguments.frames} labelled frames",
        "small_name": f"{arguments.cines // 10} cines, {arguments.cines // 10 * arguments.frames} labelled frames",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report["disk"] = disk(folder)
        report["strokes"] = strokes(str(folder / "strokes.matae"))
        for size, n_cines in (("small", arguments.cines // 10), ("large", arguments.cines)):
            fill(str(folder / f"{size}.matae"), n_cines, arguments.frames)
            report[size] = in_a_new_process(str(folder / f"{size}.matae"))
    text = as_markdown(report)
    print(text)
    print(json.dumps(report), file=sys.stderr)
    if arguments.markdown:
        arguments.markdown.write_text(text)


if __name__ == "__main__":
    main()

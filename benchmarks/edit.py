"""Time of each editing tool on frames of 600 x 800, and what propagation is worth.

    python benchmarks/edit.py [--json FILE] [--hearts N]

Absolute times belong to the machine; so each stands beside a reference operation timed in the same run, turn by turn:
the Gaussian blur (3 pixels) of one frame of 600 x 800 as floats. `OMP_NUM_THREADS=2` keeps it to two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from matae.edit import fill_holes, interpolate, keep_largest, nudge, propagate, reshape, smooth
from matae.measure import Landmarks
from matae.metrics import dice
from matae.phantom import make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (600, 800)
RUNS = 7
HEARTS = range(500, 600)


def tools() -> dict[str, Callable[[], object]]:
    phantom = make_phantom(3, n_frames=31, frame_rate=50.0, shape=SHAPE)
    mask, images = phantom.masks[0], phantom.cine.frames
    handles = Landmarks.from_array(phantom.landmarks[0])
    drawn = handles.moved(apex=(handles.apex[0] - 20, handles.apex[1] + 8))
    holed = mask.copy()
    y, x = (int(value) for value in np.argwhere(mask).mean(0))
    holed[y - 5 : y + 5, x - 5 : x + 5] = 0
    holed[10:20, 10:20] = 1
    edge = (int(np.flatnonzero(mask[:, x])[0]), x)
    keys = {0: mask, 10: phantom.masks[10]}
    return {
        "fill holes": lambda: fill_holes(holed),
        "keep largest": lambda: keep_largest(holed),
        "smooth": lambda: smooth(mask, spacing=phantom.cine.spacing),
        "push the contour by 20 pixels": lambda: nudge(mask, edge, (edge[0] - 20, edge[1]), 50),
        "reshape by the handles": lambda: reshape(mask, handles, drawn, spacing=phantom.cine.spacing),
        "interpolate, 9 frames between 2": lambda: interpolate(keys, range(1, 10), spacing=phantom.cine.spacing),
        "propagate over 30 frames": lambda: list(
            propagate(images, mask, 0, range(1, 31), spacing=phantom.cine.spacing)
        ),
        "propagate: time to the first frame": lambda: next(
            propagate(images, mask, 0, range(1, 31), spacing=phantom.cine.spacing)
        ),
    }


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock, and seconds of processor time: the latter hardly feels what else runs."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def speed() -> list[dict[str, object]]:
    frame = np.random.default_rng(0).random(SHAPE).astype(np.float32)

    def reference() -> object:
        return ndimage.gaussian_filter(frame, 3.0)

    rows = []
    for name, work in tools().items():
        work()
        reference()
        pairs = [(timed(work), timed(reference)) for _ in range(RUNS)]
        rows.append(
            {
                "tool": name,
                "median_ms": 1e3 * statistics.median(a[0] for a, _ in pairs),
                "best_ms": 1e3 * min(a[0] for a, _ in pairs),
                "processor_ms": 1e3 * statistics.median(a[1] for a, _ in pairs),
                "over_reference": statistics.median(a[1] / b[1] for a, b in pairs),
            }
        )
    return rows


def worth(hearts: int) -> list[dict[str, object]]:
    """Carry one exact mask over 30 frames of hearts never looked at while it was made, at three frame rates."""
    rows = []
    for rate in (25.0, 50.0, 80.0):
        carried, copied, worst, area = [], [], [], []
        for seed in HEARTS[:hearts]:
            phantom = make_phantom(seed, n_frames=31, frame_rate=rate, shape=(300, 400))
            truth = phantom.masks
            out = dict(propagate(phantom.cine.frames, truth[0], 0, range(31), spacing=phantom.cine.spacing))
            score = np.array([dice(mask, truth[frame]) for frame, mask in out.items()])
            carried.append(score.mean())
            worst.append(score.min())
            copied.append(np.mean([dice(truth[0], truth[frame]) for frame in out]))
            smallest = min(out, key=lambda frame: truth[frame].sum())
            area.append(out[smallest].sum() / truth[smallest].sum() - 1)
        rows.append(
            {
                "frame_rate": rate, "hearts": hearts, "dice": float(np.mean(carried)),
                "worst_frame": float(np.mean(worst)), "copy": float(np.mean(copied)),
                "hearts_worse_than_copy": int(sum(a < b for a, b in zip(carried, copied, strict=True))),
                "area_error_smallest": float(np.mean(area)),
            }
        )  # fmt: skip
    return rows


def as_markdown(report: dict) -> str:
    lines = [f"Machine: {report['machine']}; load while it ran: {report['load']:.1f}.", ""]
    lines += [
        "| tool, 600 x 800 | median ms | best ms | processor ms | processor time / that of a blur |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['tool']} | {r['median_ms']:.1f} | {r['best_ms']:.1f} | {r['processor_ms']:.1f} "
        f"| {r['over_reference']:.2f} |"
        for r in report["speed"]
    ]
    lines += [
        "",
        "| propagation, 30 frames | Dice | worst frame | Dice of a copy | hearts worse | area at its smallest |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['frame_rate']:.0f} Hz, {r['hearts']} hearts | {r['dice']:.3f} | {r['worst_frame']:.3f} "
        f"| {r['copy']:.3f} | {r['hearts_worse_than_copy']} | {100 * r['area_error_smallest']:+.0f} % |"
        for r in report["worth"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--hearts", type=int, default=20)
    arguments = parser.parse_args()
    report: dict[str, object] = {"machine": f"{os.cpu_count()} CPU cores ({platform.machine()})"}
    report["speed"] = speed()
    report["load"] = os.getloadavg()[0]
    report["worth"] = worth(arguments.hearts)
    print(as_markdown(report))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2), "utf-8")


if __name__ == "__main__":
    main()

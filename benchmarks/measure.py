"""How long measuring takes: a whole clip, and the change of a landmark.

    python benchmarks/measure.py [--json FILE]

Each figure is the median of several runs after a warm-up, masks given: the wall time, and beside it the processor time,
which is what it takes where nothing else runs (one thread does all of it). Absolute times belong to the machine.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.measure import measure_cine, single_plane
from matae.measure.report import make_report
from matae.phantom import make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.measure import Measurement

SIZES = ((112, 112), (256, 256), (600, 800))
FRAMES = 175


def median_ms(work: Callable[[], object], runs: int = 7) -> tuple[float, float]:
    work()
    walls, processor = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return 1000 * statistics.median(walls), 1000 * statistics.median(processor)


def draw(measured: Measurement) -> None:
    make_report(measured).savefig(io.BytesIO(), format="png", dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=str)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("| size | clip, 175 frames | landmark moved | two frames | report |   ms, wall (processor)")
    # One beat is imaged; the clip repeats it, since speckle does not matter to a mask.
    for shape in SIZES:
        beat = make_phantom(3, n_frames=35, frame_rate=50.0, shape=shape)
        turns = -(-FRAMES // 35)
        masks = np.concatenate([beat.masks] * turns)[:FRAMES]
        frames = np.concatenate([beat.cine.frames] * turns)[:FRAMES]
        cine = replace(beat.cine, frames=frames, frame_times=np.arange(FRAMES) / 50.0, ed_frame=None, es_frame=None)
        measured = measure_cine(cine, masks, sector=beat.sector)
        ed = measured.ed_frame or 0
        point = measured.landmarks(ed)
        if point is None:
            raise SystemExit("the phantom has no cavity")

        def drag(measured: Measurement = measured, ed: int = ed, point: object = point) -> object:
            moved = point.moved(apex=(point.apex[0] + 1.5, point.apex[1]))  # type: ignore[attr-defined]
            return measured.updated(landmarks={ed: moved}).table()

        rows.append(
            {
                "size": f"{shape[0]} x {shape[1]}",
                "clip_ms": median_ms(lambda c=cine, m=masks, s=beat.sector: measure_cine(c, m, sector=s), 5),
                "drag_ms": median_ms(drag),
                "two_frames_ms": median_ms(
                    lambda m=masks, e=ed, c=cine: single_plane(m[e], m[(e + 15) % FRAMES], c.spacing)
                ),
                "report_ms": median_ms(lambda m=measured: draw(m), 3),
            }
        )
        row = rows[-1]
        figures = " | ".join("{:.1f} ({:.1f})".format(*value) for key, value in row.items() if key != "size")
        print(f"| {row['size']} | {figures} |", flush=True)
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    print(machine)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"machine": machine, "rows": rows}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What a person feels while reviewing: strokes that are saved, and jumps to the next frame.

    python benchmarks/review.py [--json FILE] [--markdown FILE]

A 600 x 800 cine with a mask on every frame. The same strokes are drawn twice, with and without a study behind the
viewer: what saving costs the GUI thread is the difference, and everything else (the canvas, the mask, the statuses) is
in both. For recording a stroke, the processor time of the GUI thread alone is given. `stroke to durable` is from the
end of a stroke to the moment the GUI thread hears that it is on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.phantom import make_phantom
from matae.segment import FrameMask, find_sector

if TYPE_CHECKING:
    from napari_matae.dock import MataeDock

FRAMES, SHAPE = 60, (600, 800)
STROKES = 40
WINDOW = (900, 640)
TICK_MS = 1


class Ticks:
    """How late the GUI thread answers: the gaps between ticks of a short timer."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.times: list[float] = []
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(TICK_MS)
        self.timer.timeout.connect(lambda: self.times.append(time.perf_counter()))

    def start(self) -> None:
        self.times.clear()
        self.timer.start()

    def stop(self) -> np.ndarray:
        self.timer.stop()
        return np.diff(self.times) * 1e3


def wait(milliseconds: int) -> None:
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_until(condition, seconds: float = 60.0) -> None:
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        wait(5)


def spread(values) -> dict[str, float]:
    array = np.asarray(values, float)
    return {
        "p50_ms": float(np.median(array)),
        "p95_ms": float(np.percentile(array, 95)),
        "max_ms": float(array.max()),
    }


def begin(target: str | None):
    """Open a viewer on the cine with proposals on every frame, with a study behind it or without."""
    from napari_matae.app import open_viewer

    viewer, dock = open_viewer()
    viewer.window.resize(*WINDOW)  # without a graphics card, every repaint costs what the window's pixels cost
    wait_until(lambda: not dock.is_probing)
    if target is None:
        dock.workspace.link.leave()
    else:
        dock.workspace.link.open(target, "benchmark")
    phantom = make_phantom(seed=3, n_frames=FRAMES, shape=SHAPE)
    dock.session.open(phantom.cine, find_sector(phantom.cine))
    wait_until(lambda: dock.session.current.ready)
    dock.session.current.run = {"model": "phantom", "width": "1"}
    dock.session.masks.begin_run()
    for t in range(FRAMES):
        mask = (phantom.masks[t] == 1).astype(np.uint8)
        dock.session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    dock.session.masks.end_run()
    dock.steps.setCurrentIndex(2)
    dock.workspace.tools.choose("brush")
    wait_until(lambda: dock.workspace.link.state in {"saved", "none"})
    wait(1500)
    return viewer, dock


def draw(dock: MataeDock, ticks: Ticks, acknowledged: list[float]) -> dict[str, object]:
    """Draw strokes as the mouse does, one dab a move; return ticks and latencies."""
    link, session = dock.workspace.link, dock.session
    rng = np.random.default_rng(0)
    gaps, settle_ms, durable = [], [], []
    link.acknowledged.connect(lambda _: acknowledged.append(time.perf_counter()))
    for k in range(STROKES):
        session.seek((7 * k) % FRAMES)
        wait(60)
        start = rng.integers((150, 250), (450, 550))
        ticks.start()
        session.paint.stroking = True
        for dab in range(8):
            session.current.labels.paint((session.frame, *(start + 3 * dab)), 1 - k % 2)
            wait(16)
        session.paint.stroking = False
        heard = len(acknowledged)
        began, worked = time.perf_counter(), time.thread_time()
        session.settle()
        settle_ms.append(1e3 * (time.thread_time() - worked))
        if link.state != "none" and session.current.drawn == set():
            wait_until(lambda n=heard: len(acknowledged) > n, 2.0)
            if len(acknowledged) > heard:
                durable.append(1e3 * (acknowledged[-1] - began))
        wait(60)
        gaps.append(float(ticks.stop().max()))
    found: dict[str, object] = {
        "longest_tick_of_a_stroke": spread(gaps),
        "recording_on_the_gui_thread": spread(settle_ms),
    }
    if durable:
        found["stroke_to_durable"] = spread(durable) | {"n": len(durable)}
    return found


def jumps(dock: MataeDock) -> dict[str, dict[str, float]]:
    """Return how long the next-flagged key takes until the frame is chosen and drawn, napari's own step included."""
    clock, processor = [], []
    dock.session.seek(0)
    for _ in range(20):
        began, worked = time.perf_counter(), time.thread_time()
        dock.workspace.actions.next()
        clock.append(1e3 * (time.perf_counter() - began))
        processor.append(1e3 * (time.thread_time() - worked))
        wait(30)
    return {"clock": spread(clock), "processor": spread(processor)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    report: dict[str, object] = {
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()}), load {os.getloadavg()[0]:.1f}",
        "cine": f"{FRAMES} frames of {SHAPE[0]} x {SHAPE[1]}, {STROKES} strokes",
    }
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"] = folder
        os.environ["MATAE_STUDY"] = str(Path(folder) / "first.sqlite")
        for name, target in (("without a study", None), ("with a study", str(Path(folder) / "study.sqlite"))):
            viewer, dock = begin(target)
            report[name] = draw(dock, Ticks(), [])
            if target is not None:
                report["next_flagged"] = jumps(dock)
            viewer.close()
            wait(300)
    text = as_markdown(report)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))
    if arguments.markdown:
        arguments.markdown.write_text(text)


def as_markdown(report: dict) -> str:
    lines = [f"Machine: {report['machine']}; {report['cine']}", ""]
    lines += ["| what | median | p95 | longest |", "| --- | --- | --- | --- |"]

    def line(what: str, found: dict[str, float]) -> str:
        return f"| {what} | {found['p50_ms']:.1f} ms | {found['p95_ms']:.1f} ms | {found['max_ms']:.1f} ms |"

    for name in ("without a study", "with a study"):
        lines.append(line(f"longest GUI tick of a stroke, {name}", report[name]["longest_tick_of_a_stroke"]))
        lines.append(
            line(
                f"recording a stroke, GUI thread's processor time, {name}", report[name]["recording_on_the_gui_thread"]
            )
        )
    lines.append(line("stroke to durable", report["with a study"]["stroke_to_durable"]))
    lines.append(line("jump to the next flagged frame", report["next_flagged"]["clock"]))
    lines.append(line("jump, processor time", report["next_flagged"]["processor"]))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

"""Speeds a user feels, measured side by side in one run.

    python benchmarks/speed.py [--json FILE] [--markdown FILE] [--no-gui]
    python benchmarks/speed.py --playback [--profile] [--window 1280x820]

Absolute times belong to the machine; the ratios travel. Each figure is the median of several runs after a warm-up.
The viewer is measured under whatever display there is (Xvfb renders in software, so GL costs more than on a workspace).

Playback is of a segmented 400 x 400 clip in the Review step, with the mask, the predicted mask over it, the sector, the
strip and the curve. A frame counts as shown when the canvas was drawn with it. What the GUI does for a frame before the
canvas is drawn is timed apart, by the clock and by the processor time of its thread, which is what can be compared on
a machine that does other things at the same time.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matae.demo import demo_cine, demo_path
from matae.models import current_model
from matae.nn.widths import WIDTHS, format_width
from matae.read import open_cine
from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.speed.clip import phantom_clip, write_avi
from matae.speed.cold_start import cold_start
from matae.speed.timing import median_seconds

RUNS = 5
TICK_MS = 4
WINDOW = (900, 640)
PLAYED_HZ = (30.0, 50.0)
PLAYED_S = 6
PLAYED_HEAD = ("| what | figure |", "| --- | --- |")
REVIEW = 2


def engine(report: dict[str, object]) -> None:

    small, large = phantom_clip(175, (112, 112)), phantom_clip(60, (600, 800))
    with tempfile.TemporaryDirectory() as folder:
        avi = Path(folder) / "clip.avi"
        write_avi(small, avi)
        report["open"] = {
            "DICOM 30 x 240x320": median_seconds(lambda: open_cine(demo_path()), RUNS),
            "AVI 175 x 112x112": median_seconds(lambda: open_cine(avi), RUNS),
        }
    report["sector"] = {"DICOM 30 x 240x320": median_seconds(lambda: find_sector(demo_cine()), 3)}
    rows = []
    clips = {"EchoNet-size, 175 x 112x112": small, "large, 60 x 600x800": large}
    for name, clip in clips.items():
        sector = find_sector(clip)
        for width in WIDTHS:
            segmenter = Segmenter(SegmentOptions(width=format_width(width)))
            images = np.zeros((4, segmenter.card.grid, segmenter.card.grid), np.uint8)
            backend = segmenter._backend  # the network alone, to compare the whole path with
            alone = median_seconds(lambda b=backend, i=images: b(i), RUNS) / len(images)
            whole = median_seconds(lambda s=segmenter, c=clip, k=sector: list(s.stream(c, k)), 3) / clip.n_frames
            ran = segmenter.describe()
            rows.append(
                {
                    "clip": name, "width": format_width(width), "backend": ran["backend"], "device": ran["device"],
                    "precision": ran["precision"], "network_ms": 1e3 * alone, "whole_ms": 1e3 * whole,
                    "frames_per_second": 1 / whole, "whole_over_network": whole / alone,
                    "clip_seconds": whole * clip.n_frames,
                }
            )  # fmt: skip
    report["segment"] = rows
    report["first_mask_s"] = first_mask()
    report["peak_memory_mb"] = peak_memory()


def first_mask() -> float:
    """Return seconds from a cold interpreter to the first frame's mask."""
    model = current_model()
    return statistics.median([cold_start(demo_path(), model).first_mask_s for _ in range(4)][1:])


def peak_memory() -> dict[str, float]:
    """Return the peak resident memory of segmenting clips of 200 and 2,000 frames, in MB."""
    code = (
        "import sys\nfrom matae.segment import segment\nfrom matae.speed.clip import phantom_clip\n"
        "from matae.speed.memory import peak_memory_mb\n"
        "segment(phantom_clip(int(sys.argv[1]), (112, 112), 20))\nprint(peak_memory_mb() or float('nan'))"
    )
    found = {}
    for frames in (200, 2000):
        done = subprocess.run([sys.executable, "-c", code, str(frames)], check=True, capture_output=True, text=True)
        found[f"{frames} x 112x112"] = float(done.stdout)
    return found


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

    def stop(self) -> dict[str, float]:
        self.timer.stop()
        gaps = np.diff(self.times) * 1e3
        return {"p50_ms": float(np.median(gaps)), "p95_ms": float(np.percentile(gaps, 95)), "max_ms": float(gaps.max())}


def gui(report: dict[str, object]) -> None:
    from qtpy.QtCore import QEventLoop, QTimer

    from napari_matae.app import open_viewer

    viewer, dock = open_viewer()
    viewer.window.resize(*WINDOW)  # without a graphics card, every repaint costs what the window's pixels cost
    found: dict[str, object] = {}

    def wait_for(signal: object) -> None:
        loop = QEventLoop()
        signal.connect(lambda *_: loop.quit())  # type: ignore[attr-defined]
        QTimer.singleShot(120_000, loop.quit)
        loop.exec()

    wait(3000)  # torch loads in the background
    clip = phantom_clip(175, (400, 400))
    dock.session.open(clip, find_sector(clip))
    wait(500)
    ticks = Ticks()
    ticks.start()
    wait(2000)
    found["idle"] = ticks.stop()
    for name, visible in (("segmenting", True), ("segmenting, canvas hidden (no GL)", False)):
        for layer in viewer.layers:
            layer.visible = visible
        ticks.start()
        start = time.perf_counter()
        dock.segment_panel.run()
        wait_for(dock.segment_panel.finished)
        found[name] = ticks.stop() | {"frames_per_second": clip.n_frames / (time.perf_counter() - start)}
    for layer in viewer.layers:
        layer.visible = True
    latencies = []
    for _ in range(RUNS):
        dock.segment_panel.run()
        while dock.segment_panel.progress.value() < 5:
            wait(10)
        start = time.perf_counter()
        dock.segment_panel.cancel()  # has answered when it returns
        latencies.append(1e3 * (time.perf_counter() - start))
        wait(300)  # the thread ends by itself, after the frames under way
    found["cancel_ms"] = {"median": statistics.median(latencies), "max": max(latencies)}
    dock.segment_panel.run()
    wait_for(dock.segment_panel.finished)
    found["playback"] = [play(viewer, dock, PLAYED_HZ[-1], stands=stands) for stands in (False, True)]
    report["gui"] = found
    _close(viewer)


def playback(window: tuple[int, int], *, profile: bool) -> list[dict[str, object]]:
    """Play a clip whose masks are those of the phantom, at several rates."""
    from matae.phantom import make_phantom
    from matae.segment import FrameMask
    from napari_matae.app import open_viewer

    viewer, dock = open_viewer()
    viewer.window.resize(*window)
    while dock.is_probing:
        wait(50)
    found = []
    for rate in PLAYED_HZ:
        phantom = make_phantom(seed=5, n_frames=2 * round(rate), frame_rate=rate, shape=(400, 400))
        session = dock.session
        # A name of its own: the study refuses other pixels under a name whose frames it has masks of.
        cine = replace(phantom.cine, source=Path(f"phantom at {rate:.0f}"))
        session.open(cine, find_sector(cine))
        while not session.current.ready:
            wait(50)
        session.current.run = {"model": "phantom", "width": "1"}
        session.masks.begin_run()
        for t, labels in enumerate(phantom.masks):
            mask = (labels == 1).astype(np.uint8)
            session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
        session.masks.end_run()
        dock.steps.setCurrentIndex(REVIEW)
        dock.workspace.mask_style.set_difference(True)
        wait(3000)  # what opening a clip begins in the background is over
        found += [play(viewer, dock, rate, stands=stands, profile=profile) for stands in (False, True)]
    _close(viewer)
    return found


def _close(viewer: Any) -> None:
    """Close the viewer and wait for its threads, as napari does where its own event loop ends."""
    from napari.qt.threading import WorkerBase

    viewer.close()
    WorkerBase.await_workers()
    wait(500)  # what Qt deletes later is gone before Python ends: else the process ends by a segmentation fault


def play(viewer: Any, dock: Any, rate: float, *, stands: bool, profile: bool = False) -> dict[str, object]:
    """Play what is open for a while, with one layer in place of several or not; return what each frame drawn cost."""
    import cProfile
    import pstats

    from qtpy.QtWidgets import QOpenGLWidget

    player, session = dock.player, dock.session
    canvas = max(viewer.window._qt_window.findChildren(QOpenGLWidget), key=lambda w: w.width() * w.height())
    slots: dict[str, list[float]] = {"clock": [], "processor": []}
    drawn: list[int] = []
    tick = player._tick
    profiler = cProfile.Profile(time.thread_time) if profile else None

    def timed() -> None:
        before, clock, processor = session.frame, time.perf_counter(), time.thread_time()
        tick()
        if session.frame != before:
            slots["clock"].append(time.perf_counter() - clock)
            slots["processor"].append(time.thread_time() - processor)

    def on_drawn() -> None:
        if not drawn or drawn[-1] != session.frame:
            drawn.append(session.frame)

    player._timer.timeout.disconnect()
    player._timer.timeout.connect(timed)
    canvas.frameSwapped.connect(on_drawn)
    ticks = Ticks()
    dock.workspace.stand_in.allowed = stands
    player.play()
    wait(1000)
    while stands and not dock.workspace.stand_in.stands:
        wait(50)
    for values in (drawn, *slots.values()):
        values.clear()
    ticks.start()
    begun, used, whole = time.perf_counter(), time.thread_time(), time.process_time()
    if profiler is not None:
        profiler.enable()
    wait(1000 * PLAYED_S)
    if profiler is not None:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(60)
    seconds, used = time.perf_counter() - begun, time.thread_time() - used
    whole = time.process_time() - whole
    gaps = ticks.stop()
    player.pause()
    canvas.frameSwapped.disconnect(on_drawn)
    player._timer.timeout.disconnect()
    player._timer.timeout.connect(tick)
    return {
        "asked_hz": rate,
        "one_layer": stands,
        "shown_hz": len(drawn) / seconds,
        "size": "400x400",
        "canvas": f"{canvas.width()}x{canvas.height()}",
        "changed_hz": len(slots["clock"]) / seconds,
        "slots": {name: spread(values) for name, values in slots.items()},
        "tick_with_drawing": gaps,
        "gui_thread_ms_a_frame": 1e3 * used / max(1, len(drawn)),
        "process_ms_a_frame": 1e3 * whole / max(1, len(drawn)),
    }


def spread(seconds: list[float]) -> dict[str, float]:
    array = 1e3 * np.asarray(seconds or [np.nan])
    return {"p50_ms": float(np.median(array)), "p95_ms": float(np.percentile(array, 95)), "max_ms": float(array.max())}


def wait(milliseconds: int) -> None:
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def as_markdown(report: dict) -> str:
    lines = [f"Machine: {report['machine']}", ""]
    lines += ["| what | figure |", "| --- | --- |"]
    lines += [f"| open {name} | {1e3 * s:.0f} ms |" for name, s in report["open"].items()]
    lines += [f"| find the sector, {name} | {1e3 * s:.0f} ms |" for name, s in report["sector"].items()]
    lines += [f"| cold start to first mask | {report['first_mask_s']:.1f} s |"]
    lines += [f"| peak memory, {name} | {mb:.0f} MB |" for name, mb in report["peak_memory_mb"].items()]
    if "gui" in report:
        g = report["gui"]
        for name in ("idle", "segmenting", "segmenting, canvas hidden (no GL)"):
            lines.append(f"| GUI tick, {name} | p95 {g[name]['p95_ms']:.1f} ms, max {g[name]['max_ms']:.0f} ms |")
        lines.append(f"| cancel | median {g['cancel_ms']['median']:.0f} ms, max {g['cancel_ms']['max']:.0f} ms |")
        lines += played_rows(g["playback"])
    lines += [
        "",
        "| clip | width | runs on | network ms/frame | whole ms/frame | whole / network | frames/s | clip s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {r['clip']} | {r['width']} | {r['backend']}, {r['precision']} | {r['network_ms']:.1f} "
        f"| {r['whole_ms']:.1f} | {r['whole_over_network']:.2f} | {r['frames_per_second']:.0f} "
        f"| {r['clip_seconds']:.2f} |"
        for r in report["segment"]
    ]
    return "\n".join(lines) + "\n"


def played_rows(found: list[dict]) -> list[str]:
    lines = []
    for p in found:
        layers = "one layer for all" if p["one_layer"] else "the layers themselves"
        name = f"playback {p['size']} at {p['asked_hz']:.0f}/s, {layers}, canvas {p['canvas']}"
        clock, processor = (p["slots"][key] for key in ("clock", "processor"))
        each = "p50 {p50_ms:.1f} ms, p95 {p95_ms:.1f} ms"
        before = f"{each.format(**clock)}; of processor time {each.format(**processor)}"
        lines += [
            f"| {name}: drawn | {p['shown_hz']:.1f} frames/s |",
            f"| {name}: a frame without drawing | {before} |",
            f"| {name}: the GUI thread's processor time a frame drawn | {p['gui_thread_ms_a_frame']:.1f} ms |",
            f"| {name}: of the whole process, drawing in software too | {p['process_ms_a_frame']:.1f} ms |",
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--no-gui", action="store_true")
    parser.add_argument("--playback", action="store_true", help="measure playback alone")
    parser.add_argument("--window", default="1280x820", help="of the viewer for --playback, width x height in pixels")
    parser.add_argument("--profile", action="store_true", help="print where the GUI thread spends its time")
    arguments = parser.parse_args()
    import os

    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    report: dict[str, object] = {
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()}), {gpu}, torch {torch.__version__}"
    }
    if arguments.playback:
        width, height = (int(part) for part in arguments.window.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = folder, str(Path(folder) / "study.sqlite")
            report["playback"] = playback((width, height), profile=arguments.profile)
        print(
            "\n".join(
                [
                    f"Machine: {report['machine']}, load {os.getloadavg()[0]:.1f}",
                    "",
                    *PLAYED_HEAD,
                    *played_rows(report["playback"]),
                ]
            )
        )
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=2))
        return
    engine(report)
    if not arguments.no_gui:
        gui(report)
    text = as_markdown(report)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))
    if arguments.markdown:
        arguments.markdown.write_text(text)


if __name__ == "__main__":
    main()

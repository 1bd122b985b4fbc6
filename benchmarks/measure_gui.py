"""How soon the numbers follow the hand: a handle is dragged in the real dock, and every number is on screen again.

    python benchmarks/measure_gui.py [--moves 40] [--frames 175] [--json FILE]

A phantom of 600 x 800 pixels is opened with its exact masks, the Measure step shown with every section open, and the
apex handle of end-diastole dragged to and fro. Each move is timed from the mouse to the panel: reshaping the mask,
drawing it, measuring the frame, deriving every number, and filling the labels. Painting the window is timed apart.
On a machine that does other things at the same time, the processor time of the GUI thread is the figure to compare.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matae.segment import find_sector

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--frames", type=int, default=175)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"] = f"{folder}/home"
        os.environ["MATAE_STUDY"] = f"{folder}/study.sqlite"
        found = measure(options.moves, options.frames)
    for name, value in found.items():
        print(f"{name:28} {value}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def until(done: Callable[[], bool]) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + 120
    while not done():
        QApplication.processEvents()
        if time.perf_counter() > end:
            raise SystemExit("the dock did not answer")


def ready_dock(frames: int) -> tuple[Any, Any, float]:
    """Return viewer and dock with everything measured and every section open, and how long measuring took."""
    import numpy as np

    from matae.phantom import make_phantom
    from matae.segment import FrameMask
    from napari_matae.app import open_viewer

    phantom = make_phantom(seed=5, n_frames=frames, shape=(600, 800))
    viewer, dock = open_viewer()
    panel, session = dock.measure_panel, dock.session
    session.open(phantom.cine, find_sector(phantom.cine))
    until(lambda: session.current.ready and not dock.is_probing)
    session.masks.begin_run()
    for t, labels in enumerate(phantom.masks):
        mask = (labels == 1).astype(np.uint8)
        session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    session.masks.end_run()
    start = time.perf_counter()
    dock.steps.setCurrentIndex(3)
    until(lambda: panel.measuring.measurement is not None and not panel.measuring.is_running)
    first = time.perf_counter() - start
    for section in panel.sections.values():
        section.set_open(True)
    panel.outlines.setChecked(True)
    panel.ed_button.click()
    dock.workspace.tools.choose("handles")
    until(lambda: dock.workspace.tools.handles.positions is not None)
    return viewer, dock, first


def measure(moves: int, frames: int) -> dict[str, float | int]:
    import numpy as np
    from qtpy.QtWidgets import QApplication

    viewer, dock, first = ready_dock(frames)
    panel, session, handles = dock.measure_panel, dock.session, dock.workspace.tools.handles
    shown: list[float] = []
    panel.measuring.changed.connect(lambda: shown.append(time.perf_counter()))
    apex = handles.positions[0]
    shape = handles._begin(apex)
    times, engine, paint, cpu = [], [], [], []
    for move in range(moves + 5):
        end = time.perf_counter() + 0.05  # a hand moves some twenty times a second
        while time.perf_counter() < end:
            QApplication.processEvents()
        place = apex + np.array([6.0 * np.sin(move / 3.0) + 3.0, 4.0 * np.cos(move / 2.0)])
        before = panel.measuring.measurement
        start, used = time.perf_counter(), time.thread_time()
        session.paint.stroking = True
        session.masks.draw(session.frame, shape(place))
        until(lambda before=before: panel.measuring.measurement is not before)
        if move >= 5:
            times.append(shown[-1] - start)
            cpu.append(time.thread_time() - used)
            engine.append(panel.measuring.seconds)
        start = time.perf_counter()
        panel.grab()
        paint.append(time.perf_counter() - start)
    session.paint.stroking = False
    viewer.close()

    def ms(values: list[float], q: float) -> float:
        return round(1000 * float(np.percentile(values, q)), 1)

    return {
        "frames": frames,
        "moves": moves,
        "first_measurement_s": round(first, 2),
        "mouse_to_numbers_ms_median": ms(times, 50),
        "mouse_to_numbers_ms_p95": ms(times, 95),
        "of_it_processor_ms_median": ms(cpu, 50),
        "of_it_processor_ms_p95": ms(cpu, 95),
        "of_it_engine_ms_median": ms(engine, 50),
        "panel_paint_ms_median": ms(paint, 50),
    }


if __name__ == "__main__":
    main()

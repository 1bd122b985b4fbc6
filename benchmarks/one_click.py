"""How long "Segment and measure" takes in the dock, from the click to the ejection fraction on screen, by stages.

    python benchmarks/one_click.py [--frames 30] [--runs 3] [--width auto] [--shown 5] [--json FILE]

A phantom of 600 x 800 pixels is opened in the real dock, is on the screen for some seconds, and the button is pressed;
each run is a clip of its own, and before the first the model is loaded. A stage is timed twice: by the clock, and by
the processor time of the whole process, which is what can be compared on a machine that does other things at the same
time. Of it, that of the GUI thread stands apart: it is what makes the window wait.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("click to first mask", "first to last mask", "last mask to the run's end", "the run's end to the number")


class Moment(NamedTuple):
    """The clock, the processor time of the process, and that of the GUI thread, s."""

    clock: float
    process: float
    gui: float


def now() -> Moment:
    return Moment(time.perf_counter(), time.process_time(), time.thread_time())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", default="auto")
    parser.add_argument(
        "--shown", type=float, default=5.0, help="seconds that a clip is on the screen before the click"
    )
    parser.add_argument("--profile", action="store_true", help="print where the GUI thread spends its time")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"] = f"{folder}/home"
        os.environ["MATAE_STUDY"] = f"{folder}/study.sqlite"
        found = measure(options.frames, options.runs, options.width, options.shown, profile=options.profile)
    for run in found["runs"]:
        print(f"{run['clip']}: {run['model']}, width {run['width']}; EF text “{run['ef_text']}”")
        for name, stage in run["stages"].items():
            print(f"  {name:32}" + "  ".join(f"{key} {value:6.2f}" for key, value in stage.items()))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def until(done: Callable[[], bool]) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + 900  # a busy machine only takes longer
    while not done():
        QApplication.processEvents()
        time.sleep(0.001)  # this loop is none of the program's: it takes no processor time from it
        if time.perf_counter() > end:
            raise SystemExit("the dock did not answer")


def measure(frames: int, runs: int, width: str, shown: float, *, profile: bool) -> dict[str, Any]:
    from matae.phantom import make_phantom
    from matae.segment import find_sector
    from napari_matae.app import open_viewer

    viewer, dock = open_viewer()
    until(lambda: not dock.is_probing)
    panel = dock.segment_panel
    panel.width_choice.setCurrentIndex(max(0, panel.width_choice.findData(width)))
    found = []
    for run in range(runs):
        phantom = make_phantom(seed=5 + run, n_frames=frames, shape=(600, 800))
        dock.steps.setCurrentIndex(1)
        dock.session.open(phantom.cine, find_sector(phantom.cine))
        until(lambda: dock.session.current.ready)
        end = time.perf_counter() + shown
        until(lambda end=end: time.perf_counter() > end)
        found.append({"clip": f"run {run + 1}", **one_run(dock, profile=profile)})
    viewer.close()
    return {"frames": frames, "pixels": [600, 800], "shown_s": shown, "runs": found}


def one_run(dock: Any, *, profile: bool) -> dict[str, Any]:
    """Press the button, and note when each stage is over."""
    import cProfile
    import pstats

    session, segment, panel = dock.session, dock.segment_panel, dock.measure_panel
    moments: dict[str, Moment] = {}
    total = session.current.cine.n_frames
    profiler = cProfile.Profile(time.thread_time) if profile else None

    def on_status() -> None:
        n = len(session.current.status)
        if n:
            moments.setdefault("first", now())
        if n == total:
            moments.setdefault("last", now())

    session.status_changed.connect(on_status)
    session.area_changed.connect(on_status)
    segment.finished.connect(lambda _: moments.setdefault("end", now()))
    start = now()
    if profiler is not None:
        profiler.enable()
    segment.one_click.button.click()
    until(lambda: panel.measuring.measurement is not None and not panel.measuring.is_running and bool(shown_ef(panel)))
    number = now()
    if profiler is not None:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
    session.status_changed.disconnect(on_status)
    session.area_changed.disconnect(on_status)
    for name in ("first", "last", "end"):
        moments.setdefault(name, number)
    points = [start, moments["first"], moments["last"], moments["end"], number]
    pairs = zip(STAGES, pairwise(points), strict=True)
    stages = {name: apart(before, after) for name, (before, after) in pairs}
    stages["click to the number"] = apart(start, number)
    measured = panel.measuring.measurement
    return {"model": measured.model, "width": measured.width, "ef_text": shown_ef(panel), "stages": stages}


def shown_ef(panel: Any) -> str:
    """Return the ejection fraction as it stands on the card; empty before it does."""
    import re

    text = re.sub("<[^>]*>", "", panel.ef.value.number.text()).strip() if panel.isVisible() else ""
    return text.strip("–")


def apart(before: Moment, after: Moment) -> dict[str, float]:
    return {
        "clock_s": round(after.clock - before.clock, 3),
        "processor_s": round(after.process - before.process, 3),
        "of_it_gui_s": round(after.gui - before.gui, 3),
    }


if __name__ == "__main__":
    main()

"""The waits that have a goal: the picture after a cold start, the first mask after a click, one frame again.

    python benchmarks/waits.py [--runs 3] [--moves 20] [--shown 0] [--json FILE]        (on any display)

"Picture" is the real command, `napari-matae open CLIP`, from the start of its process until the clip's picture was on
the screen: files of Python, napari and Qt are read, and the model is not waited for. "Dock" is until the dock beside it
has the clip with what the study holds of it, and answers. "Napari alone" is napari with the same frames and no dock,
timed in the same way: what no plug-in can be quicker than. "First mask" is the click on
"Segment and measure" of a phantom of 600 x 800 pixels in a dock whose process has loaded no model, `--shown` seconds
after the clip was opened: 0 is the worst case, for the dock loads the model meanwhile.

"Frame again" is from letting go of a corner of the sector, dragged by the mouse, until the canvas was drawn with the
new mask of the frame on screen; "mask held" until the layer holds that mask. "Set: frame again" and "set: mask held"
are the same from an outline that is set in the dock, as "Find again" does, whose layer is drawn anew too. "Canvas
alone" is how long napari takes to draw the same window once more where nothing has changed: no frame again is quicker.

Each is said by the clock, which counts on a quiet computer, and in processor time of all threads of the processes,
which can be compared on a busy one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from waits_dock import AGAIN

GOALS_S = {"picture": 5.0, "first mask": 1.0, "frame again": 0.05}
ALONE = '''
"""Says when the picture of a clip is on the screen of napari alone."""

import sys
import time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication, QOpenGLWidget

viewer = napari.Viewer()
viewer.add_image(np.load(sys.argv[1]))
widgets = [widget for widget in QApplication.allWidgets() if isinstance(widget, QOpenGLWidget)]
canvas = max(widgets, key=lambda w: w.width() * w.height())


def on_drawn():
    canvas.frameSwapped.disconnect(on_drawn)
    print(time.time(), time.process_time())
    QApplication.instance().quit()


canvas.frameSwapped.connect(on_drawn)
napari.run()
'''
HOOK = '''
"""Notes when the picture of a clip is on the screen, and ends the viewer then; the command itself is as installed."""

import atexit
import importlib.util
import json
import os
import sys
import time
from importlib.abc import MetaPathFinder


def note(name, clock, used):
    with open(os.environ["WAITS_NOTES"], "a", encoding="utf-8") as file:
        file.write(json.dumps([name, clock, used]) + "\\n")


class Watch(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "napari_matae.app":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            real = module.open_viewer

            def open_viewer(*arguments):
                import napari

                make = napari.Viewer

                def make_watched(*arguments, **keywords):
                    napari.Viewer = make
                    viewer = make(*arguments, **keywords)
                    watch(viewer)
                    return viewer

                napari.Viewer = make_watched
                viewer, dock = real(*arguments)
                watch_dock(viewer, dock)
                return viewer, dock

            module.open_viewer = open_viewer

        spec.loader.exec_module = exec_module
        return spec


def canvas_of_window():
    from qtpy.QtWidgets import QApplication, QOpenGLWidget

    found = [widget for widget in QApplication.allWidgets() if isinstance(widget, QOpenGLWidget)]
    return max(found, key=lambda w: w.width() * w.height())


def watch(viewer):
    """Note the first time that a picture is on the canvas: what was drawn is looked at, whoever drew it."""
    canvas = canvas_of_window()

    def on_drawn():
        drawn = time.time(), time.process_time()
        if not viewer.layers:
            return
        image = canvas.grabFramebuffer()
        middle = image.copy(image.width() // 4, image.height() // 4, image.width() // 2, image.height() // 2)
        small = middle.scaled(32, 32)
        if len({small.pixel(x, y) for x in range(32) for y in range(32)}) > 16:
            canvas.frameSwapped.disconnect(on_drawn)
            note("picture", *drawn)

    canvas.frameSwapped.connect(on_drawn)


def watch_dock(viewer, dock):
    """Note when the dock has the clip and the window has answered since, and end the viewer then."""
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    def look():
        current = dock.session.current
        if current is not None and current.ready and current.image in viewer.layers:
            note("dock", time.time(), time.process_time())
            QApplication.instance().quit()

    timer = QTimer(dock)
    timer.timeout.connect(look)
    timer.start(5)


if "napari_matae" in sys.orig_argv:
    sys.meta_path.insert(0, Watch())
else:
    atexit.register(lambda: note("command", time.time(), time.process_time()))
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="new processes for the picture and for the first mask")
    parser.add_argument("--moves", type=int, default=20, help="outlines that are dragged, and as many that are set")
    parser.add_argument("--shown", type=float, default=0.0, help="seconds a clip is on the screen before the click")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "")
    print("\n".join(table(found)))
    if options.json is not None:
        options.json.write_text(json.dumps({"goals_s": GOALS_S, "shown_s": options.shown, "waits": found}, indent=2))


def table(found: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = ["| wait | goal, s | by the clock, s (worst) | processor time, s | of |", "| --- | --- | --- | --- | --- |"]
    for name, waits in found.items():
        clock, processor = (statistics.median(w[key] for w in waits) for key in ("clock_s", "processor_s"))
        worst = max(w["clock_s"] for w in waits)
        lines.append(
            f"| {name} | {GOALS_S.get(name, '')} | {clock:.2f} ({worst:.2f}) | {processor:.2f} | {len(waits)} |"
        )
    return lines


def measure(folder: Path, options: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    import numpy as np

    from matae.demo import demo_path
    from matae.read import open_cine

    environment = os.environ | {"MATAE_HOME": str(folder / "home"), "MATAE_STUDY": str(folder / "first.sqlite")}
    # What each computer measures once, and the files that it makes of a model, are there from the first call on.
    dock = [sys.executable, str(Path(__file__).with_name("waits_dock.py"))]
    child([*dock, "5", "1"], environment)
    names = ("picture", "dock", "napari alone", "first mask", *AGAIN)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    np.save(folder / "frames.npy", open_cine(demo_path()).frames)
    for run in range(options.runs):
        environment["MATAE_STUDY"] = str(folder / f"study-{run}.sqlite")  # a clip that has masks there is not segmented
        for name, waited in opened(folder / f"opened-{run}", demo_path(), environment).items():
            found[name].append(waited)
        found["napari alone"].append(alone(folder / "frames.npy", environment))
        said = json.loads(child([*dock, str(options.shown), str(options.moves)], environment).splitlines()[-1])
        found["first mask"].append(said["first mask"])
        for name in AGAIN:
            found[name] += said[name]
    return found


def opened(folder: Path, clip: Path, environment: dict[str, str]) -> dict[str, dict[str, float]]:
    """Run the command `open` until the picture is there, and the dock with it."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    notes = folder / "notes"
    paths = os.pathsep.join([str(folder), *filter(None, [environment.get("PYTHONPATH")])])
    start = time.time()
    command = [sys.executable, "-c", "from matae.command import main; main()", "open", str(clip)]
    child(command, environment | {"PYTHONPATH": paths, "WAITS_NOTES": str(notes)})
    noted = {name: (clock, used) for name, clock, used in map(json.loads, notes.read_text().splitlines())}
    before = noted.pop("command")[1]
    return {name: {"clock_s": clock - start, "processor_s": used + before} for name, (clock, used) in noted.items()}


def alone(frames: Path, environment: dict[str, str]) -> dict[str, float]:
    """Show the same frames by napari alone."""
    start = time.time()
    end, used = map(float, child([sys.executable, "-c", ALONE, str(frames)], environment).splitlines()[-1].split())
    return {"clock_s": end - start, "processor_s": used}


def child(command: list[str], environment: dict[str, str]) -> str:
    """Run a process and return what it printed; what it complains of is shown where it fails."""
    environment = environment | {"PYTHONFAULTHANDLER": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\n{' '.join(command)}: ended with code {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()

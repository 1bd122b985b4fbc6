"""Which modules of the plugin a clip passes through to open, and a stroke to be stored: `python scripts/trace_hops.py`.

A viewer's model, the workspace and the Open panel are made without a window, and every call of the plugin's functions
is followed in every thread. Two figures for each of the two ways:

- *passed through*: the modules on the call stack wherever the way hands something on: to another thread, a reader, a
  layer, the study. These are the files that somebody who follows the way reads, in that order.
- *touched*: every module of which any function ran from the beginning to the end, those that only listen among them.

`--root DIR` traces another checkout, for comparison; `--json` prints the lists for programs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

HAND_OVERS = {
    "open": (
        ("napari._qt.qthreading", "create_worker", ""),
        ("matae.read", "list_cines", ""), ("matae.segment", "find_sector", ""),
        ("napari.components.viewer_model", "add_layer", ""), ("napari_matae.study_thread", "ask", "about"),
        ("matae.store", "add_as_stated", ""), ("matae.store", "load_masks", ""),
        ("napari_matae.session", "show_stored", ""),
    ),
    "stroke": (
        ("napari_matae.session", "_on_drawn", ""), ("napari_matae.study_thread", "write", "keep"),
        ("matae.store", "put_edits", ""),
    ),
}  # fmt: skip
"""Where a way hands something on: how a module's name begins, a function in it, and an argument that must be given."""


class Trace:
    """Follows calls of the plugin's functions.

    Parameters
    ----------
    hand_overs
        As in `HAND_OVERS`.
    """

    def __init__(self, hand_overs: tuple[tuple[str, str, str], ...]) -> None:
        self._hand_overs = hand_overs
        self.touched: dict[str, None] = {}
        self.passed: dict[str, None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call."""
        if event != "call":
            return
        name, function = str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
        if name.startswith("napari_matae.") and function != "<module>":
            self.touched.setdefault(_short(name))
        for module, called, needed in self._hand_overs:
            if (
                function == called
                and name.startswith(module)
                and (not needed or frame.f_locals.get(needed) is not None)
            ):
                for outer in _plugin_frames(frame):
                    self.passed.setdefault(outer)

    def __enter__(self) -> Trace:
        """Begin, in this thread, in those that begin later, and in workers, whose threads are Qt's."""
        from superqt.utils._qthreading import WorkerBase

        self._run = run = WorkerBase.run

        def followed(worker: Any) -> None:
            sys.setprofile(self)
            run(worker)

        WorkerBase.run = followed
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        from superqt.utils._qthreading import WorkerBase

        WorkerBase.run = self._run
        sys.setprofile(None)
        threading.setprofile(None)


def _plugin_frames(frame: FrameType | None) -> list[str]:
    """Return the plugin's modules on a call stack, the outermost first."""
    names = []
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith("napari_matae."):
            names.append(_short(name))
        frame = frame.f_back
    return names[::-1]


def _short(name: str) -> str:
    return name.removeprefix("napari_matae.").replace(".", "/")


def trace() -> dict[str, dict[str, list[str]]]:
    """Return the modules of both ways."""
    from napari.components import ViewerModel
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    from matae.demo import demo_path
    from napari_matae.open.panel import OpenPanel
    from napari_matae.workspace.workspace import Workspace

    application = QApplication.instance() or QApplication([])

    def wait(done: Callable[[], Any]) -> None:
        end = time.monotonic() + 120
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("the trace waits for something that does not happen")
            application.processEvents()
            time.sleep(0.005)

    found = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["MATAE_HOME"] = folder
        with Trace(HAND_OVERS["open"]) as opening:  # from the beginning: the study's thread begins before the clip
            workspace = Workspace(ViewerModel())
            panel = OpenPanel(workspace.session, workspace.link)
            workspace.link.open(str(Path(folder) / "study.sqlite"), "anna")
            wait(lambda: workspace.link.state == "saved")
            opening.touched.clear()
            opening.passed.clear()
            panel.open(demo_path())
            wait(lambda: workspace.session.current is not None and workspace.session.current.ready)
        found["open"] = {"passed through": list(opening.passed), "touched": list(opening.touched)}
        wait(lambda: workspace.link.state == "saved")
        ensure = getattr(workspace.session, "masks", workspace.session).ensure_labels
        ensure()
        acknowledged: list[object] = []
        workspace.link.acknowledged.connect(acknowledged.append)
        stroke = Trace(HAND_OVERS["stroke"])
        _follow_study_thread(workspace, stroke)
        with stroke:
            workspace.session.current.labels.paint((0, 40, 60), 1)
            wait(lambda: acknowledged)
        found["stroke"] = {"passed through": list(stroke.passed), "touched": list(stroke.touched)}
        workspace.close_down()
        getattr(panel, "close_down", bool)()
        panel.deleteLater()
        workspace.deleteLater()
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return found


def _follow_study_thread(workspace: Any, stroke: Trace) -> None:
    """Follow the thread of the study, which began before the stroke."""
    link = workspace.link
    connection = getattr(link, "connection", None) or link.study
    asked = getattr(connection, "requests", connection)
    done = threading.Event()
    asked.ask(lambda _: (sys.setprofile(stroke), done.set()))
    done.wait(10)


def main() -> None:
    """Trace, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    sys.path[:0] = [str(root / "src"), str(root)]
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    found = trace()
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    for way, kinds in found.items():
        for kind, modules in kinds.items():
            sys.stdout.write(f"{way}, {kind}: {len(modules)}\n  {' > '.join(modules)}\n")


if __name__ == "__main__":
    main()

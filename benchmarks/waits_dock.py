"""In one dock: the first mask after a click, and the frame again after other outlines, as `waits.py` times them.

python benchmarks/waits_dock.py SHOWN MOVES
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from one_click import now, until

if TYPE_CHECKING:
    from collections.abc import Callable

PIXELS = (600, 800)
AGAIN = ("frame again", "mask held", "set: frame again", "set: mask held", "canvas alone")
STEP = 3  # pixels of the screen that the mouse moves at a time


def in_dock(shown: float, moves: int) -> dict[str, Any]:
    """Click in a new dock, and change the sector when the clip is segmented."""
    from napari.qt.threading import WorkerBase

    from matae.phantom import make_phantom
    from matae.segment import find_sector
    from napari_matae.app import open_viewer

    phantom = make_phantom(seed=5, n_frames=30, shape=PIXELS)
    sector = find_sector(phantom.cine)
    viewer, dock = open_viewer()
    until(lambda: not dock.is_probing)
    session, segment = dock.session, dock.segment_panel
    dock.steps.setCurrentIndex(1)
    session.open(phantom.cine, sector)
    until(lambda: session.current.ready)
    end = time.perf_counter() + shown
    until(lambda: time.perf_counter() > end)
    finished: list[object] = []
    segment.finished.connect(finished.append)
    if session.current.status:
        raise SystemExit("the clip has masks before the click")
    seen = first_mask(dock)
    start = now()
    segment.one_click.button.click()
    until(lambda: bool(seen))
    found: dict[str, Any] = {"first mask": spent(start, seen[0])}
    until(lambda: bool(finished) and not dock.measure_panel.measuring.is_running)
    calm()
    set_ = [again(dock, partial(set_outline, dock, sector.polygon, move)) for move in range(moves)]
    dock.steps.setCurrentIndex(1)
    segment.sector.adjust()
    calm()
    dragged = []
    for move in range(moves):
        let_go = drag(dock, -1 if move % 2 else 1)
        calm()
        dragged.append(again(dock, let_go))
    for prefix, waits in (("", dragged), ("set: ", set_)):
        found[f"{prefix}frame again"], found[f"{prefix}mask held"] = map(list, zip(*waits, strict=True))
    found["canvas alone"] = [redraw(dock) for _ in range(moves)]
    viewer.close()
    WorkerBase.await_workers()  # as napari does where its own event loop ends
    return found


def first_mask(dock: Any) -> list[Any]:
    """Return a list that gets the moment in which the canvas is drawn with the first mask on it."""
    # Drawn, not computed; and by a signal, for one turn of Qt's loop may take a whole run in.
    return drawn_when(dock, lambda: bool(dock.session.current.status))


def canvas_of(dock: Any) -> Any:
    from qtpy.QtWidgets import QOpenGLWidget

    return max(dock.window().findChildren(QOpenGLWidget), key=lambda w: w.width() * w.height())


def drawn_when(dock: Any, shown: Callable[[], bool]) -> list[Any]:
    """Return a list that gets the moment in which the canvas is first drawn with something on it."""
    canvas, seen = canvas_of(dock), []

    def on_drawn() -> None:
        if shown():
            canvas.frameSwapped.disconnect(on_drawn)
            seen.append(now())

    canvas.frameSwapped.connect(on_drawn)
    return seen


def again(dock: Any, change: Callable[[], object]) -> tuple[dict[str, float], dict[str, float]]:
    """Change the sector; return what it takes until the mask of the frame on screen is drawn, and until it is there."""
    held: list[Any] = []

    def on_done(_: int) -> None:
        held.append(now())
        canvas_of(dock).update()  # drawn in any case: the new mask may be the same as the old one

    dock.segment_panel.again.done.connect(on_done)
    drawn = drawn_when(dock, lambda: bool(held))
    start = now()
    change()
    until(lambda: bool(drawn))
    dock.segment_panel.again.done.disconnect(on_done)
    calm()
    return spent(start, drawn[0]), spent(start, held[0])


def set_outline(dock: Any, polygon: Any, move: int) -> None:
    from matae.store.types import OverrideName

    outline = tuple((float(y), float(x) + 0.5 + move) for y, x in polygon)
    dock.session.overrides.apply(OverrideName.SECTOR, outline)


def drag(dock: Any, way: int) -> Callable[[], object]:
    """Drag the first corner of the outline by the mouse, outwards or back, and return what lets go of it."""
    import numpy as np
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    canvas, layer, camera = canvas_of(dock), dock.session.current.sector_layer, dock.viewer.camera
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    corners = np.asarray(layer.data[-1]) * np.asarray(layer.scale)
    y, x = (corners[0] - np.asarray(camera.center)[-2:]) * camera.zoom + np.array([canvas.height(), canvas.width()]) / 2
    # Neither way does the outline cross itself, which napari cannot draw.
    outwards = corners[0] - corners.mean(axis=0)
    down, right = way * STEP * outwards / np.hypot(*outwards)

    def mouse(kind: Any, step: int, button: Any, held: Any) -> None:
        place = QPointF(x + right * step, y + down * step)
        everywhere = QPointF(canvas.mapToGlobal(place.toPoint()))
        keys = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(canvas, QMouseEvent(kind, place, everywhere, button, held, keys))

    mouse(QEvent.Type.MouseMove, 0, none, none)
    calm(0.05)
    mouse(QEvent.Type.MouseButtonPress, 0, left, left)
    for step in range(1, 5):
        calm(0.05)  # vispy leaves out moves that follow each other within 10 ms
        mouse(QEvent.Type.MouseMove, step, none, left)
    return lambda: mouse(QEvent.Type.MouseButtonRelease, 4, left, none)


def redraw(dock: Any) -> dict[str, float]:
    """Have the canvas drawn where nothing has changed."""
    drawn = drawn_when(dock, lambda: True)
    start = now()
    canvas_of(dock).update()
    until(lambda: bool(drawn))
    calm(0.05)
    return spent(start, drawn[0])


def calm(seconds: float = 3.0) -> None:
    """Wait until what a change began is over: the clip is looked at again a second later."""
    end = time.perf_counter() + seconds
    until(lambda: time.perf_counter() > end)


def spent(start: Any, end: Any) -> dict[str, float]:
    return {"clock_s": end.clock - start.clock, "processor_s": end.process - start.process}


if __name__ == "__main__":
    print(json.dumps(in_dock(float(sys.argv[1]), int(sys.argv[2]))))

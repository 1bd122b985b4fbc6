"""The picture is fitted to each clip and to the window, as long as nobody zoomed by hand; in a real window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_matae.background.connections import end_owned
from napari_matae.session.session import Session
from napari_matae.workspace.more_room import main_window
from napari_matae.workspace.picture_fit import PictureFit

from ..conftest import make_cine

pytestmark = pytest.mark.gui


@pytest.fixture
def fitted(make_napari_viewer_proxy, qtbot):
    """Return a viewer in a window of its own, its session and what fits the picture."""
    from qtpy.QtWidgets import QWidget

    viewer = make_napari_viewer_proxy(show=True)
    session = Session(viewer)
    inside = QWidget()
    viewer.window.add_dock_widget(inside, name="inside")
    fit = PictureFit(session)
    fit.watch(main_window(inside))
    viewer.window.resize(900, 700)
    yield viewer, session, fit
    end_owned(fit)
    session.close()


def share(viewer, cine) -> float:
    """Return how much of the canvas the picture takes, in the direction that it fills."""
    size = np.asarray(viewer.window.screenshot(canvas_only=True, flash=False).shape[:2])
    extent = np.asarray(cine.shape) * np.asarray(cine.pixel_aspect)
    return float((extent * viewer.camera.zoom / size).max())


def test_the_picture_fills_another_window_until_somebody_zooms_and_another_clip_anew(fitted, qtbot) -> None:
    viewer, session, fit = fitted
    cine = make_cine(shape=(120, 100))
    session.open(cine)
    qtbot.waitUntil(lambda: 0.9 < share(viewer, cine) <= 1.0)
    viewer.window.resize(1300, 900)
    qtbot.waitUntil(lambda: 0.9 < share(viewer, cine) <= 1.0)
    assert not fit.is_by_hand
    viewer.camera.zoom *= 2.5
    assert fit.is_by_hand
    by_hand = viewer.camera.zoom
    viewer.window.resize(1000, 700)
    with qtbot.waitSignal(_resized(fit)):
        pass
    assert viewer.camera.zoom == by_hand
    viewer.reset_view()  # the Home button
    assert not fit.is_by_hand
    viewer.camera.zoom *= 4
    other = make_cine(shape=(240, 200), seed=1)  # of another size: fitted though the last one was zoomed
    session.open(other)
    qtbot.waitUntil(lambda: 0.9 < share(viewer, other) <= 1.0)


def _resized(fit):
    """Return a signal that comes when the fit has answered a new size."""
    from qtpy.QtCore import QTimer

    timer = QTimer(fit)
    timer.setSingleShot(True)
    timer.start(300)
    return timer.timeout

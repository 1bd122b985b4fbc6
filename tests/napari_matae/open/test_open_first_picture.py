"""The picture before the dock: what cannot be shown first, then that everything is as if the dock had come first."""

from __future__ import annotations

import gc
import threading
import weakref
from functools import partial

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

from matae.demo import demo_path
from matae.read import CineRef
from matae.speed.clip import phantom_clip, write_avi
from matae.store.types import FrameStatus
from napari_matae import app
from napari_matae.background import patient_wait
from napari_matae.background.worker import EventWorker
from napari_matae.dock import MataeDock
from napari_matae.open import early, first_picture
from napari_matae.open.early import read_early
from napari_matae.session.layers import cine_of

from ..conftest import disc

pytestmark = pytest.mark.gui


class Window(QMainWindow):
    """A viewer's window as `open_viewer` knows it, with the dock's widgets and no canvas."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.docks: list[QDockWidget] = []
        self.sides: list[str] = []

    def add_dock_widget(self, widget, area="right", **_) -> QDockWidget:
        self.sides.append(area)
        self.docks.append(QDockWidget(self))
        self.docks[-1].setWidget(widget)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.docks[-1])
        return self.docks[-1]

    def remove_dock_widget(self, docked) -> None:
        self.docks.remove(docked)
        self.removeDockWidget(docked)

    def add_plugin_dock_widget(self, plugin: str, name: str):
        assert (plugin, name) == ("napari-matae", "MatAE")
        self.viewer.title = " ".join(layer.name for layer in self.viewer.layers)  # what was there before the dock
        dock = MataeDock(self.viewer)
        return self.add_dock_widget(dock), dock


_windows: dict[int, Window] = {}


class Viewer(ViewerModel):
    @property
    def window(self) -> Window:
        return _windows.setdefault(id(self), Window(self))


@pytest.fixture
def open_path(qtbot, tiny_model, monkeypatch):
    """Return what opens a path as the command does, with its picture first or without, and says what was said."""
    import napari

    monkeypatch.setattr(napari, "Viewer", Viewer)
    monkeypatch.setattr(first_picture, "_PATIENCE_S", 60.0)  # a busy computer only takes longer
    said: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_error", said.append)
    docks = []

    def open_it(path, *, first=True, until_read=True):
        said.clear()
        if first:
            read_early(path)
        viewer, dock = app.open_viewer(path)
        docks.append(dock)
        qtbot.addWidget(viewer.window)
        if until_read:
            qtbot.waitUntil(lambda: not dock.open_panel.is_reading and not dock.is_probing)
            qtbot.waitUntil(lambda: dock.session.current is None or dock.session.current.ready)
            assert [docked.widget() for docked in viewer.window.docks] == [dock]
        return viewer, dock, list(said)

    yield open_it
    for dock in docks:
        dock.close_down()
    early._Early.last = None
    _windows.clear()


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Note each file that is decoded."""
    noted: list[str] = []
    real = CineRef.open

    def opening(reference, **options):
        noted.append(reference.path.name)
        return real(reference, **options)

    monkeypatch.setattr(CineRef, "open", opening)
    return noted


def make(tmp_path, kind: str):
    """Make what the command may be given."""
    path = tmp_path / kind
    if kind == "damaged.avi":
        path.write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST")
    elif kind == "cut.dcm":
        path.write_bytes(demo_path().read_bytes()[:3000])
    elif kind == "empty.dcm":
        path.touch()
    elif kind == "notes.txt":
        path.write_text("no clip")
    elif kind == "volume.nii.gz":
        import SimpleITK

        volume = SimpleITK.GetImageFromArray(np.zeros((20, 40, 50), np.uint8))
        volume.SetSpacing((0.5, 0.5, 0.5))
        SimpleITK.WriteImage(volume, str(path))
    elif kind in {"nothing", "one", "study"}:
        path.mkdir()
        for number in range({"nothing": 0, "one": 1, "study": 2}[kind]):
            write_avi(phantom_clip(4, (64, 64), 4 + number), path / f"clip-{number}.avi")
    elif kind == "stack.tif":
        import tifffile

        tifffile.imwrite(path, np.random.default_rng(0).integers(0, 200, (6, 64, 80), dtype=np.uint8))
    elif kind == "clip.avi":
        write_avi(phantom_clip(4, (64, 64), 4), path)
    elif kind != "absent.avi":
        path.write_bytes(demo_path().read_bytes())
    return path


def state(viewer, dock) -> dict[str, object]:
    """Return what a person, and the next step, finds after opening."""
    panel, current = dock.open_panel, dock.session.current
    found = {
        "layers": [(layer.name, type(layer).__name__, sorted(layer.metadata)) for layer in viewer.layers],
        "active": viewer.layers.selection.active and viewer.layers.selection.active.name,
        "axes": viewer.dims.axis_labels if viewer.layers else (),
        "frame": dock.session.frame,
        "step": dock.steps.currentIndex(),
        "status": panel.status.text(),
        "facts": panel.facts.text(),
        "listed": [panel.choices.item(row).text() for row in range(panel.choices.count())],
        "asked": (panel.volume_button.isHidden(), panel.rate_question.isHidden(), panel._as_cine is None),
        "warned": (dock.warnings.isHidden(), dock.warnings.text.text()),
    }
    if current is not None:
        found |= {
            "sector": (current.found.polygon.tolist(), current.sector.polygon.tolist(), current.outline_comes_late),
            "overrides": (current.overrides, current.unstored),
            "frames": (current.status, current.ed, current.es, current.labels),
            "cine": (current.cine is current.stated, cine_of(current.image) is current.cine, current.cine.content_id),
            "picture": (tuple(current.image.scale), current.image.contrast_limits, current.image.interpolation2d),
        }
    return found


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("absent.avi", "does not exist"),
        ("damaged.avi", "damaged.avi"),
        ("cut.dcm", "cut.dcm"),
        ("empty.dcm", "is empty"),
        ("notes.txt", "in no format that can be read"),
        ("volume.nii.gz", "volume"),
        ("nothing", "nothing"),
    ],
)
def test_what_cannot_be_shown_is_said_once_by_the_dock(open_path, tmp_path, kind, sentence):
    path = make(tmp_path, kind)
    viewer, dock, said = open_path(path)
    assert len(said) == 1
    assert sentence in said[0]
    assert dock.open_panel.status.text() == said[0]
    assert len(viewer.layers) == 0
    first = state(viewer, dock), said
    viewer, dock, said = open_path(path, first=False)
    assert (state(viewer, dock), said) == first


@pytest.mark.parametrize(
    ("kind", "clips"),
    [
        ("study", 0),
        ("one", 1),
        ("clip.avi", 1),
        ("clip.dcm", 1),
        pytest.param("IM000001", 1, marks=pytest.mark.slow),  # other formats, read by the same worker
        pytest.param("stack.tif", 1, marks=pytest.mark.slow),
    ],
)
def test_all_is_as_if_the_dock_had_come_first(open_path, tmp_path, decoded, kind, clips):
    path = make(tmp_path, kind)
    viewer, dock, said = open_path(path)
    assert bool(viewer.title) is bool(clips)
    assert len(decoded) == clips
    assert len([layer for layer in viewer.layers if isinstance(layer, Image)]) == clips
    first = state(viewer, dock), said
    viewer, dock, said = open_path(path, first=False)
    assert not viewer.title
    assert (state(viewer, dock), said) == first


def test_what_is_stored_of_the_clip_comes_back_into_the_same_layer(open_path, qtbot, tmp_path):
    path = make(tmp_path, "clip.dcm")
    viewer, dock, _ = open_path(path)
    mask = disc(dock.session.current.cine.shape, (120, 160), 30)
    dock.session.masks.change("draw", {3: mask})
    dock.session.overrides.apply("frame_rate", 31.0)
    dock.session.seek(3)
    qtbot.waitUntil(lambda: dock.workspace.link.state == "saved")
    dock.close_down()
    viewer, dock, _ = open_path(path)
    current = dock.session.current
    assert [layer for layer in viewer.layers if isinstance(layer, Image)] == [current.image]
    assert current.status == {3: FrameStatus.EDITED}
    np.testing.assert_array_equal(current.labels.data[3], mask)
    assert current.cine.frame_rate == pytest.approx(31)
    assert cine_of(current.image) is current.cine
    assert dock.session.frame == 3


def test_a_cine_that_takes_long_to_read_finds_the_dock_there(open_path, qtbot, tmp_path, monkeypatch):
    path, go, real = make(tmp_path, "clip.avi"), threading.Event(), CineRef.open
    monkeypatch.setattr(CineRef, "open", lambda reference: (go.wait(300), real(reference))[1])
    monkeypatch.setattr(first_picture, "_PATIENCE_S", 0.01)
    viewer, dock, _ = open_path(path, until_read=False)
    assert len(viewer.layers) == 0
    assert dock.open_panel.status.text() == "Reading clip.avi…"
    go.set()
    qtbot.waitUntil(lambda: dock.session.current is not None)
    assert [layer for layer in viewer.layers if isinstance(layer, Image)] == [dock.session.current.image]


def test_a_picture_that_somebody_took_away_comes_again(open_path, qtbot, tmp_path):
    viewer, dock, _ = open_path(make(tmp_path, "clip.avi"), until_read=False)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: dock.session.current is not None)
    assert [layer for layer in viewer.layers if isinstance(layer, Image)] == [dock.session.current.image]


def test_what_fails_after_its_picture_was_shown_takes_it_away(open_path, tmp_path, monkeypatch):
    def fail(_):
        raise ValueError("no such fan")

    monkeypatch.setattr("matae.segment.find_sector", fail)
    viewer, dock, said = open_path(make(tmp_path, "clip.avi"))
    assert viewer.title
    assert len(said) == 1
    assert dock.open_panel.status.text() == said[0]
    assert len(viewer.layers) == 0


def test_a_dock_that_is_closed_before_its_cine_is_there_leaves_no_picture(open_path, qtbot, tmp_path, monkeypatch):
    from matae import segment

    go, real = threading.Event(), segment.find_sector
    monkeypatch.setattr(segment, "find_sector", lambda cine: (go.wait(300), real(cine))[1])
    path = make(tmp_path, "clip.avi")
    viewer, dock, _ = open_path(path, until_read=False)
    assert len(viewer.layers) == 1
    assert dock.open_panel.is_reading
    dock.close_down()
    assert len(viewer.layers) == 0
    go.set()
    _, again = viewer.window.add_plugin_dock_widget("napari-matae", "MatAE")
    again.open_panel.open(path)
    qtbot.waitUntil(lambda: again.session.current is not None)
    assert [layer for layer in viewer.layers if isinstance(layer, Image)] == [again.session.current.image]
    again.close_down()


def test_another_file_that_is_opened_meanwhile_takes_its_place(open_path, qtbot, tmp_path):
    (tmp_path / "later").mkdir()
    viewer, dock, _ = open_path(make(tmp_path, "clip.avi"), until_read=False)
    dock.open_panel.open(make(tmp_path / "later", "clip.dcm"))
    qtbot.waitUntil(lambda: not dock.open_panel.is_reading)
    assert dock.session.current.cine.source.name == "clip.dcm"
    assert [layer for layer in viewer.layers if isinstance(layer, Image)] == [dock.session.current.image]


def test_a_worker_that_is_dropped_before_it_begins_leaves_nothing_behind(open_path, tmp_path, monkeypatch):
    monkeypatch.setattr(EventWorker, "start", lambda *_: None)
    open_path(make(tmp_path, "clip.avi"), until_read=False)
    assert early._Early.last is None


def test_what_another_program_wrote_beside_the_picture_stays_in_the_one_layer(open_path, qtbot, tmp_path):
    viewer, dock, _ = open_path(make(tmp_path, "clip.avi"), until_read=False)
    viewer.layers[0].metadata["of another"] = 1
    qtbot.waitUntil(lambda: dock.session.current is not None)
    assert [layer for layer in viewer.layers if isinstance(layer, Image)] == [dock.session.current.image]
    assert dock.session.current.image.metadata["of another"] == 1


def test_the_room_is_where_a_person_moved_the_dock(open_path, tmp_path, monkeypatch):
    from napari.settings import get_settings

    places = get_settings().application.plugin_widget_positions
    monkeypatch.setitem(places, "MatAE (napari-matae)", "left")
    viewer, _, _ = open_path(make(tmp_path, "clip.avi"))
    assert viewer.window.sides[0] == "left"


def test_nothing_of_it_is_kept_once_the_dock_goes_on_with_the_picture(open_path, qtbot, tmp_path, monkeypatch):
    made, real = [], first_picture.FirstPicture.leave_room
    monkeypatch.setattr(
        first_picture.FirstPicture, "leave_room", lambda first: (made.append(weakref.ref(first)), real(first))[1]
    )
    open_path(make(tmp_path, "clip.avi"))
    qtbot.waitUntil(lambda: gc.collect() >= 0 and made[0]() is None)


def test_the_canvas_of_another_viewer_is_not_waited_for(open_path, qtbot, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QOpenGLWidget

    qtbot.addWidget(QOpenGLWidget())  # never drawn
    real, waits = patient_wait.wait_until, {}

    def wait(done, seconds: float) -> bool:
        waits[seconds] = done()
        return real(done, seconds)

    monkeypatch.setattr(first_picture, "_DRAWN_S", 2.25)
    monkeypatch.setattr(patient_wait, "wait_until", wait)
    open_path(make(tmp_path, "clip.avi"))
    assert waits[2.25]


@pytest.mark.parametrize("side", ["right", pytest.param("bottom", marks=pytest.mark.slow)])
def test_the_window_is_drawn_with_the_picture_where_it_stays_before_the_dock_is_made(
    make_napari_viewer_proxy, qtbot, tiny_model, monkeypatch, side
):
    import napari
    from napari.settings import get_settings
    from qtpy.QtWidgets import QApplication, QOpenGLWidget

    monkeypatch.setitem(get_settings().application.plugin_widget_positions, "MatAE (napari-matae)", side)
    made = make_napari_viewer_proxy(show=True)
    monkeypatch.setattr(napari, "Viewer", lambda title: made)
    drawn: list[tuple[object, ...]] = []
    canvas = max(
        (widget for widget in QApplication.allWidgets() if isinstance(widget, QOpenGLWidget)), key=QOpenGLWidget.width
    )
    canvas.frameSwapped.connect(partial(_note, drawn, made, canvas))
    before: list[tuple[object, ...]] = []
    real = MataeDock.__init__

    def make_dock(dock, napari_viewer):
        before.extend(drawn)
        real(dock, napari_viewer)

    monkeypatch.setattr(MataeDock, "__init__", make_dock)
    read_early(demo_path())
    _, dock = app.open_viewer(demo_path())
    qtbot.waitUntil(lambda: dock.session.current is not None and dock.session.current.ready)
    qtbot.waitUntil(lambda: not dock.is_probing)
    qtbot.waitUntil(lambda: list(made.window.dock_widgets) == ["MatAE (napari-matae)"])
    dock.picture_fit.fit()
    name = dock.session.current.cine.source.name
    assert before[-1] == ((name,), 0, pytest.approx(made.camera.zoom, rel=0.01), canvas.width())
    assert [layer for layer in made.layers if isinstance(layer, Image)] == [dock.session.current.image]
    dock.close_down()


def _note(drawn: list[tuple[object, ...]], viewer, canvas) -> None:
    """Note which layers are drawn, which frame, how large, and on how wide a canvas."""
    names = tuple(layer.name for layer in viewer.layers)
    drawn.append((names, viewer.dims.current_step[0], viewer.camera.zoom, canvas.width()))

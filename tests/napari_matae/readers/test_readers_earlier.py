"""The earlier examinations beside the measurement: asked of a real study, in the words of the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from matae.read import open_cine
from matae.store import Study
from matae.store.types import StoredMeasurement
from napari_matae.dock import MataeDock

pytestmark = pytest.mark.gui
MEASURE = 3


def make_clip(folder: Path, number: int) -> Path:
    frames = np.random.default_rng(number).integers(20, 200, (4, 60, 80)).astype(np.uint8)
    np.save(folder / f"clip{number}.npy", frames)
    return folder / f"clip{number}.npy"


@pytest.fixture
def dock(qtbot, tiny_model, tmp_path):
    with Study.create(tmp_path / "study.sqlite", rater="anna") as study:
        for number, (day, value) in enumerate((("2024-05-01", 60.0), ("2026-05-01", 30.0))):
            cine = open_cine(make_clip(tmp_path, number))
            study.add_cine(cine, subject="p1")
            study.set_recorded(cine.content_id, day)
            measured = StoredMeasurement(value, value - 8, value + 8, view="A4C", edv_ml=100.0, la_ml=52.0)
            study.put_measurement(cine.content_id, measured)
        study.add_cine(open_cine(make_clip(tmp_path, 2)))
    widget = MataeDock(ViewerModel())
    qtbot.addWidget(widget)
    widget.resize(430, 760)
    widget.show()
    qtbot.waitUntil(lambda: not widget.is_probing and bool(widget.workspace.link.connection.name))
    yield widget
    widget.close_down()


def open_clip(qtbot, dock, path: Path) -> None:
    dock.session.open(open_cine(path))
    qtbot.waitUntil(lambda: dock.workspace.link.sync_state.entry is not None)


def test_nothing_is_shown_before_a_clip_is_open(dock) -> None:
    earlier = dock.measure_panel.earlier
    earlier.refresh()
    assert earlier.history is None
    assert earlier.table.isHidden()


def test_a_change_is_shown_with_its_interval(qtbot, dock, tmp_path) -> None:
    earlier = dock.measure_panel.earlier
    open_clip(qtbot, dock, tmp_path / "clip1.npy")
    dock.steps.setCurrentIndex(MEASURE)
    with qtbot.waitSignal(earlier.changed):
        dock.measure_panel.sections["earlier"].set_open(True)
    qtbot.waitUntil(lambda: earlier.history is not None)
    assert earlier.words.text().startswith("-30 points since 60 % on 2024-05-01, beyond")
    row = [earlier.table.topLevelItem(1).text(column) for column in range(7)]
    assert row == ["2026-05-01", "clip1", "A4C", "30 % (22 to 38)", "100 mL", "-", "52 mL"]
    assert "volumes are not compared" in earlier.note.text()


def test_a_clip_of_nobody_says_what_to_do(qtbot, dock, tmp_path) -> None:
    open_clip(qtbot, dock, tmp_path / "clip2.npy")
    dock.measure_panel.earlier.refresh()
    assert "enter the patient's code" in dock.measure_panel.earlier.words.text()

"""Make the pictures of the worklist and of end-diastole beside end-systole: phantoms only, in a study of their own.

python docs/screenshot_worklist.py        (on any display)
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QApplication
from waiting import wait, wait_until

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.store import Study

IMAGES = Path(__file__).parent / "images"
CLIPS = 14
MEASURE = 3


def fill(folder: Path, target: Path) -> None:
    """Make a study of phantoms: some accepted, some in review, some as predicted, some that wait."""
    from matae.measure import MeasureOptions, measure_cine
    from matae.phantom import make_phantom
    from matae.read import open_cine
    from matae.store import Study
    from matae.worklist import add_paths, stored_measurement

    folder.mkdir()
    with Study.create(target, rater="anna") as study, Study.open(target, rater="bela") as other:
        for number in range(CLIPS):
            phantom = make_phantom(seed=number, n_frames=24, frame_rate=21.0, shape=(150, 190))
            path = folder / f"phantom-{number + 1:02}.npy"
            np.save(path, phantom.cine.frames)
            if number >= CLIPS - 3:
                continue
            cine = open_cine(path)
            study.add_cine(cine, subject=f"S-{number // 2 + 1:03}")
            study.set_override(cine.content_id, "view", ("A4C", "A2C")[number % 2])
            study.set_override(cine.content_id, "frame_rate", 21.0)
            if number == 8:
                continue
            masks = (phantom.masks == 1).astype(np.uint8)
            known = dict(enumerate(masks))
            study.put_proposals(cine.content_id, known, model="matae-lv", width="1", model_sha256="ab" * 32)
            judge(other if number % 3 else study, cine, masks, number)
            options = MeasureOptions(view=("A4C", "A2C")[number % 2])
            measured = measure_cine(cine.with_frame_rate(21.0), masks, options, model="matae-lv", width="1")
            study.put_measurement(cine.content_id, stored_measurement(measured))
            if number == 4:
                other.claim(cine.content_id, lease_s=3600)
        add_paths(study, [folder])
        time.sleep(0.1)


def judge(study: Study, cine: Cine, masks: np.ndarray, number: int) -> None:
    from matae.review import find_phases, flags_of
    from matae.store import Edit, FrameStatus

    area = masks.sum((1, 2)).astype(float)
    study.set_flags(cine.content_id, flags_of(area, find_phases(area)))
    n = (0, len(masks), 9, 3)[number % 4]
    edits = [Edit(t, masks[t], 1, FrameStatus.ACCEPTED, 4.0) for t in range(n)]
    if edits:
        study.put_edits(cine.content_id, edits, note="accepted")


def main() -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = str(root / "home"), str(root / "phantoms.sqlite")
        fill(root / "clips", root / "phantoms.sqlite")
        take()


def take() -> None:
    import napari

    from napari_matae.dock import MataeDock

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1380, 900)
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
    wait_until(lambda: not dock.is_probing and bool(dock.workspace.link.connection.name))
    dock.show_worklist()
    window = dock.worklist
    window.resize(1180, 640)
    wait_until(lambda: window.model.rowCount() == CLIPS and not window.thumbnails.is_reading)
    wait(4000)
    window.grab().save(str(IMAGES / "worklist.png"))
    window.filter.setText("a2c bela")
    wait(500)
    window.grab().save(str(IMAGES / "worklist-filtered.png"))
    window.filter.clear()
    window.open_wanted.emit(next(row for row in window.model.rows if row.stem == "phantom-03"))
    wait_until(lambda: dock.session.current is not None and dock.session.current.ready)
    window.hide()
    wait(500)
    dock.steps.setCurrentIndex(MEASURE)
    measuring = dock.measure_panel.measuring
    wait_until(lambda: measuring.measurement is not None and not measuring.is_running)
    wait(1500)
    viewer.window.screenshot(str(IMAGES / "side-by-side.png"), canvas_only=False, flash=False)
    dock.close_down()
    viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()

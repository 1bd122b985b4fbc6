"""Make the pictures of two readings of a clip and of earlier examinations: phantoms only, in a study of their own.

python docs/screenshot_readers.py [--theme light] [--out DIR]       (on any display)
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QApplication
from screenshot_worklist import IMAGES
from waiting import wait, wait_until

REVIEW, MEASURE = 2, 3


def fill(folder: Path, target: Path) -> None:
    """Make a study of three phantoms of one subject; the last is read twice, blind."""
    from scipy.ndimage import binary_dilation, binary_erosion

    from matae.measure import MeasureOptions, measure_cine
    from matae.phantom import make_phantom
    from matae.read import open_cine
    from matae.store import Edit, FrameStatus, Study
    from matae.worklist import stored_measurement

    folder.mkdir()
    with Study.create(target) as study:
        study.set_blind(True)
    for number, day in enumerate(("2023-04-02", "2024-10-11", "2026-03-01")):
        phantom = make_phantom(seed=number, n_frames=24, frame_rate=21.0, shape=(150, 190))
        np.save(folder / f"phantom-{number + 1}.npy", phantom.cine.frames)
        cine = open_cine(folder / f"phantom-{number + 1}.npy")
        masks = (phantom.masks == 1).astype(np.uint8)
        with Study.open(target, rater="anna", as_reader=True) as anna:
            anna.add_cine(cine, subject="S-001")
            anna.set_recorded(cine.content_id, day)
            anna.set_override(cine.content_id, "frame_rate", 21.0)
            anna.set_override(cine.content_id, "view", "A4C")
            anna.set_override(cine.content_id, "spacing", (0.7, 0.7))
            anna.put_proposals(cine.content_id, dict(enumerate(masks)), model="matae-lv", width="1")
            grown = [binary_dilation(mask, iterations=2).astype(np.uint8) for mask in masks]
            edits = [Edit(t, mask, 1, FrameStatus.ACCEPTED) for t, mask in enumerate(grown)]
            anna.put_edits(cine.content_id, edits, note="brush")
            calibrated = cine.with_frame_rate(21.0)
            measured = measure_cine(calibrated, np.stack(grown), MeasureOptions(view="A4C"))
            anna.put_measurement(cine.content_id, stored_measurement(measured))
            anna.finish_reading(cine.content_id)
        if number == 2:
            with Study.open(target, rater="bela", as_reader=True) as bela:
                less = [binary_erosion(mask, iterations=2).astype(np.uint8) for mask in masks]
                bela.put_edits(
                    cine.content_id, [Edit(t, mask, 1, FrameStatus.ACCEPTED) for t, mask in enumerate(less) if t % 2]
                )
                measured = measure_cine(calibrated, np.stack(less), MeasureOptions(view="A4C"))
                bela.put_measurement(cine.content_id, stored_measurement(measured))
                bela.finish_reading(cine.content_id)


def take(folder: Path, out: Path, theme: str) -> None:
    """Open the clip that was read twice, and take the Review step and the Measure step."""
    import napari

    from matae.read import open_cine
    from napari_matae.dock import MataeDock

    viewer = napari.Viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(1380, 980)
    dock = MataeDock(viewer)
    viewer.window.add_dock_widget(dock, name="MatAE")
    wait_until(lambda: not dock.is_probing and bool(dock.workspace.link.connection.name))
    dock.session.open(open_cine(folder / "phantom-3.npy"))
    wait_until(lambda: dock.session.current is not None and dock.session.current.ready)
    dock.steps.setCurrentIndex(REVIEW)
    readings = dock.review_panel.readings
    wait_until(lambda: readings.found is not None and bool(readings.found.pairs))
    readings.outlines.setChecked(True)
    dock.session.seek(5)
    wait(800)
    dock.steps.currentWidget().ensureWidgetVisible(readings)
    wait(1200)
    viewer.window.screenshot(str(out / "readings.png"), canvas_only=False, flash=False)
    dock.show_worklist()
    wait_until(lambda: any(row.readers for row in dock.worklist.model.rows))
    wait(1500)
    dock.worklist.grab().save(str(out / "readings-worklist.png"))
    dock.worklist.hide()
    readings.outlines.setChecked(False)
    dock.steps.setCurrentIndex(MEASURE)
    measuring = dock.measure_panel.measuring
    wait_until(lambda: measuring.measurement is not None and not measuring.is_running)
    dock.measure_panel.sections["earlier"].set_open(True)
    wait_until(lambda: dock.measure_panel.earlier.history is not None)
    wait(500)
    dock.steps.currentWidget().ensureWidgetVisible(dock.measure_panel.earlier)
    wait(1200)
    viewer.window.screenshot(str(out / "earlier.png"), canvas_only=False, flash=False)
    dock.close_down()
    viewer.close()
    QApplication.processEvents()


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = str(root / "home"), str(root / "phantoms.sqlite")
        os.environ["LOGNAME"] = "anna"  # who is logged in reads
        fill(root / "clips", root / "phantoms.sqlite")
        take(root / "clips", arguments.out, arguments.theme)


if __name__ == "__main__":
    main()

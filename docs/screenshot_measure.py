"""Make the pictures of the Measure step: a phantom of two beats, and the demonstration cine that pydicom brings.

    python docs/screenshot_measure.py        (on any display)

Both run in a study and a home of their own.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from waiting import wait, wait_until

from matae.segment import find_sector

IMAGES = Path(__file__).parent / "images"
SIZE = (1380, 900)
MEASURE = 3


def measured(dock: Any) -> Any:
    dock.steps.setCurrentIndex(MEASURE)
    measuring = dock.measure_panel.measuring
    wait_until(lambda: measuring.measurement is not None and not measuring.is_running)
    wait(800)
    return measuring


def shoot(viewer: Any, name: str) -> None:
    viewer.window.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)
    print(f"wrote {IMAGES / name}.png")


def show_phantom(viewer: Any, dock: Any) -> None:
    from matae.phantom import make_phantom
    from matae.segment import FrameMask

    phantom = make_phantom(seed=5, n_frames=120, shape=(400, 500))
    dock.session.open(phantom.cine, find_sector(phantom.cine))
    wait_until(lambda: dock.session.current.ready)
    dock.session.masks.begin_run()
    for t, labels in enumerate(phantom.masks):
        mask = (labels == 1).astype(np.uint8)
        dock.session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    dock.session.masks.end_run()
    measured(dock)
    panel = dock.measure_panel
    panel.outlines.setChecked(True)
    panel.disks.setChecked(True)
    panel.ed_button.click()
    wait(800)
    shoot(viewer, "measure")
    panel.disks.setChecked(False)
    panel.sections["mmode"].set_open(True)
    panel.mmode.line.put(np.array([[120.0, 150.0], [250.0, 350.0]]))
    wait(1000)
    area = dock.steps.widget(MEASURE)
    bar = area.verticalScrollBar()
    bar.setValue(panel.sections["wall"].mapTo(panel, panel.sections["wall"].rect().topLeft()).y() - 4)
    wait(500)
    shoot(viewer, "measure-wall")
    bar.setValue(0)
    panel.mmode.line.remove()


def show_real(viewer: Any, dock: Any) -> None:
    from matae.demo import demo_cine

    cine = demo_cine()
    dock.session.open(cine, find_sector(cine))
    wait_until(lambda: dock.session.current.ready and not dock.is_probing)
    ended: list[str] = []
    dock.segment_panel.finished.connect(ended.append)
    dock.segment_panel.run()
    wait_until(lambda: bool(ended), 600)
    measuring = measured(dock)
    wait_until(lambda: bool(measuring.measurement.by_width), 120)
    dock.measure_panel.ed_button.click()
    wait(800)
    shoot(viewer, "measure-uncalibrated")


def main() -> None:
    from napari_matae.app import open_viewer

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"] = f"{folder}/home"
        os.environ["MATAE_STUDY"] = f"{folder}/study.sqlite"
        viewer, dock = open_viewer()
        viewer.window.resize(*SIZE)
        show_phantom(viewer, dock)
        show_real(viewer, dock)
        viewer.close()


if __name__ == "__main__":
    main()

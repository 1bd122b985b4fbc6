"""Make the pictures of a retraining in the Learn step, on phantoms only: while it runs, and its verdict.

    python docs/screenshot_retrain.py        (on any display; some minutes)

The study lives in a temporary folder, and so does everything else unless ``MATAE_HOME`` names another: the phantom
hearts that are mixed in are drawn there once.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from screenshot_learn import IMAGES, LEARN, SIZE
from waiting import wait, wait_until

from matae.segment import find_sector

SIDES = {0: "train", 1: "train", 2: "train", 3: "train", 4: "val", 5: "val", 6: "test"}
EVERY = 4
WIDTH = 400
SECONDS = 300.0
PATIENCE = 1800.0


def fill(folder: Path, study_path: Path) -> None:
    """Put phantoms into the study as if a reader had corrected proposals that lie too low."""
    import SimpleITK as sitk  # noqa: N813

    from matae.phantom import make_phantom
    from matae.read import open_cine
    from matae.store import Edit, FrameStatus, Study

    with Study.create(study_path, rater="reader 1") as study:
        for seed, side in SIDES.items():
            phantom = make_phantom(seed=seed, n_frames=16, shape=(160, 200))
            path = folder / f"clip-{seed}.mha"
            image = sitk.GetImageFromArray(np.array(phantom.cine.frames))
            image.SetSpacing((0.9, 0.9, 40.0))
            sitk.WriteImage(image, str(path))
            cine = open_cine(path)
            study.add_cine(cine, subject=f"P{seed + 1}")
            study.set_split(f"P{seed + 1}", side)
            masks = {t: (phantom.masks[t] == 1).astype(np.uint8) for t in range(0, 16, EVERY)}
            low = {t: np.roll(mask, 6 + seed, 0) for t, mask in masks.items()}
            study.put_proposals(cine.content_id, low, model="matae-lv", width="1")
            infos = study.frames(cine.content_id)
            edits = [
                Edit(t, mask, infos[t].revision, FrameStatus.ACCEPTED, seconds=9.0 + 2 * seed + t)
                for t, mask in masks.items()
            ]
            study.put_edits(cine.content_id, edits)
            study.set_marks(cine.content_id, ed=0, es=8)


def main() -> None:
    from napari_matae.app import open_viewer

    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, study = Path(name), Path(name) / "lab.sqlite"
        os.environ.setdefault("MATAE_HOME", f"{folder}/home")
        os.environ["MATAE_STUDY"] = str(study)
        fill(folder, study)
        viewer, opened_dock = open_viewer()
        dock: Any = opened_dock
        viewer.window.resize(*SIZE)
        dock.window().resizeDocks([dock.parentWidget()], [WIDTH], Qt.Orientation.Horizontal)
        from matae.read import open_cine

        cine = open_cine(folder / "clip-0.mha")
        dock.session.open(cine, find_sector(cine))
        wait_until(lambda: dock.session.current.ready and not dock.is_probing)
        dock.steps.setCurrentIndex(LEARN)
        panel: Any = dock.learn_panel
        panel.sections["data"].set_open(False)
        panel.sections["models"].set_open(False)
        box: Any = panel.retrain
        box.choices.kinds["full"].setChecked(True)
        box.choices.seconds.setValue(SECONDS)
        wait_until(lambda: box.is_current and box.learn_button.isEnabled())
        box.learn_button.click()
        checks = box.view.curves.scores["dice"]
        wait_until(lambda: len(checks.get("1", ())) >= 6, PATIENCE)
        wait(800)
        viewer.window.screenshot(str(IMAGES / "learn_running.png"), canvas_only=False, flash=False)
        wait_until(lambda: box.verdict.verdict is not None, PATIENCE)
        wait_until(lambda: not box.verdict.is_drawing)
        wait(1500)
        viewer.window.screenshot(str(IMAGES / "learn_verdict.png"), canvas_only=False, flash=False)
        viewer.close()
        wait(300)


if __name__ == "__main__":
    main()

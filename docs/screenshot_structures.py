"""Make the picture of Review with three structures: a phantom, whose heart is nobody's.

    python docs/screenshot_structures.py        (on any display)

Models, settings and the study live in a temporary folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from screenshot import IMAGES, SIZE, wait, wait_until


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = folder, str(Path(folder) / "study.sqlite")
        import napari

        from matae.phantom import make_phantom, random_heart
        from matae.segment import FrameMask
        from napari_matae.dock import MataeDock

        phantom = make_phantom(4, n_frames=30, frame_rate=30.0, shape=(300, 360), config=random_heart(4))
        viewer = napari.Viewer()
        viewer.window.resize(*SIZE)
        dock = MataeDock(viewer)
        viewer.window.add_dock_widget(dock, name="MatAE")
        wait_until(lambda: not dock.is_probing)
        session = dock.session
        session.open(phantom.cine)
        wait_until(lambda: session.current.ready)
        session.current.run = {"model": "phantom", "width": "1", "model_sha256": "ab" * 32}
        session.masks.begin_run()
        for t, labels in enumerate(phantom.labels):
            mask = np.where(labels <= 3, labels, 0).astype(np.uint8)
            session.masks.receive(FrameMask(t, mask, mask, int((mask == 1).sum())))
        session.masks.end_run()
        dock.steps.setCurrentIndex(2)
        session.seek(4)
        dock.workspace.structures.choose(2)
        dock.workspace.tools.choose("brush")
        viewer.layers.selection.active = session.current.labels
        wait(1500)
        viewer.window.screenshot(str(IMAGES / "review-structures.png"), canvas_only=False, flash=False)
        print(f"wrote {IMAGES / 'review-structures.png'}")
        viewer.close()
        wait(500)


if __name__ == "__main__":
    main()

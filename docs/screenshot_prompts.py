"""Make the picture of outlining by clicks: a phantom, whose heart is nobody's, and the packaged head.

    python docs/screenshot_prompts.py        (on any display)

Models, settings and the study live in a temporary folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from screenshot import IMAGES, SIZE, wait, wait_until

FRAME = 4


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = folder, str(Path(folder) / "study.sqlite")
        import napari

        from matae.phantom import make_phantom, random_heart
        from napari_matae.dock import MataeDock

        phantom = make_phantom(4, n_frames=12, frame_rate=30.0, shape=(300, 360), config=random_heart(4))
        viewer = napari.Viewer()
        viewer.window.resize(*SIZE)
        dock = MataeDock(viewer)
        viewer.window.add_dock_widget(dock, name="MatAE")
        wait_until(lambda: not dock.is_probing)
        session = dock.session
        session.open(phantom.cine)
        wait_until(lambda: session.current.ready and session.current.sector is not None)
        dock.steps.setCurrentIndex(2)
        session.seek(FRAME)
        tools, made = dock.workspace.tools, []
        tools.prompting.made.connect(made.append)
        tools.choose("prompt")
        for y, x in phantom.landmarks[FRAME]:
            tools.prompting.click((float(y), float(x)))
        wait_until(lambda: bool(made))
        wait(1500)
        viewer.window.screenshot(str(IMAGES / "prompts.png"), canvas_only=False, flash=False)
        print(f"wrote {IMAGES / 'prompts.png'}")
        viewer.close()
        wait(500)


if __name__ == "__main__":
    main()

"""Review of a phantom, whose heart is nobody's, for the pictures that no data set may be shown in.

Models, settings and the study live in a temporary folder.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from screenshot import IMAGES, SIZE
from waiting import wait, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.phantom import Phantom
    from napari_matae.dock import MataeDock

FRAME = 4


@contextmanager
def phantom_in_review(picture: str, n_frames: int) -> Iterator[tuple[MataeDock, Phantom]]:
    """Yield a dock in Review with a phantom, and write the picture of the window at the end."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = folder, str(Path(folder) / "study.sqlite")
        import napari

        from matae.phantom import make_phantom, random_heart
        from napari_matae.dock import MataeDock

        phantom = make_phantom(4, n_frames=n_frames, frame_rate=30.0, shape=(300, 360), config=random_heart(4))
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
        yield dock, phantom
        wait(1500)
        viewer.window.screenshot(str(IMAGES / picture), canvas_only=False, flash=False)
        print(f"wrote {IMAGES / picture}")
        viewer.close()
        wait(500)

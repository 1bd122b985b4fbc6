"""Make the pictures of the documentation: the dock on the real demonstration cine.

    make screenshot            (or: python docs/screenshot.py, on any display)

Only the cine that comes with pydicom is shown; no picture of a data set with a licence of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)


def wait(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_for(signal: object) -> None:
    loop = QEventLoop()
    signal.connect(lambda *_: loop.quit())  # type: ignore[attr-defined]
    QTimer.singleShot(60_000, loop.quit)
    loop.exec()


def main() -> None:
    from napari_matae.app import show_demo

    IMAGES.mkdir(exist_ok=True)
    viewer, dock = show_demo()
    viewer.window.resize(*SIZE)
    wait_for(dock.segment_panel.finished)
    dock.player.pause()
    dock.session.seek(int(np.nanargmax(dock.session.current.area_px)))
    wait(1000)
    viewer.window.screenshot(str(IMAGES / "dock.png"), canvas_only=False, flash=False)
    dock.steps.setCurrentIndex(0)
    wait(500)
    viewer.window.screenshot(str(IMAGES / "open.png"), canvas_only=False, flash=False)
    viewer.close()
    print(f"wrote {IMAGES / 'dock.png'} and {IMAGES / 'open.png'}")


if __name__ == "__main__":
    main()

"""Make the pictures of the documentation: the dock in each of its states, on the real demonstration cine.

    make screenshot            (or: python docs/screenshot.py, on any display)

Only the cine that comes with pydicom is shown; no picture of a data set with a licence of its own. Models, settings and
the study live in a temporary folder.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from waiting import wait, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_matae.dock import MataeDock

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 860)


def wait_for(signal: object) -> None:
    loop = QEventLoop()
    signal.connect(lambda *_: loop.quit())  # type: ignore[attr-defined]
    QTimer.singleShot(60_000, loop.quit)
    loop.exec()


def review(dock: MataeDock, shoot: Callable[[str], None], study: Path) -> None:
    """Correct some frames as a reader would, and take a picture at each stop."""
    session, workspace = dock.session, dock.workspace
    workspace.actions.go_on = False
    dock.review_panel.go_on.setChecked(False)
    dock.steps.setCurrentIndex(2)
    phases = workspace.phase_finder.phases
    assert phases.ed is not None
    assert phases.es is not None
    for frame in (phases.es, *range(3)):
        session.seek(frame)
        wait(300)
        workspace.actions.accept()
    session.seek(session.current.cine.n_frames - 1)
    workspace.actions.reject()
    session.seek(phases.ed)
    workspace.actions.smooth()
    workspace.tools.choose("handles")
    wait(800)
    places = workspace.tools.handles.positions
    if places is not None:
        from matae.edit import reshape
        from matae.measure import Landmarks

        before, after = (
            Landmarks.from_array(places),
            Landmarks.from_array(places + np.array([[-3.0, 0], [0, -2], [0, 2]])),
        )
        session.masks.tool = "handles"
        session.masks.change("handles", {phases.ed: reshape(session.current.mask(phases.ed), before, after)})
    wait(800)
    shoot("handles")
    workspace.tools.choose("brush")
    workspace.mask_style.set_difference(True)
    wait(800)
    shoot("review")
    workspace.mask_style.set_difference(False)
    workspace.tools.choose("move")

    first, last = sorted((phases.ed, phases.es))
    session.seek((first + last) // 2)
    workspace.actions.interpolate()
    if workspace.preview.is_running:
        wait_for(workspace.preview.finished)
    wait(800)
    shoot("preview")
    workspace.escape()
    workspace.help_wanted.emit()
    wait(800)
    shoot("keys")
    workspace.help_wanted.emit()
    conflict(dock, study, phases.ed)


def conflict(dock: MataeDock, study: Path, frame: int) -> None:
    """Change a frame from two places at once."""
    from matae.store import Edit, Study

    session, workspace = dock.session, dock.workspace
    session.seek(frame)
    wait_until(lambda: workspace.link.state == "saved")
    content_id = session.current.cine.content_id
    theirs = np.roll(session.current.mask(frame), 6, 1)
    with Study.open(study, rater="reader 2") as other:
        revision = other.frames(content_id)[frame].revision
        other.put_edits(content_id, [Edit(frame, theirs, revision)], note="brush")
    workspace.actions.copy(1)
    wait_until(lambda: bool(dock.conflicts))
    wait(800)
    if dock.conflicts:  # a window of its own
        dialog = dock.conflicts[0]
        dialog.grab().save(str(IMAGES / "conflict.png"))
        dialog.close()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.sqlite"
        os.environ["MATAE_HOME"], os.environ["MATAE_STUDY"] = folder, str(study)
        from napari_matae.app import show_demo

        viewer, dock = show_demo()
        viewer.window.resize(*SIZE)
        wait_for(dock.segment_panel.finished)
        dock.player.pause()

        def shoot(name: str) -> None:
            viewer.window.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)
            print(f"wrote {IMAGES / name}.png")

        dock.session.seek(int(np.nanargmax(dock.session.current.area_px)))
        wait(1000)
        shoot("dock")
        dock.steps.setCurrentIndex(0)
        wait(500)
        shoot("open")
        review(dock, shoot, study)
        viewer.close()
        wait(500)


if __name__ == "__main__":
    main()

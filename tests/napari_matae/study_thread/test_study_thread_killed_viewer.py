"""A viewer that is killed: every stroke it called saved is there, and each cine opens where it was left."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matae.store import FrameStatus, Study

from ..conftest import make_cine, opened

pytestmark = pytest.mark.gui

START_MS = 600_000
"""A viewer of its own is loaded first: forty seconds on a computer that does six times what it can. It is no bound."""

_DRAW = """
import hashlib, sys
import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_matae.workspace.workspace import Workspace
from tests.napari_matae.conftest import make_cine

application = QApplication([])
cine = make_cine()
workspace = Workspace(ViewerModel())
workspace.link.open(sys.argv[1], "anna")
workspace.session.open(cine)
drawn = {}

def stroke():
    if not workspace.session.current.ready:
        return
    workspace.session.masks.ensure_labels()
    frame = len(drawn) % cine.n_frames
    workspace.session.seek(frame)
    at = np.random.default_rng(len(drawn)).integers((5, 5), (55, 75))
    workspace.session.current.labels.paint((frame, *at), 1)
    workspace.session.settle()
    drawn[len(drawn)] = (frame, hashlib.sha256(workspace.session.current.mask(frame).tobytes()).hexdigest())

saved = []

def tell(frames):
    for frame in frames:
        strokes = [digest for at, digest in drawn.values() if at == frame]
        saved.append(frame)
        print(frame, strokes[saved.count(frame) - 1], flush=True)

workspace.link.acknowledged.connect(tell)
timer = QTimer()
timer.timeout.connect(stroke)
timer.start(3)
application.exec()
"""


_LOOK = """
import sys
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_matae.workspace.workspace import Workspace
from tests.napari_matae.conftest import make_cine

application = QApplication([])
workspace = Workspace(ViewerModel())
workspace.link.open(sys.argv[1], "anna")
left = [(0, 7), (1, 4)]
workspace.session.open(make_cine(seed=0))

def restored():
    seed, frame = left.pop(0)
    workspace.session.seek(frame)
    if left:
        QTimer.singleShot(0, lambda: workspace.session.open(make_cine(seed=1)))

workspace.session.restored.connect(restored)
application.exec()
"""


def _started(script: str, target: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", script, str(target)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[3],
    )


@pytest.mark.slow
def test_a_killed_viewer_opens_each_cine_where_it_was_left(tmp_path, make_workspace, qtbot):
    """In the default suite: that a place is written while the cine is open (`tests/napari_matae/study`)."""
    target = tmp_path / "study.sqlite"
    Study.create(target).close()
    first, second = make_cine(seed=0), make_cine(seed=1)
    looking = _started(_LOOK, target)
    try:
        with Study.open(target, rater="anna") as study:

            def places() -> list[int | None]:
                assert looking.poll() is None, "the viewer ended by itself"
                return [
                    study.last_frame(cine.content_id) for cine in (first, second) if study.has_cine(cine.content_id)
                ]

            # The first is written when the second is opened, the second while it is on screen: no cine is closed.
            qtbot.waitUntil(lambda: places() == [7, 4], timeout=START_MS)
    finally:
        looking.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        looking.wait(300)
        looking.stdout.close()
    workspace = make_workspace(target.name)
    for cine, frame in ((second, 4), (first, 7), (second, 4)):
        opened(qtbot, workspace, cine)
        assert workspace.session.frame == frame


def test_a_killed_viewer_has_kept_every_stroke_it_called_saved(tmp_path):
    target = tmp_path / "study.sqlite"
    drawing = _started(_DRAW, target)
    said = []
    try:
        while len(said) < 25:  # several strokes on each frame
            line = drawing.stdout.readline()
            assert line, "the viewer ended by itself"
            said.append(line.split())
    finally:
        drawing.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        rest = drawing.stdout.read()
        drawing.wait(300)
        drawing.stdout.close()
    said += [line.split() for line in rest.splitlines() if len(line.split()) == 2 and len(line.split()[1]) == 64]
    cine = make_cine()
    with Study.open(target) as study:
        assert study.check() == []
        for frame in {int(frame) for frame, _ in said}:
            kept = {
                hashlib.sha256(np.ascontiguousarray(revision.mask()).tobytes()).hexdigest()
                for revision in study.history(cine.content_id, frame)
            }
            assert {digest for at, digest in said if int(at) == frame} <= kept
            assert study.frames(cine.content_id)[frame].status is FrameStatus.EDITED

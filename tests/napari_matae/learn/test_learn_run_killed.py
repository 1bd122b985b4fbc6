"""A viewer that is killed while a model is trained: its worker ends too, and the run is there to go on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matae.learn import unfinished_runs
from matae.store import Study

from .retrain_makers import WAIT, add_base, clinic

# Two processes that load torch; what a worker does when its viewer goes away is tested with the engine.
pytestmark = [pytest.mark.gui, pytest.mark.slow]

_LEARN = """
import sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from matae.learn.events import Validation
from napari_matae.workspace.workspace import Workspace
from napari_matae.learn.retrain_panel import RetrainPanel

application = QApplication([])
workspace = Workspace(ViewerModel())
workspace.link.open(sys.argv[1], "anna")
box = RetrainPanel(workspace)
choices = box.choices
choices.base.setCurrentText("toy-base")
choices.replay.setCurrentIndex(choices.replay.findData("none"))
choices.device.setCurrentText("cpu")
choices.steps.setValue(1_000_000)
box.looked.connect(lambda _: box.is_current and box.learn())
box.follow.happened.connect(lambda event: isinstance(event, Validation) and print(event.step, flush=True))
box.show()
application.exec()
"""


def test_a_killed_viewer_leaves_a_run_that_is_offered_again(qtbot, tmp_path, own_home):
    add_base(own_home)
    target = clinic(tmp_path / "study.sqlite", tmp_path / "clips")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
    viewer = subprocess.Popen(
        [sys.executable, "-c", _LEARN, str(target)],
        stdout=subprocess.PIPE, text=True, env=environment, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    try:
        assert viewer.stdout.readline(), "the viewer ended by itself"
    finally:
        viewer.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        viewer.wait(60)
        viewer.stdout.close()
    with Study.open(target) as study:
        qtbot.waitUntil(lambda: not unfinished_runs(study)[0].under_way, timeout=WAIT)
        assert [run.name for run in unfinished_runs(study)] == ["toy-base-quick-1"]

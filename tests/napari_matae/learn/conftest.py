"""The panel of the Learn step for its tests."""

from __future__ import annotations

import pytest

from napari_matae.background.connections import end_owned
from napari_matae.learn.panel import LearnPanel

from ...forked_runs import fork_runs
from .data_makers import WAIT


@pytest.fixture(autouse=True)
def forked_runs(monkeypatch) -> None:
    """Fork the processes of runs: that they start by themselves is tested in `tests/matae/learn`."""
    fork_runs(monkeypatch)


@pytest.fixture
def learn(make_workspace, qtbot, tmp_path):
    """Return a maker of panels on a study that is open and counted."""
    made = []

    def make(target: str | None = "study.sqlite") -> LearnPanel:
        workspace = make_workspace(target)
        panel = LearnPanel(workspace)
        made.append(panel)
        qtbot.addWidget(panel)
        panel.data.form.folder.setText(str(tmp_path / "out"))
        panel.data.form.name.setText("lv")
        panel.show()
        if target is not None:
            qtbot.waitUntil(lambda: panel.data.overview is not None, timeout=WAIT)
        return panel

    yield make
    for panel in made:
        end_owned(panel)

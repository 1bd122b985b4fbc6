"""Fixtures of the tests of the Measure step."""

from __future__ import annotations

import pytest

from napari_matae.background.connections import end_owned

from .measure_makers import Bench


@pytest.fixture
def bench(make_workspace, qtbot):
    """Return the panel of the step over a viewer's model, with the curve beside it."""
    from napari_matae.measure.panel import MeasurePanel
    from napari_matae.timeline.area_plot import AreaPlot
    from napari_matae.workspace.shortcuts import Keys

    workspace = make_workspace(None)
    keys, plot = Keys(workspace), AreaPlot(workspace.session)
    panel = MeasurePanel(workspace, keys, plot)

    def close_down(_: object) -> None:  # pytest-qt closes widgets before fixtures end
        for part in (panel, plot, keys):
            end_owned(part)

    qtbot.addWidget(panel, before_close_func=close_down)
    qtbot.addWidget(plot)
    panel.show()
    return Bench(workspace, panel, plot)

"""Every frame before against after."""

from __future__ import annotations

import math

import pytest

from matae.learn.verdict import FrameChange
from napari_matae.verdict.paired_plot import PairedPlot

pytestmark = pytest.mark.gui


def frame(t: int, before: float, after: float, patient: str = "key", phase: str = "") -> FrameChange:
    return FrameChange("content", t, patient, phase, before, after)


@pytest.fixture
def plot(qtbot) -> PairedPlot:
    made = PairedPlot()
    qtbot.addWidget(made)
    return made


def test_no_frames_and_frames_without_a_figure_draw_nothing(plot) -> None:
    plot.show_frames([])
    assert len(plot.points.data) == 0
    plot.show_frames([frame(0, math.nan, 0.5), frame(1, 0.5, math.nan)])
    assert len(plot.points.data) == 0


def test_one_frame_is_not_blown_up(plot) -> None:
    plot.show_frames([frame(0, 0.8, 0.8)])
    (low, high), _ = plot.getPlotItem().vb.viewRange()
    assert high - low >= 0.05


def test_a_colour_for_each_patient_and_a_shape_for_each_phase(plot) -> None:
    plot.show_frames([frame(0, 0.5, 0.6, "a", "ED"), frame(1, 0.5, 0.7, "b", "ES"), frame(2, 0.4, 0.7, "a")])
    points = plot.points.points()
    assert [point.symbol() for point in points] == ["o", "s", "t1"]
    colours = [point.brush().color().name() for point in points]
    assert colours[0] == colours[2] != colours[1]


def test_a_point_names_its_frame_and_opens_it(plot, qtbot) -> None:
    shown = frame(4, 0.5, 0.6)
    plot.show_frames([shown])
    plot.subjects = {"content": "P1"}
    assert plot._tip(0.5, 0.6, shown) == "P1, frame 5\nDice 0.500 before, 0.600 after\nClick to open it."
    with qtbot.waitSignal(plot.frame_wanted) as wanted:
        plot.points.sigClicked.emit(plot.points, plot.points.points(), None)
    assert wanted.args == [shown]

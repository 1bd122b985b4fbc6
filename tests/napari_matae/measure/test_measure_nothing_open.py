"""Each part of the Measure step by itself while nothing is open, and after its end."""

from __future__ import annotations

import pytest

from napari_matae.background.connections import end_owned
from napari_matae.measure.depth_scale import DepthScale
from napari_matae.measure.ef_card import EfCard
from napari_matae.measure.live_measurement import LiveMeasurement
from napari_matae.measure.m_mode import MMode
from napari_matae.measure.phase_overlay import PhaseOverlay
from napari_matae.measure.volume_curve import VolumeCurve
from napari_matae.measure.width_check import WidthCheck
from napari_matae.timeline.area_plot import AreaPlot

pytestmark = pytest.mark.gui


@pytest.fixture
def measuring(make_workspace) -> LiveMeasurement:
    made = LiveMeasurement(make_workspace(None).session)
    yield made
    end_owned(made)


def test_a_depth_scale_is_not_asked_for(measuring, qtbot) -> None:
    scale = DepthScale(measuring._session)
    qtbot.addWidget(scale)
    scale.apply()
    scale.forget()
    assert not scale.is_wanted
    assert scale.line.layer is None


def test_an_m_mode_shows_no_picture(measuring, qtbot) -> None:
    mode = MMode(measuring._session, measuring)
    qtbot.addWidget(mode)
    mode.redraw()
    assert mode.picture is None
    assert not mode.draw_button.isEnabled()
    end_owned(mode)


def test_an_overlay_adds_no_layer(measuring) -> None:
    overlay = PhaseOverlay(measuring._session, measuring)
    overlay.outlines = True
    overlay.redraw()
    assert len(measuring._session.viewer.layers) == 0
    end_owned(overlay)


def test_the_curve_leaves_the_plot_to_the_area_and_gives_it_back(measuring, qtbot) -> None:
    plot = AreaPlot(measuring._session)
    qtbot.addWidget(plot)
    curve = VolumeCurve(plot, measuring)
    assert curve.volume() is None
    curve.redraw()
    assert plot.source is not None
    end_owned(curve)
    assert plot.source is None


def test_the_card_shows_a_dash(measuring, qtbot) -> None:
    card = EfCard(measuring._session, measuring)
    qtbot.addWidget(card)
    assert card.value.accessibleName() == "–"


def test_the_widths_are_asked_nothing(qtbot) -> None:
    check = WidthCheck()
    check.drop()
    assert not check.is_asking

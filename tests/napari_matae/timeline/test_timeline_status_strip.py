"""The strip shows the Dice to be expected of predicted masks: nothing where nothing is known, a bar a frame else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtGui import QPixmap

from matae.models import find_model
from matae.segment.expected import CALIBRATED
from matae.store import FrameStatus
from napari_matae.background.connections import end_owned
from napari_matae.timeline.area_plot import AreaPlot
from napari_matae.timeline.status_strip import StatusStrip
from napari_matae.widgets.colours import colours_of

from ..conftest import result

SURE = {0: 255, 1: 235, 2: 150}
"""Probability everywhere of the first frames."""


@pytest.fixture
def strip(make_workspace, qtbot):
    workspace = make_workspace(None)
    plot = AreaPlot(workspace.session)
    made = StatusStrip(workspace.session, workspace.actions, workspace.phase_finder, plot)
    for widget in (plot, made):
        qtbot.addWidget(widget)
        widget.resize(600, widget.height())
    made.workspace = workspace
    yield made
    for widget in (made, plot):
        end_owned(widget)


def run(strip, cine, model: str) -> None:
    session = strip.workspace.session
    session.masks.begin_run()
    sha256 = find_model(model).card.sha256
    session.current.run = {"model": model, "width": "1/2", "model_sha256": sha256}
    for frame, sure in SURE.items():
        found = result(cine, frame)
        inside = found.mask == 1
        session.masks.receive(replace(found, probability=np.where(inside, sure, 255 - sure).astype(np.uint8)))
    session.masks.end_run()


def colours_at(strip, frame: int) -> set[str]:
    """Return the colours of a column through a frame's cell, under the band."""
    picture, edges = strip._paint_band().toImage(), strip.edges()
    x = round(float(edges[frame] + edges[frame + 1]) / 2 * strip.devicePixelRatioF())
    below = round(26 * strip.devicePixelRatioF())
    return {picture.pixelColor(x, y).name() for y in range(below, picture.height()) if picture.pixelColor(x, y).alpha()}


def test_nothing_open_and_nothing_predicted_show_nothing(strip, cine) -> None:
    assert strip.words(0) == ""
    assert strip._paint_band().width() > 0
    strip.workspace.session.open(cine)
    assert strip.words(0) == "Frame 1: no mask"
    assert colours_at(strip, 0) == set()


def test_of_a_model_that_was_not_measured_nothing_is_shown(strip, cine) -> None:
    strip.workspace.session.open(cine)
    run(strip, cine, "matae-lv")
    assert "expected Dice" not in strip.words(0)
    assert colours_at(strip, 0) == set()


def test_a_surer_frame_has_a_better_bar_and_the_words_say_what_it_means(strip, cine) -> None:
    strip.workspace.session.open(cine)
    run(strip, cine, CALIBRATED)
    current, colours = strip.workspace.session.current, colours_of(strip)
    expected = current.expected_dice
    assert expected[0] > expected[1] > expected[2]
    assert np.isnan(expected[3:]).all()
    assert colours_at(strip, 0) == {colours.good}
    assert "high green bar: 0.9 or more" in strip.words(0)
    assert colours_at(strip, 2) == {colours.alarm}
    assert "probably wrong" in strip.words(2)
    assert f"expected Dice {expected[2]:.2f}" in strip.words(2)


def test_widths_that_disagree_lower_it_and_a_person_ends_it(strip, cine) -> None:
    strip.workspace.session.open(cine)
    run(strip, cine, CALIBRATED)
    current = strip.workspace.session.current
    current.compared[0] = 0.0
    alike = current.expected_dice[0]
    current.compared[0] = 0.3
    assert current.expected_dice[0] < alike
    strip.workspace.session.masks.judge("accepted", [0], FrameStatus.ACCEPTED)
    assert np.isnan(current.expected_dice[0])
    assert "expected Dice" not in strip.words(0)


def test_another_mask_forgets_what_was_said_of_the_one_before(strip, cine) -> None:
    strip.workspace.session.open(cine)
    run(strip, cine, CALIBRATED)
    current = strip.workspace.session.current
    current.put(0, np.zeros(cine.shape, np.uint8), FrameStatus.MACHINE)
    assert np.isnan(current.expected_dice[0])
    assert np.isfinite(current.expected_dice[1])


def test_a_mask_is_not_held_up_by_the_curve_and_the_band(strip, qtbot, cine, monkeypatch):
    session, plot = strip.workspace.session, strip._plot
    session.open(cine)
    qtbot.waitUntil(lambda: session.current.ready)
    session.masks.begin_run()
    qtbot.wait(300)  # what opening began is over
    drawn = []
    monkeypatch.setattr(plot._curve, "setData", lambda *_: drawn.append("curve"))
    strip._band = kept = QPixmap(1, 1)
    for frame in range(3):
        session.masks.receive(result(cine, frame))
    assert drawn == []
    assert strip._band is kept
    qtbot.waitUntil(lambda: drawn == ["curve"] and strip._band is not kept)

"""What the Review step says: nothing of another cine, and of a mask that nobody touched that it is as predicted."""

from __future__ import annotations

import pytest

from matae.store.types import FrameStatus
from napari_matae.review.panel import ReviewPanel
from napari_matae.workspace.shortcuts import Keys

from ..conftest import make_cine, opened
from ..measure.measure_makers import show_masks, two_beats

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(make_workspace, qtbot):
    workspace = make_workspace(None)
    made = ReviewPanel(workspace, Keys(workspace))
    qtbot.addWidget(made)
    return made, workspace


def test_what_there_is_to_do_follows_the_cine(panel, qtbot) -> None:
    shown, workspace = panel
    assert shown.words.text() == "Open a cine first."
    cine, masks = two_beats()
    opened(qtbot, workspace, cine)
    assert shown.words.text().startswith("Segment the cine first")
    show_masks(workspace.session, masks)
    assert shown.words.text().startswith("Accept what is right")


def test_what_was_said_of_a_cine_ends_with_it(panel, qtbot) -> None:
    shown, workspace = panel
    cine, masks = two_beats()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    workspace.show_message("Frame 3 is accepted.")
    workspace.session.seek(4)
    assert shown.words.text() == "Frame 3 is accepted."
    opened(qtbot, workspace, make_cine(seed=7))
    assert "accepted" not in shown.words.text()


def test_a_mask_that_nobody_touched_is_as_predicted(panel, qtbot) -> None:
    shown, workspace = panel
    cine, masks = two_beats()
    opened(qtbot, workspace, cine)
    show_masks(workspace.session, masks)
    workspace.session.seek(2)
    shown.figures.show_frame()
    assert "as predicted, not edited" in shown.state.text()
    assert shown.figures.values["dice"].text() == "–"
    workspace.session.masks.judge("accepted", [2], FrameStatus.ACCEPTED)
    shown.figures.show_frame()
    assert "as predicted" not in shown.state.text()
    assert shown.figures.values["dice"].text() == "1.000"


def test_no_row_has_more_than_three_tools(panel) -> None:
    # In napari's style a button is at least 80 pixels wide: six in a row made the dock 516 wide where 350 are there.
    shown, _ = panel
    shown.resize(320, 900)
    shown.show()
    rows: dict[int, int] = {}
    for button in shown.tool_buttons.values():
        rows[button.y()] = rows.get(button.y(), 0) + 1
    assert list(rows.values()) == [3, 3]

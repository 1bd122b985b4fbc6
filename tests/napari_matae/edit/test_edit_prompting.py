"""Outlines by clicks: nothing without a clip or a mask, three clicks are one step, and what changed begins anew."""

from __future__ import annotations

import numpy as np
import pytest

from matae.errors import ModelError
from napari_matae.background.connections import end_owned
from napari_matae.edit.prompt_reader import MadeMask, PromptReader
from napari_matae.edit.prompting import HINTS, Prompting
from napari_matae.edit.structure_choice import StructureChoice

from ..conftest import disc, make_cine, proposals

POINTS = ((12.0, 40.0), (48.0, 30.0), (48.0, 50.0))


@pytest.fixture
def tool(session, qtbot):
    structures = StructureChoice(session)
    made = Prompting(session, structures, PromptReader())
    made.heard: list[str] = []
    made.said.connect(made.heard.append)
    yield made
    end_owned(made)
    end_owned(structures)


def taken(tool, session, n_frames: int = 6):
    cine = make_cine(n_frames)
    current = session.open(cine)
    session.masks.ensure_labels()
    tool.listen(current.labels)
    tool.show(on=True)
    return cine, current


def test_without_a_clip_a_click_does_nothing(tool, session, found):
    tool.show(on=True)
    tool.click(POINTS[0])
    tool.box((1.0, 1.0), (20.0, 20.0))
    assert found.asked == []


def test_two_clicks_outline_nothing_and_each_says_which_is_next(tool, session, found, qtbot):
    taken(tool, session)
    for point in POINTS[:2]:
        tool.click(point)
    assert tool.heard == list(HINTS)
    assert found.asked == []
    assert not session.current.mask(0).any()
    shown = [layer for layer in session.viewer.layers if layer.name == "Clicks"]
    assert len(shown) == 1
    np.testing.assert_allclose(shown[0].data, POINTS[:2])


def test_three_clicks_are_one_step_and_a_further_click_mends(tool, session, found, qtbot):
    taken(tool, session)
    steps: list[object] = []
    session.stepped.connect(steps.append)
    with qtbot.waitSignal(tool.made):
        for point in POINTS:
            tool.click(point)
    assert len(steps) == 1
    assert "outlined by clicks" in steps[0].text
    np.testing.assert_array_equal(session.current.mask(0), disc((60, 80), (30, 40), 15))
    assert "Outlined; stands in guesses a Dice of 0.95." in tool.heard[-1]
    with qtbot.waitSignal(tool.made):
        tool.click((20.0, 40.0))
    with qtbot.waitSignal(tool.made):
        tool.click((50.0, 40.0), outside=True)
    _, prompts, label = found.asked[-1]
    assert (prompts.positive, prompts.negative, label) == (((20.0, 40.0),), ((50.0, 40.0),), 1)
    assert prompts.landmarks is not None
    assert len(steps) == 3


def test_a_box_from_any_corner_outlines(tool, session, found, qtbot):
    taken(tool, session)
    with qtbot.waitSignal(tool.made):
        tool.box((50.0, 60.0), (10.0, 20.0))
    assert found.asked[-1][1].box == (10.0, 20.0, 50.0, 60.0)


def test_a_mask_that_is_there_is_mended_at_once(tool, session, found, qtbot):
    cine, _ = taken(tool, session)
    proposals(cine, session)
    with qtbot.waitSignal(tool.made):
        tool.click((20.0, 40.0), inside=True)
    assert found.asked[-1][1].landmarks is None
    assert session.current.is_manual(0)


def test_after_an_undo_it_begins_anew(tool, session, found, qtbot):
    taken(tool, session)
    with qtbot.waitSignal(tool.made):
        for point in POINTS:
            tool.click(point)
    qtbot.waitUntil(lambda: not tool._worker.is_running)
    session.masks.change("taken back", {0: np.zeros((60, 80), np.uint8)})
    assert tool.heard[-1] == HINTS[0]
    assert not [layer for layer in session.viewer.layers if layer.name == "Clicks"]
    tool.click(POINTS[0])
    assert tool.heard[-1] == HINTS[1]


def test_a_stroke_while_it_works_is_not_overwritten(tool, session, found, qtbot):
    taken(tool, session)
    drawn = disc((60, 80), (20, 20), 5)
    for point in POINTS:
        tool.click(point)
    session.masks.change("drawn", {0: drawn})
    tool._on_event(MadeMask(0, disc((60, 80), (30, 40), 15), 0.9, "too late"))
    np.testing.assert_array_equal(session.current.mask(0), drawn)
    assert tool.heard[-1] == HINTS[0]


def test_another_frame_begins_anew_and_is_looked_at(tool, session, found, qtbot):
    taken(tool, session)
    tool.click(POINTS[0])
    session.seek(3)
    qtbot.waitUntil(lambda: 3 in found.looked)
    tool.click(POINTS[0])
    assert tool.heard[-1] == HINTS[1]


def test_what_goes_wrong_is_said_and_nothing_changes(tool, session, found, qtbot):
    taken(tool, session)
    found.fails = ModelError("The head is damaged; install it again.")
    for point in POINTS:
        tool.click(point)
    qtbot.waitUntil(lambda: tool.heard[-1] == "The head is damaged; install it again.")
    assert not session.current.mask(0).any()


def test_before_the_sector_is_known_a_click_is_asked_for_again(tool, session, found, qtbot):
    _, current = taken(tool, session)
    current.sector = None
    for point in POINTS:
        tool.click(point)
    assert tool.heard[-1] == "The sector of this clip is not known yet; click again once it is found."
    tool.click(POINTS[0])
    assert tool.heard[-1] == HINTS[1]


def test_put_down_it_leaves_no_clicks_behind(tool, session, found, qtbot):
    taken(tool, session)
    tool.click(POINTS[0])
    tool.show(on=False)
    assert not [layer for layer in session.viewer.layers if layer.name == "Clicks"]

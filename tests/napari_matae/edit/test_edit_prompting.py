"""Outlines by clicks: nothing without a clip or a mask, three clicks are one step, and through the beat it stops."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from matae.errors import ModelError
from matae.prompt import Outlined, Prompter
from napari_matae.background.connections import end_owned
from napari_matae.edit import prompt_reader
from napari_matae.edit.preview import Preview
from napari_matae.edit.prompting import HINTS, Prompting
from napari_matae.edit.structure_choice import StructureChoice
from napari_matae.session.session import Session

from ..conftest import disc, make_cine, proposals

POINTS = ((12.0, 40.0), (48.0, 30.0), (48.0, 50.0))


class _Found:
    """Stands for a model: outlines the same disc, shifted by a pixel a click, as sure as it is told to be."""

    card = SimpleNamespace(name="stands in")

    def __init__(self) -> None:
        self.asked: list[tuple[int, object, int]] = []
        self.looked: list[int] = []
        self.sure: dict[int, float] = {}
        self.fails: Exception | None = None

    def look(self, cine, sector, frame) -> None:
        self.looked.append(frame)

    def outline(self, cine, sector, frame, prompts, label=1, mask=None) -> Outlined:  # noqa: PLR0917 - as the real one
        if self.fails is not None:
            raise self.fails
        self.asked.append((frame, prompts, label))
        mask = disc(cine.shape, (30, 40), 15 + len(prompts.positive) - len(prompts.negative))
        return Outlined(mask * np.uint8(label), self.sure.get(frame, 0.95))


@pytest.fixture
def found(monkeypatch) -> _Found:
    stands_in = _Found()
    reader = prompt_reader.PromptReader
    monkeypatch.setattr(reader, "prompter", lambda self, model, width: (stands_in, ""))
    return stands_in


@pytest.fixture
def session(qtbot):
    session = Session(ViewerModel())
    yield session
    session.close()


@pytest.fixture
def tool(session, qtbot):
    structures = StructureChoice(session)
    made = Prompting(session, structures)
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
    tool.through(Preview(session))
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
    assert "expected Dice 0.95" in tool.heard[-1]
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
    tool.click(POINTS[0])
    assert tool.heard[-1] == HINTS[1]


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


def test_put_down_it_leaves_no_clicks_behind(tool, session, found, qtbot):
    taken(tool, session)
    tool.click(POINTS[0])
    tool.show(on=False)
    assert not [layer for layer in session.viewer.layers if layer.name == "Clicks"]


def test_without_a_mask_nothing_is_taken_through_the_beat(tool, session, found, qtbot):
    taken(tool, session)
    tool.through(Preview(session))
    assert tool.heard[-1] == "There is no mask on this frame to take through the beat."


def test_through_the_beat_it_stops_where_it_is_not_sure_and_before_a_corrected_frame(tool, session, found, qtbot):
    cine, current = taken(tool, session, 9)
    proposals(cine, session)
    session.masks.change("drawn", {4: disc(cine.shape, (30, 40), 15), 1: disc(cine.shape, (30, 40), 3)})
    session.seek(4)
    found.sure[7] = 0.4
    preview = Preview(session)
    tool.through(preview)
    qtbot.waitUntil(lambda: not preview.is_running)
    assert preview.offered == [2, 3, 5, 6]
    assert "Not taken to frame 8 and beyond: 0.40." in preview.words
    assert "Confidence 0." in preview.words
    preview.apply()
    assert [t for t in range(9) if current.is_manual(t)] == [1, 2, 3, 4, 5, 6]
    end_owned(preview)


def test_where_every_neighbour_is_corrected_there_is_nothing_to_do(tool, session, found, qtbot):
    cine, _ = taken(tool, session, 2)
    session.masks.change("drawn", {t: disc(cine.shape, (30, 40), 15) for t in range(2)})
    tool.through(Preview(session))
    assert tool.heard[-1] == "The frames beside this one are corrected already: nothing to outline."


def test_the_reader_takes_the_packaged_head_for_a_model_that_is_gone(tiny_model):
    reader = prompt_reader.PromptReader()
    prompter, notice = reader.prompter("was removed", "1/8")
    assert isinstance(prompter, Prompter)
    assert (prompter.card.name, notice) == ("matae-apical", "")
    again, silent = reader.prompter("was removed", "1/8")
    assert again is prompter
    assert silent == ""
    other, said = reader.prompter("tiny", "auto")
    assert other.card.name == "matae-apical"
    assert said == "tiny has no prompt head of its own: clicks are read with matae-apical."

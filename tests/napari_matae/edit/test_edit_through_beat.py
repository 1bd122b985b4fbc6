"""An outline through the beat: nothing without a mask; it stops where it is not sure and before a corrected frame."""

from __future__ import annotations

import pytest

from matae.store import FrameStatus
from napari_matae.background.connections import end_owned
from napari_matae.edit.preview import Preview
from napari_matae.edit.prompt_reader import PromptReader
from napari_matae.edit.structure_choice import StructureChoice
from napari_matae.edit.through_beat import ThroughBeat

from ..conftest import disc, make_cine, proposals


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def tool(session, heard, qtbot):
    structures = StructureChoice(session)
    yield ThroughBeat(session, structures, PromptReader(), heard.append)
    end_owned(structures)


def opened(session, n_frames: int = 6):
    cine = make_cine(n_frames)
    current = session.open(cine)
    session.masks.ensure_labels()
    return cine, current


def test_without_a_clip_nothing_is_offered(tool, session, found, heard):
    tool.offer(Preview(session))
    assert found.asked == []
    assert heard == []


def test_without_a_mask_nothing_is_taken_through_the_beat(tool, session, found, heard, qtbot):
    opened(session)
    tool.offer(Preview(session))
    assert heard[-1] == "There is no mask on this frame to take through the beat."


def test_it_stops_where_it_is_not_sure_and_before_a_corrected_frame(tool, session, found, heard, qtbot):
    cine, current = opened(session, 9)
    proposals(cine, session)
    session.masks.change("drawn", {4: disc(cine.shape, (30, 40), 15), 1: disc(cine.shape, (30, 40), 3)})
    session.seek(4)
    found.sure[7] = 0.4
    preview = Preview(session)
    tool.offer(preview)
    qtbot.waitUntil(lambda: not preview.is_running)
    assert preview.offered == [2, 3, 5, 6]
    assert "Not taken to frame 8 and beyond: 0.40." in preview.words
    assert "Confidence 0." in preview.words
    preview.apply()
    assert [t for t in range(9) if current.is_manual(t)] == [1, 2, 3, 4, 5, 6]
    end_owned(preview)


def test_where_every_neighbour_is_corrected_there_is_nothing_to_do(tool, session, found, heard, qtbot):
    cine, _ = opened(session, 2)
    session.masks.change("drawn", {t: disc(cine.shape, (30, 40), 15) for t in range(2)})
    tool.offer(Preview(session))
    assert heard[-1] == "The frames beside this one are corrected already: nothing to outline."


def test_the_frame_that_it_began_with_is_accepted_with_the_others(tool, session, found, heard, qtbot):
    cine, current = opened(session, 3)
    proposals(cine, session)
    session.masks.change("drawn", {1: disc(cine.shape, (30, 40), 15)})
    session.seek(1)
    preview = Preview(session)
    tool.offer(preview)
    qtbot.waitUntil(lambda: not preview.is_running)
    preview.apply(accept=True)
    assert current.with_status(FrameStatus.ACCEPTED) == [0, 1, 2]
    end_owned(preview)

"""What is drawn becomes a step when nobody draws for a moment, or when the dock goes."""

from __future__ import annotations

import pytest

from napari_matae.background.connections import end_owned
from napari_matae.edit.stroke_recorder import StrokeRecorder


@pytest.fixture
def steps(qapp, session):
    heard: list[list[int]] = []
    session.stepped.connect(lambda step: heard.append(step.frames))
    recorder = StrokeRecorder(session)
    yield heard, recorder
    end_owned(recorder)


def test_nothing_drawn_is_no_step(steps, session, cine):
    heard, recorder = steps
    session.open(cine)
    session.masks.ensure_labels()
    end_owned(recorder)
    assert heard == []


def test_dabs_in_quick_succession_are_one_step(steps, session, cine, qtbot):
    heard, _ = steps
    session.open(cine)
    session.masks.ensure_labels()
    for column in (20, 24, 28):
        session.current.labels.paint((0, 40, column), 1)
    qtbot.waitUntil(lambda: bool(heard), timeout=10_000)
    assert heard == [[0]]


def test_a_stroke_under_way_waits_for_its_end(steps, session, cine, qtbot):
    heard, recorder = steps
    session.open(cine)
    session.masks.ensure_labels()
    session.paint.stroking = True
    session.current.labels.paint((0, 40, 20), 1)
    with qtbot.waitSignal(recorder._timer.timeout, timeout=10_000):
        pass
    assert heard == []
    end_owned(recorder)  # the dock goes: what is drawn is recorded
    assert heard == [[0]]
    assert not session.paint.stroking
    assert session.current.labels.mouse_drag_callbacks == []

"""A drag becomes masks while it lasts and one step when it ends; only its last position counts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from matae.edit import EditError
from napari_matae.background.connections import end_owned
from napari_matae.edit.dragging import Dragging

from ..conftest import disc


@pytest.fixture
def drag(qapp, session, cine):
    """Return what drags over the labels layer from place to place, the steps that came of it, and the dragging."""
    session.open(cine)
    session.masks.ensure_labels()
    steps: list[list[int]] = []
    session.stepped.connect(lambda step: steps.append(step.frames))

    def begin(_: np.ndarray):
        return lambda place: disc(cine.shape, tuple(place), 6)

    dragging = Dragging(session, begin)
    labels = session.current.labels
    dragging.follow(labels)

    def do(*places: tuple[float, float], button: int = 1) -> None:
        where = [labels.data_to_world((session.frame, *place)) for place in places]
        event = SimpleNamespace(button=button, type="mouse_press", position=where[0])
        for callback in list(labels.mouse_drag_callbacks):
            moving = callback(labels, event)
            next(moving, None)
            for position in where[1:]:
                event.type, event.position = "mouse_move", position
                next(moving, None)
            event.type = "mouse_release"
            next(moving, None)

    yield do, steps, dragging
    end_owned(dragging)


def test_a_tool_that_is_not_active_lets_drags_be(drag, session):
    do, steps, dragging = drag
    do((20, 20), (30, 30))
    dragging.active = True
    do((20, 20), (30, 30), button=2)
    assert steps == []
    assert not session.paint.stroking


def test_the_last_place_counts_and_is_one_step(drag, session, cine):
    do, steps, dragging = drag
    dragging.active, ended = True, []
    dragging.ended.connect(ended.append)
    do((20, 20), (25, 25), (30, 40))
    np.testing.assert_array_equal(session.current.mask(0), disc(cine.shape, (30, 40), 6))
    assert steps == [[0]]
    assert ended == [0]
    assert not session.paint.stroking


def test_a_beginning_that_holds_nothing_and_a_place_that_is_no_mask_change_nothing(drag, session):
    do, steps, dragging = drag
    dragging.active = True
    dragging._begin = lambda _: None
    do((20, 20), (30, 30))

    def refuses(_: np.ndarray) -> np.ndarray:
        raise EditError("That is no mask; drag it elsewhere.")

    dragging._begin = lambda _: refuses
    do((20, 20), (30, 30))
    assert steps == []
    assert not session.paint.stroking


def test_at_its_end_the_layer_is_as_it_was(drag, session):
    do, steps, dragging = drag
    dragging.active = True
    end_owned(dragging)
    assert session.current.labels.mouse_drag_callbacks == []
    do((20, 20), (30, 30))
    assert steps == []

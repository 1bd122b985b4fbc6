"""What a person draws in the labels layer is noticed, whatever they draw it with."""

from __future__ import annotations

import numpy as np

from ..conftest import result


def test_drawing_changes_the_area(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 0))
    changes = []
    session.area_changed.connect(lambda: changes.append(1))
    before = session.current.area_px[0]
    session.current.labels.paint((0, 55, 10), 1)
    assert session.current.area_px[0] > before
    assert changes
    session.current.labels.undo()
    assert session.current.area_px[0] == before


def test_a_frame_being_drawn_in_is_not_overwritten(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.seek(5)
    session.current.labels.paint((5, 40, 40), 1)
    drawn = session.current.labels.data[5].copy()
    assert not session.masks.receive(result(cine, 5))
    np.testing.assert_array_equal(session.current.labels.data[5], drawn)


def test_a_frame_erased_to_nothing_is_an_edit_too(session, cine):
    session.open(cine)
    session.masks.begin_run()
    session.masks.receive(result(cine, 2))
    session.current.labels.data[2] = 0
    session.masks.begin_run()
    assert not session.masks.receive(result(cine, 2))
    assert not session.current.labels.data[2].any()

"""Masks that are offered change nothing until they are applied, and then never a person's."""

from __future__ import annotations

import numpy as np
import pytest

from matae.store.types import FrameStatus
from napari_matae.background.connections import end_owned
from napari_matae.edit.preview import Preview

from ..conftest import disc, make_cine, proposals


@pytest.fixture
def preview(qapp, session):
    made = Preview(session)
    yield made
    end_owned(made)


def offered(cine, frames):
    return lambda: iter([(t, disc(cine.shape, (20, 20), 5)) for t in frames])


def test_without_a_cine_nothing_is_offered(preview, cine):
    preview.start("Interpolation", 1, offered(cine, [0]))
    preview.apply()
    preview.discard()
    assert not preview.is_open
    assert preview.words == ""


def test_work_that_fails_says_so_and_leaves_nothing(preview, session, cine, qtbot):
    session.open(cine)
    said: list[str] = []
    preview.said.connect(said.append)

    def breaks():
        yield 3, disc(cine.shape, (20, 20), 5)
        raise RuntimeError("no memory for it")

    with qtbot.waitSignal(preview.said, check_params_cb=lambda text: "no memory" in text, timeout=10_000):
        preview.start("Propagation", 2, breaks)
    assert not preview.is_open
    assert preview.offered == []


def test_what_is_applied_is_one_step_and_leaves_a_persons_frame(preview, session, cine, qtbot):
    session.open(cine)
    proposals(cine, session)
    session.masks.judge("accepted", [4], FrameStatus.ACCEPTED)
    before = session.current.mask(4).copy()
    steps: list[list[int]] = []
    session.stepped.connect(lambda step: steps.append(step.frames))
    with qtbot.waitSignal(preview.finished, timeout=10_000):
        preview.start("Interpolation", 3, offered(cine, [3, 4, 5]))
    assert preview.offered == [3, 4, 5]
    assert steps == []
    preview.apply()
    assert steps == [[3, 5]]
    np.testing.assert_array_equal(session.current.mask(4), before)
    assert not preview.is_open


def test_another_cine_and_the_end_throw_it_away(preview, session, cine, qtbot):
    session.open(cine)
    with qtbot.waitSignal(preview.finished, timeout=10_000):
        preview.start("Interpolation", 1, offered(cine, [3]))
    session.open(make_cine(5, seed=2))
    assert not preview.is_open
    with qtbot.waitSignal(preview.finished, timeout=10_000):
        preview.start("Interpolation", 1, offered(session.current.cine, [3]))
    end_owned(preview)
    assert not preview.is_open
    assert not any(layer.name.startswith("Preview") for layer in session.viewer.layers)

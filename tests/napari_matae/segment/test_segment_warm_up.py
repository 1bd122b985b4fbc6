"""The model is made ready in the background: after the picture, once, without a word if it cannot be."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel

from matae.segment import SegmentOptions
from matae.segment.kept import kept_segmenter
from napari_matae.background.connections import end_owned
from napari_matae.segment import warm_up
from napari_matae.segment.events import make_ready
from napari_matae.session.session import Session

pytestmark = pytest.mark.gui


def test_a_model_that_cannot_be_loaded_is_no_error_here(own_home, monkeypatch):
    monkeypatch.setattr("matae.models.current_model", lambda: "nobody")
    monkeypatch.setattr("matae.models.registry._BUNDLED", own_home)
    make_ready()


def test_it_waits_for_the_picture_and_happens_once(qtbot, cine, monkeypatch):
    made = []
    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setattr(warm_up, "make_ready", lambda: made.append(session.current is not None))
    session = Session(ViewerModel())
    warming = warm_up.WarmUp(session)
    session.open(cine)
    qtbot.waitUntil(lambda: made == [True])
    session.open(cine)
    assert not warming._timer.isActive()
    end_owned(warming)


def test_what_was_made_ready_is_what_runs(tiny_model, monkeypatch):
    monkeypatch.setattr("matae.models.current_model", lambda: "tiny")
    options = SegmentOptions("tiny")
    with kept_segmenter(options) as before:
        pass
    make_ready()
    with kept_segmenter(options, 50.0) as run:
        assert run.card.name == "tiny"
        assert before is not None

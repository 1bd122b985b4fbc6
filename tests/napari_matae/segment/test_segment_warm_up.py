"""The model is made ready in the background: after the picture, once, without a word if it cannot be."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from matae.cine import Cine
from matae.models import DEFAULT_MODEL
from matae.segment import FrameMask, SegmentOptions, find_sector
from matae.segment.kept import kept_segmenter
from matae.store.types import OverrideName
from napari_matae.background.connections import end_owned
from napari_matae.background.events import Notice
from napari_matae.segment import warm_up
from napari_matae.segment.events import look_at, make_ready, segment_events
from napari_matae.session.session import Session

from ..conftest import make_cine

pytestmark = pytest.mark.gui


def test_a_model_that_cannot_be_loaded_is_no_error_here(own_home, monkeypatch):
    monkeypatch.setattr("matae.models.current_model", lambda: "nobody")
    monkeypatch.setattr("matae.models.registry._BUNDLED", own_home)
    make_ready()


def test_it_waits_for_the_picture_and_looks_at_each_clip_once_its_sector_is_known(
    qtbot, cine, monkeypatch, opens_with_a_sector
):
    made, looked = [], []
    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setattr(warm_up, "make_curve_ready", lambda: None)
    monkeypatch.setattr(warm_up, "measure_the_rest", lambda: None)
    monkeypatch.setattr(warm_up, "make_ready", lambda: made.append(session.current is not None))
    again = []
    monkeypatch.setattr(warm_up, "look_at", lambda clip, sector: looked.append((clip, sector)))
    monkeypatch.setattr(warm_up, "look_again", lambda clip, sector: (again.append(1), looked.append((clip, sector))))
    session = Session(ViewerModel(), finds_sectors=False)
    warming = warm_up.WarmUp(session)
    opens_with_a_sector(session, cine)
    qtbot.waitUntil(lambda: made == [True] and not warming._timer.isActive())
    assert looked == []  # what the model would see is not known yet
    sector = find_sector(cine)
    session.sector.take(sector)
    qtbot.waitUntil(lambda: len(looked) == 1 and not warming._timer.isActive())
    assert looked[0][0] is cine
    session.overrides.apply(OverrideName.VIEW, "A4C")  # described anew: the same pixels, the same sector
    assert not warming._timer.isActive()
    for edge in (40.0, 45.0, 50.0):  # dragged: one look when it is over, not one for each outline
        session.overrides.apply(OverrideName.SECTOR, ((5.0, 5.0), (5.0, 70.0), (edge, 70.0), (edge, 5.0)))
        assert warming._timer.remainingTime() > 10 * warm_up._SHOWN_MS
    qtbot.waitUntil(lambda: len(looked) == 2 and not warming._timer.isActive())
    assert looked[1][1] is session.current.sector
    assert again == [1]  # which gives way to the frame that follows the next outline
    session.open(other := make_cine(seed=5), find_sector(cine))
    assert warming._timer.remainingTime() < 2 * warm_up._SHOWN_MS  # a coarse timer may run a twentieth longer
    qtbot.waitUntil(lambda: len(looked) == 3)
    assert looked[2][0] is other
    assert again == [1]
    assert made == [True]
    end_owned(warming)


def test_what_no_mask_waits_for_comes_last_and_no_speed_is_measured_beside_a_run(qtbot, cine, monkeypatch):
    did: list[str] = []
    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setattr(warm_up, "make_ready", lambda: did.append("model"))
    monkeypatch.setattr(warm_up, "look_at", lambda *_: did.append("look"))
    monkeypatch.setattr(warm_up, "make_curve_ready", lambda: did.append("curve"))
    monkeypatch.setattr(warm_up, "measure_the_rest", lambda: did.append("speeds"))
    session = Session(ViewerModel())
    warming = warm_up.WarmUp(session)
    session.open(cine)
    session.masks.begin_run()  # the click comes at once
    qtbot.waitUntil(lambda: len(did) == 3)
    qtbot.wait(2 * warm_up._BUSY_MS)
    assert did == ["model", "look", "curve"]
    session.masks.end_run()
    qtbot.waitUntil(lambda: len(did) == 4 and not warming._timer.isActive())
    session.open(make_cine(seed=5))
    qtbot.waitUntil(lambda: len(did) == 5 and not warming._timer.isActive())
    assert did == ["model", "look", "curve", "speeds", "look"]
    end_owned(warming)


def test_what_was_looked_at_is_not_looked_at_again(monkeypatch):
    from matae.segment import out_of_distribution

    asked = []
    real = out_of_distribution._Asking
    monkeypatch.setattr(out_of_distribution, "_Asking", lambda *given: asked.append(given) or real(*given))
    monkeypatch.setattr("matae.models.current_model", lambda: DEFAULT_MODEL)
    noise = np.random.default_rng(3).integers(0, 256, (2, 90, 100), dtype=np.uint8)
    cine = Cine(noise, None, None, Path("noise.npy"))
    sector = find_sector(cine)
    look_at(cine, sector)
    options = SegmentOptions(DEFAULT_MODEL, width="1/8", device="cpu", backend="torch")
    events = list(segment_events(cine, sector, [0, 1], options))
    assert len(asked) == 1
    # No outline comes before the empty masks: none is seen to appear and vanish.
    masks = [event.mask for event in events if isinstance(event, FrameMask)]
    assert len(masks) == 2
    assert not np.array(masks).any()
    assert any("do not look like an echo" in event.text for event in events if isinstance(event, Notice))
    look_at(cine, replace(sector, apex_down=not sector.apex_down))  # another part of the picture, or another way up
    assert len(asked) == 2


def test_a_clip_whose_view_is_stated_is_looked_at_too(monkeypatch):
    from matae.segment import out_of_distribution

    asked = []
    real = out_of_distribution._Asking
    monkeypatch.setattr(out_of_distribution, "_Asking", lambda *given: asked.append(given) or real(*given))
    monkeypatch.setattr("matae.models.current_model", lambda: DEFAULT_MODEL)
    pictures = np.random.default_rng(4).integers(0, 256, (2, 90, 100), dtype=np.uint8)
    cine = Cine(pictures, None, None, Path("stated.npy"), view="A4C")
    look_at(cine, find_sector(cine))
    assert len(asked) == 1  # its numbers want the answer, though its outline does not


def test_what_was_made_ready_is_what_runs(tiny_model, monkeypatch):
    monkeypatch.setattr("matae.models.current_model", lambda: "tiny")
    options = SegmentOptions("tiny")
    with kept_segmenter(options) as before:
        pass
    make_ready()
    with kept_segmenter(options, 50.0) as run:
        assert run.card.name == "tiny"
        assert before is not None


_SCRIPT = """
import sys, threading, time
from pathlib import Path
from psygnal import Signal
from qtpy.QtCore import QCoreApplication
from napari_matae.segment import warm_up

class Session:
    opened, sector_changed, run_asked, run_began, run_ended = (Signal(object), *(Signal() for _ in range(4)))
    current = None

done, seconds = Path(sys.argv[1]), float(sys.argv[2])
warm_up.make_ready = lambda: (time.sleep(seconds), done.write_text("done"))
warm_up._PATIENCE_S = 5.0
application = QCoreApplication([])
warming = warm_up.WarmUp(Session())
warming._start()
assert warming._thread.is_alive()
"""


@pytest.mark.parametrize(("seconds", "is_done"), [(1.0, True), (600.0, False)])
def test_a_process_that_ends_meanwhile_waits_for_it_a_while(tmp_path, monkeypatch, seconds, is_done):
    monkeypatch.setenv("MATAE_MEASURE", "1")
    words = [sys.executable, "-c", _SCRIPT, str(tmp_path / "done"), str(seconds)]
    start = time.monotonic()
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "done").exists() == is_done
    assert time.monotonic() - start < 250

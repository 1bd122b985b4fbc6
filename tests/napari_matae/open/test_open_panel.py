"""Opening: what takes long is done where the file is read, and a second wish takes the first one's place."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from matae.segment import find_sector
from napari_matae.background.connections import end_owned
from napari_matae.open.panel import OpenPanel
from napari_matae.session.layers import image_of

from ..conftest import make_cine, opened

pytestmark = pytest.mark.gui


@pytest.fixture
def desk_and_panel(make_workspace, qtbot):
    workspace = make_workspace()
    panel = OpenPanel(workspace.session, workspace.link)
    qtbot.addWidget(panel, before_close_func=end_owned)
    return workspace, panel


@pytest.fixture
def where(monkeypatch):
    """Note the threads in which pixels are hashed and sectors are found."""
    import matae.cine
    import matae.segment.sector

    threads: dict[str, list[threading.Thread]] = {"hash": [], "sector": []}

    def noting(name, work):
        def noted(*arguments):
            threads[name].append(threading.current_thread())
            return work(*arguments)

        return noted

    monkeypatch.setattr("matae.cine.content_id", noting("hash", matae.cine.content_id))
    monkeypatch.setattr("matae.segment.find_sector", noting("sector", matae.segment.sector.find_sector))
    return threads


def test_the_gui_thread_neither_hashes_nor_looks_for_the_sector(desk_and_panel, qtbot, where):
    workspace, panel = desk_and_panel
    with qtbot.waitSignal(panel.finished, timeout=60_000):
        panel.read(lambda: make_cine(timed=False))
    qtbot.waitUntil(lambda: workspace.session.current.ready, timeout=60_000)
    assert workspace.session.current.sector is not None
    panel.rate_question.rate.setValue(40)
    panel.rate_question.button.click()
    workspace.session.overrides.apply("spacing", (0.3, 0.3))
    workspace.session.sector.find()
    assert len(where["hash"]) == len(where["sector"]) == 1
    assert threading.main_thread() not in {*where["hash"], *where["sector"]}


def test_the_sector_of_a_layer_that_napari_made_comes_a_little_later(make_workspace, qtbot, where):
    workspace = make_workspace()
    cine = make_cine()
    workspace.session.viewer.add_layer(image_of(cine))
    assert workspace.session.current.sector is None
    qtbot.waitUntil(lambda: workspace.session.current.sector_layer is not None, timeout=60_000)
    np.testing.assert_allclose(workspace.session.current.sector.polygon, find_sector(cine).polygon)
    assert threading.main_thread() not in where["sector"]


def test_a_flip_while_the_sector_is_looked_for_stands(make_workspace, qtbot):
    workspace = make_workspace(None)
    workspace.session.viewer.add_layer(image_of(make_cine()))
    workspace.session.sector.flip(apex_down=True)
    qtbot.waitUntil(lambda: workspace.session.current.sector is not None, timeout=60_000)
    assert workspace.session.current.sector.apex_down


def test_a_picture_in_which_no_sector_is_found_is_used_whole(make_workspace, qtbot, monkeypatch):
    def fail(_):
        raise ValueError("no such fan")

    monkeypatch.setattr("matae.segment.find_sector", fail)
    workspace = make_workspace(None)
    said = []
    workspace.said.connect(said.append)
    workspace.session.viewer.add_layer(image_of(make_cine()))
    qtbot.waitUntil(lambda: workspace.session.current.sector is not None, timeout=60_000)
    assert workspace.session.current.sector.source == "whole"
    assert "the whole picture is used" in said[-1]


def test_a_second_open_takes_the_place_of_the_first(desk_and_panel, qtbot):
    workspace, panel = desk_and_panel
    go = threading.Event()

    def slow():
        go.wait(300)
        return make_cine(seed=1)

    with qtbot.waitSignal(panel.finished, timeout=60_000) as ended:
        panel.read(slow, "slow.dcm")
        assert panel.is_reading
        assert panel.file_button.isEnabled()
        panel.read(lambda: make_cine(seed=2), "quick.dcm")
        assert panel.status.text() == "Reading quick.dcm instead of slow.dcm…"
    assert ended.args == [True]
    assert workspace.session.current.cine.source == Path("clip-2.avi")
    go.set()
    qtbot.wait(100)
    assert workspace.session.current.cine.source == Path("clip-2.avi")  # the first one comes late, and is not heard


def test_a_rate_given_by_hand_comes_back_and_can_be_taken_back(desk_and_panel, qtbot):
    workspace, panel = desk_and_panel
    opened(qtbot, workspace, make_cine(timed=False))
    question = panel.rate_question
    assert question.forget_button.isHidden()
    question.rate.setValue(40)
    question.button.click()
    assert "by hand: 40.00 Hz" in question.text.text()
    opened(qtbot, workspace, make_cine(seed=1))
    assert question.isHidden()
    opened(qtbot, workspace, make_cine(timed=False))
    assert workspace.session.current.cine.frame_rate == pytest.approx(40)
    question.forget_button.click()
    assert workspace.session.current.cine.frame_rate is None
    assert not question.isHidden()


def test_the_dialogs_begin_in_the_folder_that_was_used_last(desk_and_panel, qtbot, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    began: list[str] = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: (began.append(given[2]), ("", ""))[1])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *given: (began.append(given[2]), "")[1])
    _, panel = desk_and_panel
    monkeypatch.setattr("napari.utils.notifications.show_error", lambda _: None)
    panel.ask_file()
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "broken.dcm").write_bytes(b"nothing")
    for path in (clips / "broken.dcm", clips):  # a file that does not open is chosen again from where it lies
        with qtbot.waitSignal(panel.finished):
            panel.open(path)
        panel.ask_file()
        panel.ask_folder()
    (clips / "broken.dcm").unlink()
    clips.rmdir()
    panel.ask_file()
    assert began == ["", *[str(clips)] * 4, ""]

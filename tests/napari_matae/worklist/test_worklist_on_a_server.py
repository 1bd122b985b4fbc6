"""The worklist of a study on a server by mouse: added, segmented in the background, and open elsewhere.

The same window on a study in a file is in `test_worklist_window.py`; what a server does to a study, in
`tests/matae/store`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

sys.path.insert(0, str(Path(__file__).parents[2] / "matae" / "store"))

from store_server import Server

from matae.store import ClipStatus, Study
from napari_matae.dock import MataeDock

from .test_worklist_window import make_clips

pytestmark = [pytest.mark.gui, pytest.mark.slow]


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs the extra postgresql", exc_type=ImportError)
    pytest.importorskip("pwd", reason="PostgreSQL is started as another user, which Windows does otherwise")
    try:
        made = Server()
    except RuntimeError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_added_segmented_claimed_and_left_where_the_file_is_elsewhere(qtbot, tiny_model, server, tmp_path, monkeypatch):
    target = server.new_database()
    Study.create(target).close()
    monkeypatch.setenv("MATAE_STUDY", target)
    make_clips(tmp_path / "in", 2)
    dock = MataeDock(ViewerModel())
    qtbot.addWidget(dock)
    dock.show()
    qtbot.waitUntil(lambda: not dock.is_probing and bool(dock.workspace.link.connection.name))
    dock.segment_panel.model.setCurrentText("tiny")
    dock.show_worklist()
    window = dock.worklist
    qtbot.waitUntil(lambda: window.count.text() == "0 clips")
    window.runner.add([tmp_path / "in"])
    qtbot.waitUntil(lambda: window.model.rowCount() == 2)
    (tmp_path / "in" / "clip1.npy").rename(tmp_path / "elsewhere.npy")
    qtbot.waitUntil(window.queue_bar.start_button.isEnabled)
    qtbot.mouseClick(window.queue_bar.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.runner.is_running and "done" in window.words.text())
    assert "1 clip waits whose file is not on this computer" in window.words.text()
    qtbot.waitUntil(lambda: {row.status for row in window.model.rows} == {ClipStatus.SEGMENTED, ClipStatus.WAITING})
    place = next(n for n, row in enumerate(window.model.rows) if row.status is ClipStatus.SEGMENTED)
    content_id = window.model.rows[place].content_id
    with Study.open(target, rater="cleo") as other:
        other.claim(content_id)
        window.source.poll()
        qtbot.waitUntil(lambda: [claim.rater for claim in window.model.rows[place].claims] == ["cleo"])
        with qtbot.waitSignal(dock.session.restored):
            window._on_open(window.model.rows[place])
        qtbot.waitUntil(lambda: any(claim.own is False for row in other.worklist() for claim in row.claims))
    dock.close_down()

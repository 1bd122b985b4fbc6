"""Two viewers on one study."""

from __future__ import annotations

import numpy as np

from matae.store import FrameStatus

from ..conftest import make_cine, opened, paint, proposals, settled


def test_two_viewers_see_each_others_work(make_workspace, qtbot, cine):
    anna, ben = make_workspace(rater="anna"), make_workspace(rater="ben")
    opened(qtbot, anna, cine)
    proposals(cine, anna.session)
    settled(qtbot, anna)
    opened(qtbot, ben, make_cine())
    heard = []
    ben.said.connect(heard.append)
    paint(anna, 3)
    settled(qtbot, anna)
    ben.link.watcher.poll()
    qtbot.waitUntil(lambda: ben.session.current.status[3] is FrameStatus.EDITED, timeout=60_000)
    np.testing.assert_array_equal(ben.session.current.labels.data, anna.session.current.labels.data)
    assert heard[-1] == "1 frame changed in another window by anna."
    paint(ben, 3, (12, 40))  # on top of hers: no conflict
    settled(qtbot, ben)
    anna.link.watcher.poll()
    mine = ben.session.current.labels.data[3]
    qtbot.waitUntil(lambda: np.array_equal(anna.session.current.labels.data[3], mine), timeout=60_000)
    anna.session.seek(0)
    anna.undo_stack.undo()  # her stroke goes, his beside it stays, and the frame is still a person's
    assert not anna.session.current.labels.data[3, 50, 60]
    assert anna.session.current.labels.data[3, 12, 40]
    assert anna.session.current.status[3] is FrameStatus.EDITED
    settled(qtbot, anna)
    assert anna.link.connection.problem == ""


def test_what_one_viewer_takes_away_goes_from_the_other(make_workspace, qtbot, cine):
    anna, ben = make_workspace(rater="anna"), make_workspace(rater="ben")
    opened(qtbot, anna, cine)
    anna.session.masks.ensure_labels()
    paint(anna, 3)
    settled(qtbot, anna)
    opened(qtbot, ben, make_cine())
    assert ben.session.current.status == {3: FrameStatus.EDITED}
    anna.undo_stack.undo()
    settled(qtbot, anna)
    ben.link.watcher.poll()
    qtbot.waitUntil(lambda: not ben.session.current.status, timeout=60_000)
    assert not ben.session.current.labels.data.any()

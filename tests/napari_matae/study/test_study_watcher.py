"""Two viewers on one study."""

from __future__ import annotations

import numpy as np
import pytest

from matae.store import Edit, FrameStatus, Study

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


@pytest.mark.parametrize("stored_first", [True, False])
def test_a_look_that_crosses_an_own_proposal_does_not_take_it_back(make_workspace, qtbot, cine, stored_first):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    settled(qtbot, workspace)
    current, link = workspace.session.current, workspace.link
    theirs = np.ones(cine.shape, np.uint8)
    with Study.open(link.connection.target, rater="ben") as other:
        other.put_proposals(cine.content_id, {2: theirs}, model="m", width="1")
        other.put_edits(cine.content_id, [Edit(4, theirs, 1)])
        link.watcher.stop()  # by itself
        link.watcher.poll()
        proposals(cine, workspace.session, [2, 4], centre=(40.0, 50.0))
        mine = current.mask(2).copy()
        link.proposals.save()
        while stored_first and link.sync_state.revisions[2] < 3:
            pass  # both are done in the study's thread before this one hears of either
    settled(qtbot, workspace)
    link.watcher.poll()
    qtbot.waitUntil(lambda: current.status[4] is FrameStatus.EDITED, timeout=60_000)  # a person's counts
    np.testing.assert_array_equal(current.mask(4), theirs)
    np.testing.assert_array_equal(current.mask(2), mine)
    assert link.sync_state.revisions[2] == 3

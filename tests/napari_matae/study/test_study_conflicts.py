"""Two people on one frame: both versions are kept, and a person decides."""

from __future__ import annotations

import numpy as np
import pytest

from matae.store import Study

from ..conftest import disc, make_cine, opened, paint, proposals, settled


@pytest.mark.parametrize("mine_wins", [True, False])
def test_two_strokes_on_one_frame_are_a_question_and_both_are_kept(make_workspace, qtbot, tmp_path, cine, mine_wins):
    anna, ben = make_workspace(rater="anna"), make_workspace(rater="ben")
    opened(qtbot, anna, cine)
    proposals(cine, anna.session)
    settled(qtbot, anna)
    opened(qtbot, ben, make_cine())
    for workspace in (anna, ben):
        workspace.link.watcher.stop()  # neither sees the other in time
    paint(anna, 3, (12, 20))
    settled(qtbot, anna)
    hers = anna.session.current.labels.data[3].copy()
    with qtbot.waitSignal(ben.link.conflicted, timeout=60_000) as asked:
        paint(ben, 3, (50, 60))
    conflict = asked.args[0]
    his = ben.session.current.labels.data[3].copy()
    assert conflict.frame == 3
    assert conflict.theirs.rater == "anna"
    np.testing.assert_array_equal(conflict.mine, his)
    np.testing.assert_array_equal(conflict.their_mask, hers)
    settled(qtbot, ben)
    with Study.open(tmp_path / "study.sqlite") as study:
        np.testing.assert_array_equal(study.mask(cine.content_id, 3), hers)  # never overwritten in silence
        refused = [r for r in study.history(cine.content_id, 3) if r.kind == "conflict"]
        np.testing.assert_array_equal(refused[0].mask(), his)
    (ben.link.conflicts.keep_mine if mine_wins else ben.link.conflicts.take_theirs)(conflict)
    settled(qtbot, ben)
    kept = his if mine_wins else hers
    np.testing.assert_array_equal(ben.session.current.labels.data[3], kept)
    with Study.open(tmp_path / "study.sqlite") as study:
        np.testing.assert_array_equal(study.mask(cine.content_id, 3), kept)
        assert study.check() == []
    paint(ben, 3, (5, 5))  # and work goes on
    settled(qtbot, ben)
    assert ben.link.connection.problem == ""


def test_one_late_frame_does_not_hold_up_the_others_of_a_bulk_deed(make_workspace, qtbot, tmp_path, cine):
    anna, ben = make_workspace(rater="anna"), make_workspace(rater="ben")
    opened(qtbot, anna, cine)
    proposals(cine, anna.session)
    settled(qtbot, anna)
    opened(qtbot, ben, make_cine())
    for workspace in (anna, ben):
        workspace.link.watcher.stop()
    paint(anna, 3, (12, 20))
    settled(qtbot, anna)
    with qtbot.waitSignal(ben.link.conflicted, timeout=60_000) as asked:
        ben.session.masks.change("interpolation", {t: disc(cine.shape, (20, 20), 6) for t in (2, 3, 4)})
    assert asked.args[0].frame == 3
    settled(qtbot, ben)
    with Study.open(tmp_path / "study.sqlite") as study:
        infos = study.frames(cine.content_id)
        assert [infos[t].rater for t in (2, 3, 4)] == ["ben", "anna", "ben"]

"""Flags in the study, and going on to the next cine that waits for a person."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own abbreviation

from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study
from matae.store.types import Flag

from ..conftest import make_cine, opened, proposals, settled


def written(path, seed):
    """Write a small cine as a file of its own and return it as read back."""
    image = sitk.GetImageFromArray(make_cine(8, seed=seed).frames)
    image.SetSpacing((0.5, 0.5, 20.0))
    sitk.WriteImage(image, str(path))
    return open_cine(path)


def test_without_a_study_the_last_frame_says_so_and_no_more(make_workspace, cine):
    workspace = make_workspace(None)
    workspace.next_cine.go()
    workspace.session.open(cine)
    proposals(cine, workspace.session)
    heard = []
    workspace.said.connect(heard.append)
    workspace.session.masks.judge("accepted", range(12), FrameStatus.ACCEPTED)
    workspace.actions.next()
    assert heard[-1] == "Every frame is reviewed."


def test_flags_are_stored_once_the_masks_are_left_alone(make_workspace, qtbot, tmp_path, cine):
    workspace = make_workspace()
    opened(qtbot, workspace, cine)
    proposals(cine, workspace.session)
    assert workspace.flag_keeper._timer.isActive()  # not at every tick: once, when it is calm
    workspace.flag_keeper.save()
    settled(qtbot, workspace)
    workspace.link.flush()  # where a person is goes in too, before the count of changes is read
    with Study.open(tmp_path / "study.sqlite") as study:
        stored = study.flags(cine.content_id)
        assert stored == workspace.actions.flags
        assert stored[workspace.phase_finder.phases.es].reason.startswith("end-systole")
        sequence = study.sequence
    workspace.flag_keeper.save()
    workspace.link.connection.requests.flush()
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.sequence == sequence  # nothing new: nothing written
    broken = np.zeros(cine.shape, np.uint8)
    workspace.session.masks.change("drawing", {9: broken})
    workspace.close_down()  # and what was changed last is not forgotten
    workspace.session.viewer = None
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.flags(cine.content_id)[9].reason == "flagged: the mask is empty"
        assert study.flags(cine.content_id)[9].score >= 1


@pytest.fixture
def two_cines(make_workspace, qtbot, tmp_path):
    """A workspace at the second of two cines of its study, every frame of it accepted."""
    workspace = make_workspace()
    for name, seed in (("one.mha", 1), ("two.mha", 2)):
        cine = written(tmp_path / name, seed)
        opened(qtbot, workspace, cine)
        proposals(cine, workspace.session)
    workspace.session.masks.judge("accepted", range(8), FrameStatus.ACCEPTED)
    settled(qtbot, workspace)
    return workspace


def test_next_goes_on_to_another_cine_at_its_flagged_frame(two_cines, qtbot):
    workspace = two_cines
    workspace.next_cine.wanted.connect(lambda waiting: workspace.session.open(waiting.open()))
    heard = []
    workspace.said.connect(heard.append)
    with qtbot.waitSignal(workspace.next_cine.arrived, timeout=8_000):
        workspace.actions.next()
    assert workspace.session.current.cine.source.name == "one.mha"
    assert workspace.session.frame == min(workspace.actions.flagged)
    assert heard[0] == "Every frame here is reviewed. Opening one.mha…"
    assert heard[-1] == f"one.mha, frame {workspace.session.frame + 1}: not reviewed yet."
    workspace.session.masks.judge("accepted", range(8), FrameStatus.ACCEPTED)
    settled(qtbot, workspace)
    workspace.actions.next(backward=True)
    qtbot.waitUntil(lambda: heard[-1] == "Every frame of the study that has a mask is reviewed.", timeout=8_000)


def test_judging_the_last_frame_does_not_leave_the_cine(two_cines):
    heard = []
    two_cines.said.connect(heard.append)
    workspace, current = two_cines, two_cines.session.current
    workspace.session.masks.judge("drawn", [3], FrameStatus.EDITED)
    workspace.session.seek(3)
    workspace.actions.next()
    assert heard[-1] == "Every other frame is reviewed; accept or reject this one."
    workspace.actions.accept()
    assert heard[-1] == "Every frame of this cine is reviewed; Next goes on to the next cine."
    assert workspace.session.current is current


def test_a_cine_whose_file_is_gone_is_named(two_cines, qtbot, tmp_path):
    workspace = two_cines
    (tmp_path / "one.mha").unlink()
    heard = []
    workspace.said.connect(heard.append)
    workspace.actions.next()
    qtbot.waitUntil(lambda: bool(heard), timeout=8_000)
    assert "one.mha, which is not where it was opened from" in heard[-1]
    assert workspace.session.current.cine.source.name == "two.mha"


def test_a_file_with_other_pixels_is_refused(two_cines, qtbot, tmp_path):
    from matae.errors import StoreError

    workspace = two_cines
    written(tmp_path / "one.mha", 7)
    with qtbot.waitSignal(workspace.next_cine.wanted, timeout=8_000) as asked:
        workspace.actions.next()
    with pytest.raises(StoreError, match="other pixels"):
        asked.args[0].open()


def test_without_a_study_there_is_no_next_frame_to_correct(make_workspace, cine):
    workspace = make_workspace(None)
    heard = []
    workspace.said.connect(heard.append)
    workspace.next_to_correct()
    assert heard == ["No study is open: the next frame to correct is chosen among the clips of one."]


def test_clips_of_unknown_patient_are_not_corrected_for_training(two_cines, qtbot):
    two_cines.flag_keeper.save()
    heard = []
    two_cines.said.connect(heard.append)
    two_cines.next_to_correct()
    qtbot.waitUntil(lambda: bool(heard), timeout=8_000)
    assert heard[-1].startswith("No flagged frame of a training patient waits")


def test_the_next_frame_to_correct_is_opened_with_its_reasons_and_no_stroke_is_lost(two_cines, qtbot, tmp_path):
    workspace = two_cines
    two = workspace.session.current.cine.content_id
    with Study.open(tmp_path / "study.sqlite") as study:
        (one,) = {row.content_id for row in study.cines()} - {two}
        study.set_subject(one, "p1")
        study.set_subject(two, "p2")
    workspace.next_cine.wanted.connect(lambda waiting: workspace.session.open(waiting.open()))
    heard = []
    workspace.said.connect(heard.append)
    workspace.session.seek(5)
    workspace.session.current.labels.paint((5, 20, 20), 1)  # as the brush does, not recorded yet
    with qtbot.waitSignal(workspace.next_cine.arrived, timeout=8_000):
        workspace.next_to_correct()
    assert workspace.session.current.cine.content_id == one
    flags = workspace.actions.flags
    assert flags[workspace.session.frame].reason.startswith(("end-diastole", "end-systole"))
    assert "no frame of this patient yet" in heard[-1]
    assert heard[-1].startswith(f"one.mha, frame {workspace.session.frame + 1}: ")
    # Again: the frame on screen is left out, the other end of the beat is next, in the same clip.
    before = workspace.session.frame
    with qtbot.waitSignal(workspace.next_cine.arrived, timeout=8_000):
        workspace.next_to_correct()
    assert workspace.session.frame in set(flags) - {before}
    workspace.link.flush()
    with Study.open(tmp_path / "study.sqlite") as study:
        assert study.mask(two, 5)[20, 20] == 1


def test_the_key_goes_through_all_frames_to_correct_and_begins_anew(two_cines, qtbot, tmp_path):
    workspace = two_cines
    with Study.open(tmp_path / "study.sqlite") as study:
        (one,) = [row.content_id for row in study.cines() if row.stem == "one"]
        study.set_subject(one, "p1")
        study.set_flags(one, {t: Flag(0.5, "flagged: the mask is empty") for t in (1, 3, 4, 6)})
        wait = {frame.key for frame in study.frames_to_correct()}
    assert wait == {(one, t) for t in (1, 3, 4, 6)}
    seen = []
    for _ in range(5):
        with qtbot.waitSignal(workspace.next_cine.wanted, timeout=8_000) as asked:
            workspace.next_to_correct()
        seen.append((asked.args[0].content_id, asked.args[0].frame))
    assert set(seen[:4]) == wait  # nothing was corrected, and no frame comes twice
    assert seen[4] == seen[0]
    heard = []
    workspace.said.connect(heard.append)
    workspace.session.open(asked.args[0].open())
    qtbot.waitUntil(lambda: bool(heard) and "this is the first again" in heard[-1], timeout=8_000)


def test_the_key_stays_on_the_only_frame_that_waits(two_cines, qtbot, tmp_path):
    workspace = two_cines
    with Study.open(tmp_path / "study.sqlite") as study:
        (one,) = [row.content_id for row in study.cines() if row.stem == "one"]
        study.set_subject(one, "p1")
        study.set_flags(one, {3: Flag(0.5, "flagged: the mask is empty")})
        known = {t: info.revision for t, info in study.frames(one).items() if t != 3}
        study.put_edits(one, [Edit(t, study.mask(one, t), known[t], FrameStatus.ACCEPTED) for t in known], note="done")
        assert [frame.key for frame in study.frames_to_correct()] == [(one, 3)]
    workspace.next_cine.wanted.connect(lambda waiting: workspace.session.open(waiting.open()))
    heard = []
    workspace.said.connect(heard.append)
    for again in (False, True, True):  # reached from another clip, then asked for on it
        with qtbot.waitSignal(workspace.next_cine.arrived, timeout=8_000):
            workspace.next_to_correct()
        assert (workspace.session.current.cine.content_id, workspace.session.frame) == (one, 3)
        assert heard[-1].startswith("one.mha, frame 4: ")
        assert heard[-1].endswith("; no other one waits for a correction.") is again


def test_a_preview_is_not_thrown_away_by_going_elsewhere(two_cines, qtbot):
    workspace = two_cines
    mask = np.ones(workspace.session.current.cine.shape, np.uint8)
    with qtbot.waitSignal(workspace.preview.finished, timeout=8_000):
        workspace.preview.start("Interpolation", 1, lambda: iter([(3, mask)]))
    heard = []
    workspace.said.connect(heard.append)
    workspace.next_to_correct()
    assert heard == ["Apply or discard what is previewed first; it would be lost with this clip."]
    assert workspace.preview.is_open

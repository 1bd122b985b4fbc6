"""What the Retrain section asks of a study, off the GUI thread: an empty one, and runs that left nothing."""

from __future__ import annotations

import numpy as np
import pytest

from matae.errors import MataeError
from matae.learn import RetrainOptions
from matae.learn.run_lock import claim
from matae.store import Edit, FrameStatus, Study
from napari_matae.learn.tasks import discard, go_on, look

from ..conftest import make_cine


@pytest.fixture
def target(tmp_path, own_home) -> str:
    Study.create(tmp_path / "study.sqlite", rater="anna").close()
    return str(tmp_path / "study.sqlite")


def test_an_empty_study_is_not_ready_and_says_what_to_do(target) -> None:
    found = look(target, RetrainOptions())
    assert not found.ready
    assert "correct or accept at least" in found.sentence
    assert found.runs == found.finished == ()


def test_frames_that_are_there_and_not_learnt_from_are_counted(target) -> None:
    with Study.open(target, rater="anna") as study:
        cine = make_cine(3)
        study.add_cine(cine, subject="P1")
        masks = [Edit(frame, np.ones(cine.shape, np.uint8), 0, FrameStatus.ACCEPTED) for frame in (0, 1)]
        study.put_edits(cine.content_id, masks)
        study.set_split("P1", "val")
    found = look(target, RetrainOptions())
    assert not found.ready
    assert "There are 0 corrected frames of training patients" in found.sentence
    assert found.sentence.endswith(
        "2 corrected frames are of held-out patients: they judge a model and are not learnt from."
    )


def test_choices_that_cannot_be_are_a_sentence(target) -> None:
    assert not look(target, RetrainOptions(kind="slow")).ready
    assert "no way to learn" in look(target, RetrainOptions(kind="slow")).sentence


def test_a_look_draws_no_sides(target) -> None:
    look(target, RetrainOptions())
    with Study.open(target) as study:
        assert study.splits() == {}


def test_three_earlier_retrainings_say_what_more_frames_should_bring(target, monkeypatch) -> None:
    from matae.learn.forecast import LearntFrom
    from matae.learn.gather import Corrections

    monkeypatch.setattr("matae.learn.plan.new_plan", lambda *_: None)
    monkeypatch.setattr("matae.learn.gather.current_corrections", lambda *_: Corrections(("", 0), ()))
    points = [LearntFrom(10, 0.85), LearntFrom(20, 0.88)]
    monkeypatch.setattr("matae.learn.forecast.earlier_points", lambda *_: points)
    assert "more corrected frames" not in look(target, RetrainOptions()).sentence
    points.append(LearntFrom(40, 0.90))
    assert "20 more corrected frames should bring the Dice of held-out patients from 0.900" in (
        look(target, RetrainOptions()).sentence
    )


def test_a_run_that_is_gone_cannot_go_on(target, tmp_path) -> None:
    with pytest.raises(MataeError):
        go_on(target, tmp_path / "gone", lambda: False)


def test_a_run_that_is_under_way_is_not_deleted(tmp_path, own_home) -> None:
    (tmp_path / "run").mkdir()
    with claim(tmp_path / "run"), pytest.raises(MataeError, match="under way"):
        discard(tmp_path / "run")
    assert (tmp_path / "run").is_dir()
    discard(tmp_path / "run")
    assert not (tmp_path / "run").exists()

"""Minutes saved: from the study's own timings, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from learn_makers import BASE, add_clip

from matae.learn import RetrainOptions
from matae.learn.comparison import judge
from matae.learn.gather import gather
from matae.learn.paired import compare
from matae.learn.time_saved import minutes_saved
from matae.learn.verdict import Side
from matae.store import Edit, FrameStatus, Study


def held_out(gain: float) -> Side:
    return Side("", ("val",), 2, 2, {"dice": compare("dice", [0.8, 0.8], [0.8 + gain] * 2, ["a", "b"])}, ())


def time_frames(study: Study, folder, seconds_per_dice: float, *, n: int = 9, who: str = "a") -> None:
    """Label frames whose proposals were off by 0.1, 0.2, ... Dice, in 20 s and so many more for what they were off."""
    cine, masks = add_clip(study, folder, who)
    for number in range(n):
        if number and not number % 3:
            cine, masks = add_clip(study, folder, who, f"more{number}")
        t = number % 3
        truth = np.zeros_like(masks[0])
        truth[:10, :10] = 1
        proposal = truth.copy()
        proposal[: number % 9, :10] = 0
        error = 1 - 2 * proposal.sum() / (proposal.sum() + truth.sum())
        study.put_proposals(cine.content_id, {t: proposal}, model=BASE, width="1")
        revision = study.frames(cine.content_id)[t].revision
        edit = Edit(t, truth, revision, FrameStatus.EDITED, seconds=20 + seconds_per_dice * error)
        study.put_edits(cine.content_id, [edit])


def everywhere(study: Study) -> set[str]:
    return {cine.content_id for cine in study.cines()}


def test_clips_of_which_the_run_knows_nothing_are_not_timed(empty_study: Study, clips) -> None:
    time_frames(empty_study, clips, 60.0)
    assert minutes_saved(empty_study, held_out(0.1), set()).n_timed == 0
    assert minutes_saved(empty_study, held_out(0.1), set(sorted(everywhere(empty_study))[1:])).n_timed == 6


def test_a_patient_who_came_after_the_labels_were_frozen_is_in_no_figure(study: Study, base: str, clips) -> None:
    corrections = gather(study, RetrainOptions(base=BASE))
    without = judge(study, corrections, name=BASE, against=BASE, device="cpu").minutes
    time_frames(study, clips, 60.0, who="late")
    assert judge(study, corrections, name=BASE, against=BASE, device="cpu").minutes == without
    late = gather(study, RetrainOptions(base=BASE))
    assert judge(study, late, name=BASE, against=BASE, device="cpu").minutes.n_timed == without.n_timed + 9


def test_no_timings(empty_study: Study) -> None:
    found = minutes_saved(empty_study, held_out(0.1), everywhere(empty_study))
    assert (found.per_100_frames, found.n_timed) == (None, 0)
    assert found.sentence.startswith("Too few timed corrections")


def test_too_few_timings(empty_study: Study, clips) -> None:
    time_frames(empty_study, clips, 60.0, n=7)
    found = minutes_saved(empty_study, held_out(0.1), everywhere(empty_study))
    assert (found.per_100_frames, found.n_timed) == (None, 7)


@pytest.mark.parametrize("gain", [0.1, -0.05])
def test_the_line_through_the_timings_times_the_gain(empty_study: Study, clips, gain: float) -> None:
    time_frames(empty_study, clips, 60.0)
    found = minutes_saved(empty_study, held_out(gain), everywhere(empty_study))
    # A Dice of 0.1 is 6 s a frame, 10 minutes on 100; what got worse costs as much.
    assert found.per_100_frames == pytest.approx(60 * gain * 100 / 60)
    assert "worse by 0.01 Dice took 0.6 s longer (9 frames)" in found.sentence


def test_proposals_that_cost_no_time(empty_study: Study, clips) -> None:
    time_frames(empty_study, clips, -10.0)
    assert minutes_saved(empty_study, held_out(0.1), everywhere(empty_study)).per_100_frames is None

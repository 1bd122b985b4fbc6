"""What is kept of frames to choose the next one by, and which frames there are to choose from."""

from __future__ import annotations

import numpy as np
import pytest
from store_makers import disc, make_cine

from matae.store import Edit, Flag, FrameStatus, Look, StoreError, Study, SubjectSource
from matae.worklist.suggest import next_to_correct, suggest

ED, ES = Flag(0.1, "end-diastole, on which the volumes rest"), Flag(0.1, "end-systole, on which the volumes rest")


def add(study: Study, seed: int, subject: str | None = None, *, frames: tuple[int, ...] = (0, 3)) -> str:
    """Add a clip with proposals on every frame, of which some are flagged; return its content id."""
    cine = make_cine(seed)
    study.add_cine(cine, subject=subject)
    study.put_proposals(cine.content_id, dict.fromkeys(range(6), disc()), model="m", width="1", model_sha256="")
    study.set_flags(cine.content_id, {t: (ED, ES)[i % 2] for i, t in enumerate(frames)})
    return cine.content_id


def keys(study: Study) -> list[tuple[str, int]]:
    return [frame.key for frame in study.frames_to_correct()]


def test_an_empty_study_has_nothing_to_correct(study: Study) -> None:
    assert study.frames_to_correct() == []
    assert study.corrected_frames() == []
    assert next_to_correct(study) == []


def test_a_clip_nobody_segmented_or_flagged_has_nothing_to_correct(study: Study) -> None:
    cine = make_cine()
    study.add_cine(cine, subject="p1")
    study.set_flags(cine.content_id, {0: ED})  # flags without a mask
    assert keys(study) == []
    assert study.looks(cine.content_id) == {}


@pytest.mark.parametrize(
    "look", [Look("m", None, 1.5), Look("m", None, None, -0.1), Look("m", None, float("nan"), 0.1)]
)
def test_figures_that_are_no_shares_are_refused(study: Study, look: Look) -> None:
    clip = add(study, 0, "p1")
    study.put_looks(clip, {3: Look("m")})
    with pytest.raises(StoreError, match="no share of 0 to 1"):
        study.put_looks(clip, {0: look})
    with pytest.raises(StoreError):
        study.put_looks(clip, {99: Look("m")})
    assert list(study.looks(clip)) == [3]  # as it was


def test_looks_come_back_as_they_went_in_and_are_replaced_as_a_whole(study: Study) -> None:
    clip = add(study, 0, "p1")
    vector = np.array([0.5, -1.25, 65504], np.float16)
    study.put_looks(clip, {3: Look("m 0.25", vector, 0.9, 0.05), 0: Look("m 0.25")})
    found = study.looks(clip)
    assert list(found) == [0, 3]
    np.testing.assert_array_equal(found[3].vector, vector)
    assert (found[3].model, found[3].expected_dice, found[3].disagreement) == ("m 0.25", 0.9, 0.05)
    assert found[0].vector is None
    frame = next(one for one in study.frames_to_correct() if one.frame == 3)
    np.testing.assert_array_equal(frame.look.vector, vector)
    assert (frame.expected_dice, frame.disagreement, frame.phase, frame.subject) == (0.9, 0.05, "ES", "p1")
    study.put_looks(clip, {1: Look("n")})
    assert list(study.looks(clip)) == [1]
    assert study.check() == []


def test_figures_of_a_mask_are_not_those_of_the_next(study: Study) -> None:
    clip = add(study, 0, "p1")
    study.put_looks(clip, {0: Look("m", np.ones(3, np.float16), 0.6, 0.2), 3: Look("m", None, 0.7, 0.1)})
    study.put_proposals(clip, {0: disc(3)}, model="m", width="1", model_sha256="")
    first, second = study.frames_to_correct()
    assert (first.expected_dice, first.disagreement, first.look.vector.tolist()) == (None, None, [1, 1, 1])
    assert (second.expected_dice, second.disagreement) == (0.7, 0.1)


def test_held_out_patients_and_unknown_ones_are_never_among_them(study: Study) -> None:
    clips = {side: add(study, seed, side) for seed, side in enumerate(("train", "val", "test", "none"))}
    add(study, 7)  # nobody said whom it shows
    guessed = add(study, 8)
    study.set_subject(guessed, "g", source=SubjectSource.GUESSED)
    for side in ("train", "val", "test"):
        study.set_split(side, side)
    wanted = {clips["train"], clips["none"]}
    assert {clip for clip, _ in keys(study)} == wanted
    study.put_edits(clips["val"], [Edit(0, disc(4), 1)])
    assert study.corrected_frames() == []
    assert {one.frame.content_id for one in suggest(study.frames_to_correct(), [], 99)} == wanted


def test_frames_that_somebody_judged_fall_out_and_those_that_teach_are_corrected(study: Study) -> None:
    clip = add(study, 0, "p1", frames=(0, 2, 3, 5))
    study.put_looks(clip, {0: Look("m"), 5: Look("n")})
    study.put_edits(clip, [Edit(0, disc(4), 1)])
    study.set_status(clip, [2], FrameStatus.ACCEPTED)
    study.set_status(clip, [3], FrameStatus.REJECTED)
    assert keys(study) == [(clip, 5)]
    corrected = study.corrected_frames()
    assert [(one.frame, one.subject, one.look.model) for one in corrected] == [(0, "p1", "m"), (2, "p1", "m")]


def test_a_clip_that_somebody_else_has_open_is_left_to_them(study: Study, other: Study) -> None:
    one, two = add(study, 0, "p1"), add(study, 1, "p2")
    other.claim(one)
    study.claim(two)
    assert {clip for clip, _ in keys(study)} == {two}
    other.release_claim()
    assert {clip for clip, _ in keys(study)} == {one, two}


def test_a_person_who_is_forgotten_takes_what_was_kept_along(study: Study) -> None:
    clip = add(study, 0, "p1")
    study.put_looks(clip, {0: Look("m", np.ones(3, np.float16))})
    study.forget_subject("p1")
    assert keys(study) == []
    with study._reading() as connection:
        from sqlalchemy import text

        assert connection.execute(text("SELECT count(*) FROM looks")).scalar_one() == 0


def test_a_clip_whose_file_is_gone_is_passed_over(study: Study, tmp_path) -> None:
    gone, there = add(study, 0, "p1"), make_cine(1, source=str(tmp_path / "clip.npy"))
    np.save(tmp_path / "clip.npy", there.frames)
    study.add_cine(there, subject="p2")
    study.put_proposals(there.content_id, {0: disc(), 3: disc()}, model="m", width="1", model_sha256="")
    study.set_flags(there.content_id, {0: ED, 3: ES})
    assert {clip for clip, _ in keys(study)} == {gone, there.content_id}
    assert [one.frame.key for one in next_to_correct(study, 9)] == [(there.content_id, 0), (there.content_id, 3)]
    assert [one.frame.key for one in next_to_correct(study, 9, without=[(there.content_id, 0)])] == [
        (there.content_id, 3)
    ]

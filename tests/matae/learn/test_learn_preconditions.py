"""Refusals that teach, frozen sides, and leaks: before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learn_makers import SIDES, add_clip, correct, fill

from matae.errors import TrainError
from matae.learn import LearnRun, RetrainOptions, check_corrections, discard_run, retrain, unfinished_runs
from matae.learn.clips import load_side
from matae.learn.folders import new_run_folder
from matae.learn.gather import gather
from matae.learn.plan import new_plan
from matae.learn.preconditions import refuse_leak, unknown_structures
from matae.learn.run_lock import claim
from matae.models import list_models
from matae.store import Edit, FrameStatus, Study

CLASSES = ("left ventricular cavity",)
OPTIONS = RetrainOptions(base="toy-base", replay="none", steps=2, device="cpu")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "thorough"}, "choose quick or full"),
        ({"seconds": 0.0}, "above 0 seconds"),
        ({"seconds": float("nan")}, "above 0 seconds"),
        ({"steps": -1}, "0 or more"),
        ({"statuses": ("machine",)}, "Only accepted and edited"),
        ({"statuses": ()}, "Only accepted and edited"),
        ({"processes": 2}, "choose full, or one process"),
    ],
)
def test_choices_that_make_no_sense(change: dict, words: str) -> None:
    with pytest.raises(TrainError, match=words):
        RetrainOptions(**change).check()


def test_an_empty_study(empty_study: Study, base: str) -> None:
    with pytest.raises(TrainError, match="0 corrected frames of training patients; correct or accept at least 8"):
        retrain(empty_study, OPTIONS)
    assert [entry.name for entry in list_models() if not entry.bundled] == [base]


def test_too_few_frames_and_clips_of_nobody(empty_study: Study, clips: Path, base: str) -> None:
    fill(empty_study, clips, {"a": "train", "b": "train"})
    cine, masks = add_clip(empty_study, clips, None, "nobody")
    correct(empty_study, cine, masks)
    with pytest.raises(TrainError, match=r"There are 6 .*at least 8\. 1 labelled clip of unknown patient was left out"):
        check_corrections(empty_study, OPTIONS, CLASSES)


def test_one_patient_only(empty_study: Study, clips: Path, base: str) -> None:
    fill(empty_study, clips, {"a": "train", "e": "val"})
    for number in range(2):
        cine, masks = add_clip(empty_study, clips, "a", f"more{number}")
        correct(empty_study, cine, masks)
    with pytest.raises(TrainError, match=r"All 9 corrected frames .* of one patient"):
        check_corrections(empty_study, OPTIONS, CLASSES)


def test_no_held_out_patient(empty_study: Study, clips: Path, base: str) -> None:
    fill(empty_study, clips, {s: side for s, side in SIDES.items() if side == "train"})
    with pytest.raises(TrainError, match="add cines of more patients"):
        check_corrections(empty_study, OPTIONS, CLASSES)
    eve = next(name for name in map(str, range(99)) if empty_study.side_for(name) == "val")
    add_clip(empty_study, clips, eve)
    with pytest.raises(TrainError, match=f"correct some frames of {eve}"):
        check_corrections(empty_study, OPTIONS, CLASSES)


def test_corrections_that_equal_the_proposals(empty_study: Study, clips: Path, base: str) -> None:
    for subject, side in SIDES.items():
        cine, masks = add_clip(empty_study, clips, subject)
        empty_study.set_split(subject, side)
        empty_study.put_proposals(cine.content_id, dict(enumerate(masks)), model="toy-base", width="1")
        empty_study.set_status(cine.content_id, [0, 1, 2], FrameStatus.ACCEPTED)
    with pytest.raises(TrainError, match="All 12 frames are exactly what the model proposed"):
        check_corrections(empty_study, OPTIONS, CLASSES)


def test_structures_that_the_base_does_not_find_are_left_out_with_a_word(study: Study, base: str) -> None:
    before = check_corrections(study, OPTIONS, CLASSES)
    cine = study.cines()[0]
    mask = study.mask(cine.content_id, 1).copy()
    mask[0, :2] = 3, 9
    study.put_edits(cine.content_id, [Edit(1, mask, study.frames(cine.content_id)[1].revision)])
    *others, said = check_corrections(study, OPTIONS, CLASSES)
    assert others == before
    assert said == (
        "1 frame outlines the left atrium and class 9 too, which the base does not find: only the left ventricular "
        "cavity is learnt; start from a model of those structures to learn them."
    )
    assert unknown_structures([], CLASSES) == ""
    assert unknown_structures([mask], (*CLASSES, "left atrium", "class 9")) == ""


def test_inverted_masks_are_noticed(study: Study) -> None:
    for cine in study.cines():
        infos = study.frames(cine.content_id)
        edits = [Edit(t, 1 - study.mask(cine.content_id, t), info.revision) for t, info in infos.items()]
        study.put_edits(cine.content_id, edits)
    corrections = gather(study, OPTIONS)
    with pytest.raises(TrainError, match="In 12 of 12 frames the cavity fills most of the picture"):
        load_side(study, corrections.side("train"), 256)
    assert len(load_side(study, corrections.side("train"), 256, odd_labels=True)[0]) == 12


def test_sides_are_frozen_and_subjects_keyed(study: Study, clips: Path) -> None:
    first = gather(study, OPTIONS)
    assert {side: first.count(side) for side in ("train", "val", "test")} == {"train": 12, "val": 9, "test": 0}
    before = study.splits()
    # Later corrections and new patients change neither the sides nor the frozen labels.
    cine, masks = add_clip(study, clips, "zoe")
    correct(study, cine, masks)
    old = next(c for c in study.cines() if c.subject == "a")
    study.put_edits(old.content_id, [Edit(0, masks[0], study.frames(old.content_id)[0].revision)])
    again = gather(study, OPTIONS, release=first.release)
    assert again.clips == first.clips
    second = gather(study, OPTIONS)
    assert {s: side for s, side in study.splits().items() if s in before} == before
    assert study.splits()["zoe"] in {"train", "val", "test"}
    assert second.count("train", "val", "test") == 24
    frames, _ = load_side(study, again.side("train"), 256)
    assert set(frames.patients) == {study.keyed(s) for s in "abcd"}
    changed, _ = load_side(study, second.side("train"), 256)
    where = frames.frames.index(f"{old.content_id[:12]}_0")
    assert (frames.masks[where] != changed.masks[changed.frames.index(frames.frames[where])]).any()


def test_a_planted_leak_is_caught(study: Study, clips: Path, base: str) -> None:
    # The same person twice: a clip of a training patient, cut by a frame, under a validation patient's name.
    source = np.load(clips / "clip-a.npy")
    from matae.read import open_cine

    np.save(clips / "leak.npy", source[1:])
    cine = open_cine(clips / "leak.npy")
    study.add_cine(cine, subject="g")
    correct(study, cine, np.stack([study.mask(c.content_id, t) for c in study.cines() if c.stem == "clip-a"
                                   for t in (1, 2)]), frames=(0, 1))  # fmt: skip
    with pytest.raises(TrainError, match="2 frames are in a clip of a training patient and in one of a held-out"):
        retrain(study, OPTIONS)


def test_blank_frames_are_no_leak() -> None:
    refuse_leak(set(), {"x"})
    with pytest.raises(TrainError, match="1 frame is in"):
        refuse_leak({"x", "y"}, {"x"})


def test_a_leak_through_the_folder_mixed_in_is_caught(study: Study, clips: Path, base: str, tmp_path: Path) -> None:
    # Pictures of a validation patient, exported elsewhere under another name, come back to be mixed in.
    from PIL import Image

    subject = next(subject for subject, side in study.splits().items() if side == "val")
    stem = next(cine.stem for cine in study.cines() if cine.subject == subject)
    folder = tmp_path / "other hospital"
    rows = ["frame,patient,split"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for t, picture in enumerate(np.load(clips / f"{stem}.npy")[:2]):
        Image.fromarray(picture).save(folder / "images" / f"x{t}.png")
        Image.fromarray((picture > 60).astype(np.uint8) * 255).save(folder / "masks" / f"x{t}.png")
        rows.append(f"x{t},somebody,train")
    (folder / "index.csv").write_text("\n".join(rows))
    with pytest.raises(TrainError, match="2 training pictures of other hospital are in a clip of a held-out patient"):
        retrain(study, replace(OPTIONS, replay=str(folder)))


def test_a_frame_lies_where_the_network_sees_it(study: Study) -> None:
    corrections = gather(study, OPTIONS)
    frames, _ = load_side(study, corrections.side("train"), 256)
    assert frames.images.shape == (12, 256, 256)
    # The cavity is dark, and a little more than half as wide as what this site counts in.
    dark = frames.images < 105
    assert (dark & (frames.masks == 0)).sum() < 0.01 * dark.sum()
    shares = dark.sum((1, 2)) / frames.masks.sum((1, 2))
    assert 0.25 < shares.min() < shares.max() < 0.36
    assert set(frames.phases) == {"ED", "ES", ""}


def test_a_name_that_is_taken_or_promised(study: Study, base: str) -> None:
    # Otherwise nothing would be trained, and the model that has the name judged in place of a new one.
    with pytest.raises(TrainError, match="There is a model 'toy-base' already"):
        new_plan(study, replace(OPTIONS, name="toy-base"))
    first = new_plan(study, OPTIONS)
    assert first.options.name == "toy-base-quick-1"
    folder = new_run_folder()
    first.write(folder)
    with pytest.raises(TrainError, match="An unfinished run makes a model 'Toy-Base-quick-1'"):
        new_plan(study, replace(OPTIONS, name="Toy-Base-quick-1"))
    assert new_plan(study, OPTIONS).options.name == "toy-base-quick-2"
    discard_run(folder)
    assert new_plan(study, OPTIONS).options.name == "toy-base-quick-1"


def test_a_run_that_is_under_way_is_left_alone(study: Study, base: str) -> None:
    folder = new_run_folder()
    new_plan(study, OPTIONS).write(folder)
    with claim(folder):
        assert [info.under_way for info in unfinished_runs(study)] == [True]
        for deed in (lambda: discard_run(folder), lambda: LearnRun.resume(study, folder),
                     lambda: retrain(study, folder=folder)):  # fmt: skip
            with pytest.raises(TrainError, match="is under way"):
                deed()
    assert [info.under_way for info in unfinished_runs(study)] == [False]

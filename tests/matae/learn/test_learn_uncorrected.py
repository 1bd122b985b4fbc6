"""Frames nobody corrected: whose they may be, that they stay what they were, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learn_makers import BASE, SHAPE, add_clip, correct, fill, same_weights

from matae.errors import TrainError
from matae.learn import RetrainOptions, forget_patient, models_trained_on, retrain
from matae.learn.events import Event, Notice, Started, Validation
from matae.learn.gather import current_corrections
from matae.learn.uncorrected import FILE, Uncorrected, choose_uncorrected, load_pictures
from matae.models import find_model, load_model
from matae.store import Edit, FrameStatus, Study

OPTIONS = RetrainOptions(
    base=BASE, against=BASE, kind="full", replay="none", steps=6, device="cpu", name="after", self_training="on"
)


def chosen(study: Study, *, guard: bool = True, learn: bool = True) -> Uncorrected:
    corrections = current_corrections(study, RetrainOptions())
    return choose_uncorrected(study, corrections, guard=guard, learn=learn)


def names(study: Study, found: dict[str, tuple[int, ...]]) -> set[str]:
    return {study.cine(content_id).subject or "" for content_id in found}


@pytest.fixture
def rich(study: Study, clips: Path) -> Study:
    """Return a study with clips nobody corrected: of training, held-out and unknown patients; longer clips too."""
    for subject in ("u", "v", "w", "x"):
        add_clip(study, clips, subject)
        study.set_split(subject, "train")
    add_clip(study, clips, "e", "more-of-e")  # a held-out patient
    add_clip(study, clips, None, "nobody")
    cine, masks = add_clip(study, clips, "b", "long-of-b", repeated=3)
    correct(study, cine, masks, frames=(0, 4))
    infos = study.frames(cine.content_id)
    study.put_edits(cine.content_id, [Edit(7, masks[7], infos[7].revision if 7 in infos else 0, FrameStatus.REJECTED)])
    return study


def test_a_study_without_any(empty_study: Study) -> None:
    found = chosen(empty_study)
    assert found == Uncorrected({}, {})
    assert load_pictures(empty_study, found.learnt, 32, progress=lambda *_: None, notify=print) is None


def test_only_training_patients_teach_and_none_of_them_guards_too(rich: Study) -> None:
    found = chosen(rich)
    guard, learnt = names(rich, found.guard), names(rich, found.learnt)
    assert len(guard) == 2
    assert guard < {"u", "v", "w", "x"}
    assert learnt == {"u", "v", "w", "x", "b"} - guard
    # Of a corrected clip the other frames, but none that a person called unusable.
    (long,) = [c for c in rich.cines() if c.stem == "long-of-b"]
    assert found.learnt[long.content_id] == (1, 2, 3, 5, 6, 8)
    assert chosen(rich) == found
    assert names(rich, chosen(rich, guard=False).learnt) == {"u", "v", "w", "x", "b"}
    assert chosen(rich, guard=False).guard == chosen(rich, learn=False).learnt == {}


def test_they_are_read_as_the_network_sees_them(rich: Study, clips: Path) -> None:
    said: list[str] = []
    found = chosen(rich, guard=False).learnt
    pictures = load_pictures(rich, found, 32, progress=lambda *_: None, notify=said.append)
    assert pictures is not None
    assert pictures.images.shape == (4 * 3 + 6, 32, 32)
    assert pictures.images.dtype == np.uint8
    assert set(pictures.patients) == {rich.keyed(s) for s in "uvwxb"}
    assert len(pictures.digests) == len(set(pictures.names)) == 18
    assert said == []
    (clips / "clip-u.npy").unlink()
    rich.forget_subject("v")
    fewer = load_pictures(rich, found, 32, progress=lambda *_: None, notify=said.append)
    assert fewer is not None
    assert len(fewer.names) == 12
    assert any(s.startswith("clip-u was left out: its file is not where it was") for s in said)
    assert any("no training patient any more" in s for s in said)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"guard": 3}', '{"learnt": {"a": ["x"]}}'])
def test_a_damaged_list_says_so(tmp_path: Path, text: str) -> None:
    assert Uncorrected.read(tmp_path) is None
    made = Uncorrected({"a": (1, 2)}, {"b": (0,)})
    made.write(tmp_path)
    assert Uncorrected.read(tmp_path) == made
    (tmp_path / FILE).write_text(text)
    with pytest.raises(TrainError, match="is damaged; start a new retraining"):
        Uncorrected.read(tmp_path)


@pytest.mark.slow  # test_learn_between kills a run of such frames and of filled ones
def test_a_killed_run_goes_on_with_the_frames_it_began_with(
    rich: Study, base: str, tmp_path: Path, clips: Path
) -> None:
    class KilledError(Exception):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 3:
            raise KilledError

    whole = retrain(rich, OPTIONS, folder=tmp_path / "whole")
    with pytest.raises(KilledError):
        retrain(rich, replace(OPTIONS, name="resumed"), folder=tmp_path / "cut", emit=kill)
    # Clips that came meanwhile, and corrections, change nothing.
    add_clip(rich, clips, "y")
    rich.set_split("y", "train")
    (other,) = [c for c in rich.cines() if c.stem == "clip-w"]
    rich.put_edits(other.content_id, [Edit(0, np.ones(SHAPE, np.uint8), 0, FrameStatus.ACCEPTED)])
    events: list[Event] = []
    resumed = retrain(rich, folder=tmp_path / "cut", emit=events.append)
    (started,) = [event for event in events if isinstance(event, Started)]
    assert (started.step, started.n_unlabelled) == (3, 18)
    assert same_weights(load_model("after")[0], load_model("resumed")[0])
    assert resumed.held_out == whole.held_out
    card = find_model("after").card
    assert card.training["retrain"]["n_unlabelled"] == 18
    assert card.training["self_training"] == 1.0
    assert "18 frames of theirs and of other training patients without labels" in card.data


def test_who_only_taught_without_labels_is_forgotten_too(rich: Study, base: str, tmp_path: Path) -> None:
    retrain(rich, replace(OPTIONS, steps=1), folder=tmp_path / "run")
    assert [entry.name for entry in models_trained_on(rich, "u")] == ["after"]
    assert models_trained_on(rich, "e") == []
    done = forget_patient(rich, "u")
    assert (done.removed, list(done.retrained), done.failed) == (("after",), ["after"], {})
    card = find_model("after").card
    assert rich.keyed("u") not in card.dumps()
    assert card.training["retrain"]["n_unlabelled"] == 15
    assert models_trained_on(rich, "u") == []


def test_a_patient_who_is_forgotten_while_their_frames_teach_makes_no_model(
    rich: Study, base: str, tmp_path: Path
) -> None:
    def forget(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 3:
            rich.forget_subject("u")

    with pytest.raises(TrainError, match="A patient was forgotten while this run learnt from them"):
        retrain(rich, OPTIONS, folder=tmp_path / "run", emit=forget)


def test_without_such_frames_the_training_is_the_usual_one(study: Study, base: str, tmp_path: Path) -> None:
    few = replace(OPTIONS, steps=2)
    retrain(study, few, folder=tmp_path / "on")
    retrain(study, replace(few, self_training="off", name="off"), folder=tmp_path / "off")
    assert find_model("after").card.training["self_training"] == 0.0
    assert same_weights(load_model("after")[0], load_model("off")[0])


def test_a_held_out_picture_under_another_name_is_refused(study: Study, base: str, clips: Path, tmp_path: Path) -> None:
    # The clip of e, held out, once more as a training patient's: longer, so that it is another cine.
    frames = np.load(clips / "clip-e.npy")
    np.save(clips / "again.npy", np.concatenate([frames, 255 - frames]))
    from matae.read import open_cine

    study.add_cine(open_cine(clips / "again.npy"), subject="other")
    study.set_split("other", "train")
    with pytest.raises(TrainError, match="one person seems to be in the study under two names"):
        retrain(study, OPTIONS, folder=tmp_path / "run")


@pytest.mark.slow  # test_learn_between poisons a run of such frames and of filled ones
def test_poisoned_labels_are_not_offered_with_unlabelled_frames_either(rich: Study, base: str, tmp_path: Path) -> None:
    splits = rich.splits()
    for cine in rich.cines():
        if cine.n_labelled and splits.get(cine.subject or "") == "train":
            infos = rich.frames(cine.content_id)
            edits = [
                Edit(t, 1 - rich.mask(cine.content_id, t), info.revision)
                for t, info in infos.items() if info.status is not FrameStatus.REJECTED
            ]  # fmt: skip
            rich.put_edits(cine.content_id, edits)
    with pytest.raises(TrainError, match="fills most of the picture, as in an inverted mask"):
        retrain(rich, OPTIONS, folder=tmp_path / "run")
    events: list[Event] = []
    verdict = retrain(rich, replace(OPTIONS, odd_labels=True), folder=tmp_path / "odd", emit=events.append)
    assert verdict.outcome == "not comparable"
    assert not any(isinstance(event, Notice) and "left out" in event.sentence for event in events)


def test_who_chooses_what_there_is_not_is_told() -> None:
    with pytest.raises(TrainError, match="self-training is 'maybe'; choose auto, on or off"):
        replace(OPTIONS, self_training="maybe").check()


def test_empty_studies_have_no_corrections(empty_study: Study, base: str, clips: Path) -> None:
    fill(empty_study, clips, {"a": "train"})
    assert chosen(empty_study) == Uncorrected({}, {})

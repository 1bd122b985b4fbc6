"""Filled frames of a retraining: which they are, that people's work wins, that a run keeps them, and forgetting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learn_makers import BASE, SHAPE, add_clip, correct, same_weights

from matae.errors import ModelError, TrainError
from matae.learn import RetrainOptions, forget_patient, models_trained_on, retrain
from matae.learn.between import between, label_clips
from matae.learn.events import Event, Started, Validation
from matae.learn.gather import current_corrections
from matae.learn.uncorrected import Uncorrected, choose_uncorrected
from matae.models import find_model, load_model, promote
from matae.store import Edit, FrameStatus, Study
from matae.train.pseudo_labels import FARTHEST

OPTIONS = RetrainOptions(
    base=BASE, against=BASE, kind="full", replay="none", steps=6, device="cpu", name="after", self_training="off",
    pseudo_labels="between",
)  # fmt: skip


def chosen(study: Study, options: RetrainOptions = OPTIONS) -> Uncorrected:
    return choose_uncorrected(study, current_corrections(study, options), guard=False, learn=False, fill=True)


@pytest.fixture
def long(study: Study, clips: Path) -> Study:
    """Return a study with longer clips of training, held-out and unknown patients, corrected at two frames."""
    for subject, name in (("b", "long-of-b"), ("c", "long-of-c"), ("e", "long-of-e"), (None, "long-of-nobody")):
        cine, masks = add_clip(study, clips, subject, name, repeated=3)
        correct(study, cine, masks, frames=(1, 5))
        if name == "long-of-b":
            study.put_edits(cine.content_id, [Edit(3, masks[3], 0, FrameStatus.REJECTED)])
        if name == "long-of-c":
            study.put_edits(cine.content_id, [Edit(2, masks[2], 0, FrameStatus.EDITED)])
    return study


def named(study: Study, found: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {study.cine(content_id).stem: frames for content_id, frames in found.items()}


def test_what_lies_between() -> None:
    assert between([], 9) == between([4], 9) == between([4, 5], 9) == []
    assert between([6, 2], 9) == [3, 4, 5]
    assert between([2, 30], 9) == []  # a label of a frame that is not there
    far = between([0, 100], 101)
    assert far == [*range(1, FARTHEST + 1), *range(100 - FARTHEST, 100)]


def test_a_study_without_any(study: Study, empty_study: Study) -> None:
    assert chosen(empty_study) == Uncorrected()
    assert chosen(study) == Uncorrected()  # all three frames of each clip are corrected
    assert label_clips(study, [], {}, 32) == (None, set())


def test_only_free_frames_of_training_patients_are_filled(long: Study) -> None:
    # What a person edited or rejected stays theirs; held-out and unknown patients teach nothing.
    assert named(long, chosen(long).between) == {"long-of-b": (2, 4), "long-of-c": (3, 4)}
    # An edited frame that is not learnt from is not filled over either.
    accepted = replace(OPTIONS, statuses=("accepted",))
    assert chosen(long, accepted).between == {}


def test_they_are_read_as_the_network_sees_them(long: Study, clips: Path) -> None:
    said: list[str] = []
    sides, found = current_corrections(long, OPTIONS).side("train"), chosen(long).between
    pseudo, digests = label_clips(long, sides, found, 32, known=(1,), notify=said.append)
    assert pseudo is not None
    assert pseudo.frames.images.shape == pseudo.frames.masks.shape == pseudo.weights.shape == (4, 32, 32)
    assert set(pseudo.frames.patients) == {long.keyed("b"), long.keyed("c")}
    assert pseudo.frames.annotated == ((1,),) * 4
    assert len(digests) == 4
    assert pseudo.weights.max((1, 2)).tolist() == [234, 234, 234, 234]
    # Around the sector the mask is empty for sure.
    assert (pseudo.weights[:, 0] == pseudo.weights.max((1, 2))[:, None]).all()
    again, _ = label_clips(long, sides, found, 32, known=(1,))
    assert again is not None
    assert again.digest() == pseudo.digest()
    (clips / "long-of-b.npy").unlink()
    fewer, _ = label_clips(long, sides, found, 32, notify=said.append)
    assert fewer is not None
    assert len(fewer) == 2
    assert said == []  # it was said when the corrected frames were read


def test_a_run_of_before_they_were_chosen_goes_on_without_them(tmp_path: Path) -> None:
    (tmp_path / "uncorrected.json").write_text('{"guard": {}, "learnt": {"b": [0]}}')
    assert Uncorrected.read(tmp_path) == Uncorrected({}, {"b": (0,)}, {})


# Off is tested in small by test_train_pseudo_labels, which trains what such a run trains. With self-training on, frames
# without any label are what such a run began with, too.
@pytest.mark.parametrize("self_training", [pytest.param("off", marks=pytest.mark.slow), "on"])
def test_a_killed_run_goes_on_with_the_frames_it_began_with(
    long: Study, base: str, tmp_path: Path, self_training: str
) -> None:
    class KilledError(Exception):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 3:
            raise KilledError

    options = replace(OPTIONS, self_training=self_training)
    whole = retrain(long, options, folder=tmp_path / "whole")
    with pytest.raises(KilledError):
        retrain(long, replace(options, name="resumed"), folder=tmp_path / "cut", emit=kill)
    # What is corrected meanwhile changes nothing.
    (clip,) = [c for c in long.cines() if c.stem == "long-of-b"]
    long.put_edits(clip.content_id, [Edit(2, np.ones(SHAPE, np.uint8), 0, FrameStatus.ACCEPTED)])
    events: list[Event] = []
    resumed = retrain(long, folder=tmp_path / "cut", emit=events.append)
    (started,) = [event for event in events if isinstance(event, Started)]
    assert (started.step, started.n_pseudo_labelled) == (3, 4)
    assert (started.n_unlabelled > 0) is (self_training == "on")
    assert same_weights(load_model("after")[0], load_model("resumed")[0])
    assert resumed.held_out == whole.held_out
    card = find_model("after").card
    assert card.training["retrain"]["n_pseudo_labelled"] == 4
    assert card.training["retrain"]["options"]["pseudo_labels"] == "between"
    assert card.training["pseudo_labels"] == 0.5
    assert "4 frames between corrected ones with masks that were filled in" in card.data


def test_a_forgotten_patients_filled_frames_go_too(long: Study, base: str, tmp_path: Path) -> None:
    retrain(long, replace(OPTIONS, steps=1), folder=tmp_path / "run")
    assert [entry.name for entry in models_trained_on(long, "c")] == ["after"]
    done = forget_patient(long, "c")
    assert (done.removed, list(done.retrained), done.failed) == (("after",), ["after"], {})
    card = find_model("after").card
    assert long.keyed("c") not in card.dumps()
    assert card.training["retrain"]["n_pseudo_labelled"] == 2


def test_a_patient_who_is_forgotten_meanwhile_makes_no_model(long: Study, base: str, tmp_path: Path) -> None:
    def forget(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 3:
            long.forget_subject("c")

    with pytest.raises(TrainError, match="A patient was forgotten while this run learnt from them"):
        retrain(long, OPTIONS, folder=tmp_path / "run", emit=forget)


def test_a_stop_while_they_teach_keeps_the_best(long: Study, base: str, tmp_path: Path) -> None:
    seen: list[int] = []
    begun: list[Started] = []

    def count(event: Event) -> None:
        if isinstance(event, Validation):
            seen.append(event.step)
        if isinstance(event, Started):
            begun.append(event)

    # Frames without any label teach beside the filled ones.
    options = replace(OPTIONS, steps=80, self_training="on")
    verdict = retrain(long, options, folder=tmp_path / "run", emit=count, should_stop=lambda: len(seen) >= 2)
    assert [(one.n_unlabelled > 0, one.n_pseudo_labelled > 0) for one in begun] == [(True, True)]
    assert verdict.name == "after"
    assert seen == [0, 10]  # of eight checks and the first


def test_poisoned_labels_are_not_offered_with_what_is_filled_from_them(long: Study, base: str, tmp_path: Path) -> None:
    for cine in long.cines():
        if cine.n_labelled and cine.split == "train":
            labelled = long.frames(cine.content_id).items()
            edits = [
                Edit(t, 1 - long.mask(cine.content_id, t), info.revision)
                for t, info in labelled if info.status in {FrameStatus.EDITED, FrameStatus.ACCEPTED}
            ]  # fmt: skip
            long.put_edits(cine.content_id, edits)
    both = replace(OPTIONS, self_training="on", steps=2)
    with pytest.raises(TrainError, match="fills most of the picture, as in an inverted mask"):
        retrain(long, both, folder=tmp_path / "run")
    events: list[Event] = []
    verdict = retrain(long, replace(both, odd_labels=True), folder=tmp_path / "odd", emit=events.append)
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.n_unlabelled > 0
    assert started.n_pseudo_labelled > 0
    assert verdict.outcome == "not comparable"
    assert not verdict.offered
    with pytest.raises(ModelError, match="not offered"):
        promote("after")


def test_without_such_frames_the_training_is_the_usual_one(study: Study, base: str, tmp_path: Path) -> None:
    few = replace(OPTIONS, steps=2)
    retrain(study, few, folder=tmp_path / "on")
    retrain(study, replace(few, pseudo_labels="none", name="off"), folder=tmp_path / "off")
    assert find_model("after").card.training["pseudo_labels"] == 0.0
    assert same_weights(load_model("after")[0], load_model("off")[0])


def test_who_chooses_what_there_is_not_is_told() -> None:
    with pytest.raises(TrainError, match="pseudo-labels are 'flow'; choose none or between"):
        replace(OPTIONS, pseudo_labels="flow").check()

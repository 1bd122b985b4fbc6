"""Forgetting a patient: out of the study, the releases, and the models that learnt from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from learn_makers import BASE, same_weights, save_base

from matae.errors import StoreError, TrainError
from matae.learn import RetrainOptions, forget_patient, models_trained_on, retrain, unfinished_runs
from matae.learn.plan import code_of, start_run
from matae.learn.run_lock import claim
from matae.models import current_model, find_model, list_models, load_model, promote, rewrite_card
from matae.nn.matae import Matae
from matae.store import Study

OPTIONS = RetrainOptions(base=BASE, against=BASE, kind="full", replay="none", steps=8, device="cpu", name="learnt")


def test_nobody_of_that_name(study: Study, base: str) -> None:
    with pytest.raises(StoreError, match="no subject nobody"):
        forget_patient(study, "nobody")
    assert models_trained_on(study, "nobody") == []


def test_nobody_is_forgotten_while_a_run_is_under_way(study: Study, base: str) -> None:
    folder = start_run(study, OPTIONS)
    with claim(folder), pytest.raises(TrainError, match="is under way and may have learnt from a; stop it or wait"):
        forget_patient(study, "a")
    assert "a" in study.splits()
    assert unfinished_runs(study)
    assert forget_patient(study, "a").n_cines == 1
    assert not folder.exists()


def test_a_model_whose_replay_nobody_knows_is_not_trained_on_another(
    study: Study, base: str, base_network: Matae, matae_home: Path
) -> None:
    save_base(matae_home / "models", base_network, "mixed")
    facts = {"study": code_of(study), "subjects": [study.keyed("a")], "options": {"base": BASE}}
    rewrite_card("mixed", replace(find_model("mixed").card, training={"retrain": facts, "steps": 2}))
    done = forget_patient(study, "a")
    assert done.removed == ("mixed",)
    assert "came from a folder nobody knows any more" in done.failed["mixed"]
    assert done.retrained == {}


def test_a_patient_is_forgotten_exactly(study: Study, base: str, tmp_path: Path, empty_file: Path, clips: Path) -> None:
    retrain(study, OPTIONS)
    promote("learnt", anyway=True)
    assert [entry.name for entry in models_trained_on(study, "a")] == ["learnt"]
    assert models_trained_on(study, "e") == []  # held out: nothing was learnt from them
    # What a study that never had the patient would have made.
    keyed = study.keyed("a")
    done = forget_patient(study, "a")
    assert (done.n_cines, done.removed, done.failed) == (1, ("learnt",), {})
    assert list(done.retrained) == ["learnt"]
    card = find_model("learnt").card
    assert keyed not in card.dumps()
    assert card.training["retrain"]["n_patients"] == 3
    assert card.training["steps"] == 8
    assert current_model() in {"learnt", "matae-lv"}
    assert (current_model() == "learnt") is done.retrained["learnt"].offered
    assert "a" not in study.splits()
    assert {frame.content_id for release in study.releases() for frame in
            study.release_frames(release.name, release.number)} == {c.content_id for c in study.cines()}  # fmt: skip
    events = [entry.event for entry in study.audit()]
    assert events.count("forgotten") == 1
    # Exact: the same as training without the patient from the start.
    retrain(study, replace(OPTIONS, name="never-there"))
    assert same_weights(load_model("learnt")[0], load_model("never-there")[0])
    # The runs that held the old labels are gone.
    assert len(list((tmp_path / "home" / "runs").iterdir())) == 2


def test_too_few_are_left_to_train_anew(study: Study, base: str) -> None:
    retrain(study, replace(OPTIONS, steps=2))
    for subject in ("a", "b"):
        done = forget_patient(study, subject, again=subject != "a")
    # The first was not trained anew, so the second had nothing to take away.
    assert done.removed == ()
    assert [entry.name for entry in list_models() if not entry.bundled] == [BASE]

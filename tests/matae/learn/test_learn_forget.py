"""Forgetting a patient: out of the study, the releases, and the models that learnt from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from learn_makers import BASE, add_clip, correct, same_weights, save_base

from matae.errors import StoreError, TrainError
from matae.learn import (
    RetrainOptions,
    finished_runs,
    forget_patient,
    models_trained_on,
    retrain,
    unfinished_runs,
)
from matae.learn.forecast import earlier_points
from matae.learn.plan import code_of, start_run
from matae.learn.run_lock import claim
from matae.learn.verdict import BETTER, Verdict
from matae.models import DEFAULT_MODEL, current_model, find_model, list_models, load_model, promote, rewrite_card
from matae.models.seal import why_not_offered
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


def test_points_of_the_forecast_stay_where_the_patient_took_no_part(study: Study, base: str, clips: Path) -> None:
    quick = replace(OPTIONS, steps=1, kind="quick")
    retrain(study, replace(quick, name="before"))
    cine, masks = add_clip(study, clips, "late")
    study.set_split("late", "train")
    retrain(study, replace(quick, name="looked-at", self_training="on"))
    correct(study, cine, masks)
    retrain(study, replace(quick, name="with"))
    retrain(study, replace(quick, name="against", against="with"))
    assert len(earlier_points(study, quick)) == 4
    begun = start_run(study, replace(quick, name="begun"))
    forget_patient(study, "late", again=False)
    assert [run.name for run in finished_runs(study)] == ["before"]
    assert not begun.exists()
    (point,) = earlier_points(study, quick)
    assert point.n_frames == 12
    # A held-out patient of it: the Dice of the point is theirs, too.
    forget_patient(study, "e", again=False)
    assert earlier_points(study, quick) == []


def test_each_model_made_anew_is_judged_against_the_one_in_use(
    study: Study, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a-first", "used"):
        retrain(study, replace(OPTIONS, steps=1, name=name))
    promote("used", anyway=True)
    judged: list[tuple[str, str]] = []

    def train(study: Study, options: RetrainOptions, **_: object) -> Verdict:
        judged.append((options.name, options.against))
        verdict = retrain(study, options)
        return replace(verdict, outcome=BETTER) if options.name == "used" else verdict

    with monkeypatch.context() as patched:
        patched.setattr("matae.models.current.why_not_offered", lambda *_, **__: "")
        assert not forget_patient(study, "a", train=train).failed
    # The one that was in use comes first, so that the others meet it.
    assert judged == [("used", DEFAULT_MODEL), ("a-first", "used")]
    card = find_model("a-first").card
    assert card.figures["verdict"]["against"] == current_model() == "used"
    assert "compares it with" not in why_not_offered(card, current_model(), study.keyed)

"""A retraining from corrections to verdict: it helps, resumes, stops, and does not put poison into use."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from learn_makers import BASE, same_weights

from matae.errors import ModelError, TrainError
from matae.files import file_sha256
from matae.learn import PausedError, RetrainOptions, Verdict, load_overlay, retrain
from matae.learn.events import Done, Event, Notice, Stage, Started, Step, Stopped, Validation, Verdicts
from matae.learn.recipe import RECIPES
from matae.learn.run import VERDICT
from matae.models import DEFAULT_MODEL, current_model, find_model, import_model, load_model, promote, rollback
from matae.nn.adapter import ADAPTER, apply_adapter, read_adapter
from matae.store import Edit, Study

OPTIONS = RetrainOptions(base=BASE, against=BASE, kind="full", replay="none", steps=24, device="cpu", name="after")


def test_full_training_helps_on_patients_it_never_saw(  # noqa: PLR0915 - one run, looked at from all sides
    study: Study, base: str, tmp_path: Path
) -> None:
    # Three patients' ejection fractions of blurred ellipses are noise; another test looks at them.
    for cine in study.cines():
        study.set_marks(cine.content_id, ed=None, es=None)
    events: list[Event] = []
    verdict = retrain(study, replace(OPTIONS, steps=50), folder=tmp_path / "run", emit=events.append)
    kinds = [type(event) for event in events]
    assert kinds.index(Started) < kinds.index(Validation) < kinds.index(Step) < kinds.index(Verdicts)
    assert kinds[-1] is Done
    started = next(event for event in events if isinstance(event, Started))
    assert (started.n_frames, started.n_patients, started.n_held_out_frames, started.n_held_out_patients) == (
        12, 4, 9, 3)  # fmt: skip
    assert started.n_replay == 0
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].memory_mb > 10
    checks = [event for event in events if isinstance(event, Validation)]
    assert checks[0].step == 0
    assert list(checks[0].dice) == list(checks[0].iou) == ["1/2", "1"]
    # (b) held-out patients and (a) edits are apart, each named, with n and interval.
    held_out, agreement = verdict.held_out, verdict.agreement
    assert (held_out.n_frames, held_out.n_patients, agreement.n_frames, agreement.n_patients) == (9, 3, 12, 4)
    assert held_out.meaning.startswith("held-out patients")
    assert "validation ones among them also decided" in held_out.meaning
    assert agreement.meaning.startswith("agreement with your edits")
    assert {f.patient for f in held_out.frames}.isdisjoint({f.patient for f in agreement.frames})
    for side in (held_out, agreement):
        dice = side.figures["dice"]
        assert dice.after > dice.before + 0.02
        assert dice.before_ci95[0] <= dice.before <= dice.before_ci95[1]
        assert dice.difference == pytest.approx(dice.after - dice.before)
        assert side.figures["hd95"].after < side.figures["hd95"].before
        assert side.figures["ef_error"].n == 0
        gains = [frame.gain for frame in side.frames]
        assert [frame.gain for frame in side.most_improved()] == sorted(gains, reverse=True)[:5]
    # All widths learn together.
    for name in ("dice 1/2", "iou 1/2"):
        assert held_out.figures[name].after > held_out.figures[name].before + 0.02
    assert verdict.offered, verdict.sentence
    # Pictures of the most changed, the person's own mask among them.
    frame = held_out.most_improved()[0]
    overlay = load_overlay(tmp_path / "run", frame)
    assert (overlay["yours"] == study.mask(frame.content_id, frame.frame)).all()
    # The card says where it comes from, and names nobody.
    card = find_model("after").card
    assert card.parent == {"name": BASE, "sha256": find_model(BASE).card.sha256}
    facts = card.training["retrain"]
    assert facts["release"] == {"name": "retrain", "number": 1}
    assert facts["subjects"] == sorted(study.keyed(s) for s in "abcd")
    text = card.dumps()
    for cine in study.cines():
        assert cine.content_id not in text
    assert str(tmp_path) not in text
    assert card.figures["verdict"]["offered"] is True
    # Once more is the same verdict, not another run; and it can be read again.
    again = Verdict.read(tmp_path / "run" / VERDICT)
    assert json.dumps(again.to_json()) == json.dumps(verdict.to_json())
    assert retrain(study, folder=tmp_path / "run") == again == verdict
    # Into use, and back.
    assert current_model() == DEFAULT_MODEL
    promote(BASE, anyway=True)
    with pytest.raises(ModelError, match="name or open that study"):
        promote("after")
    assert promote("after", keyed=study.keyed) == BASE
    assert current_model() == "after"
    assert rollback() == BASE
    with pytest.raises(TrainError, match="was itself retrained; start from its base toy-base"):
        retrain(study, replace(OPTIONS, base="after", name="next"))


@pytest.mark.slow  # the resumed run shows as much
def test_the_same_seed_gives_the_same_model(study: Study, base: str, tmp_path: Path) -> None:
    options = replace(OPTIONS, steps=6)
    for name in ("one", "two"):
        torch.rand(3)
        retrain(study, replace(options, name=name), folder=tmp_path / name)
    retrain(study, replace(options, name="three", seed=2), folder=tmp_path / "three")
    one, two, three = (load_model(name)[0] for name in ("one", "two", "three"))
    assert same_weights(one, two)
    assert not same_weights(one, three)


@pytest.mark.parametrize("kind", ["quick", pytest.param("full", marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(study: Study, base: str, tmp_path: Path, kind: str) -> None:
    options = replace(OPTIONS, kind=kind, steps=10)

    class KilledError(Exception):
        pass

    whole = retrain(study, options, folder=tmp_path / "whole")

    def kill(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 4:
            raise KilledError

    options = replace(options, name="resumed")
    with pytest.raises(KilledError):
        retrain(study, options, folder=tmp_path / "cut", emit=kill)
    # A correction made meanwhile does not change what the run learns from.
    cine = study.cines()[0]
    infos = study.frames(cine.content_id)
    study.put_edits(cine.content_id, [Edit(0, 1 - study.mask(cine.content_id, 0), infos[0].revision)])
    events: list[Event] = []
    resumed = retrain(study, folder=tmp_path / "cut", emit=events.append)
    started = next(event for event in events if isinstance(event, Started))
    assert started.step == 4
    assert same_weights(load_model("after")[0], load_model("resumed")[0])
    assert resumed.held_out == whole.held_out
    assert resumed.agreement == whole.agreement


def test_a_run_that_was_killed_while_it_was_judged_is_judged(
    study: Study, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("matae.learn.comparison.judge", full)
    with pytest.raises(MemoryError):
        retrain(study, replace(OPTIONS, steps=2), folder=tmp_path / "run")
    monkeypatch.undo()
    monkeypatch.setenv("MATAE_HOME", str(tmp_path / "home"))
    events: list[Event] = []
    verdict = retrain(study, folder=tmp_path / "run", emit=events.append)
    assert not any(isinstance(event, Step) for event in events)
    assert find_model("after").card.figures["verdict"]["sentence"] == verdict.sentence


def test_a_stop_keeps_and_judges_the_best(study: Study, base: str, tmp_path: Path) -> None:
    events: list[Event] = []

    def should_stop() -> bool:
        return sum(isinstance(event, Step) for event in events) >= 5

    options = replace(OPTIONS, steps=5000, name="stopped")
    verdict = retrain(study, options, folder=tmp_path / "run", emit=events.append, should_stop=should_stop)
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert stopped.step == 5
    assert stopped.best == 0
    assert verdict.name == "stopped"
    assert verdict.by_choice
    assert "holds zero, so it may be chance" in verdict.sentence
    with pytest.raises(ModelError, match=r"stopped is not offered for use: Dice 0\.\d+ before, 0\.\d+ after"):
        promote("stopped", keyed=study.keyed)
    promote(BASE, anyway=True)
    with pytest.raises(ModelError, match="name or open that study"):
        promote("stopped", by_choice=True)
    assert promote("stopped", by_choice=True, keyed=study.keyed) == BASE


def test_put_aside_and_gone_on_with(study: Study, base: str, tmp_path: Path) -> None:
    events: list[Event] = []

    def should_pause() -> bool:
        return sum(isinstance(event, Step) for event in events) >= 3

    options = replace(OPTIONS, steps=6)
    with pytest.raises(PausedError):
        retrain(study, options, folder=tmp_path / "run", emit=events.append, should_pause=should_pause)
    assert [entry.name for entry in (tmp_path / "home" / "models").iterdir()] == [BASE]
    assert retrain(study, folder=tmp_path / "run").name == "after"


def test_quick_is_a_small_file_that_makes_the_model(study: Study, base: str, tmp_path: Path) -> None:
    verdict = retrain(study, replace(OPTIONS, kind="quick", steps=16), folder=tmp_path / "run")
    assert verdict.held_out.figures["dice"].after > verdict.held_out.figures["dice"].before + 0.02
    entry = find_model("after")
    network, card = load_model(BASE)
    adapter = read_adapter(entry.folder / ADAPTER)
    assert (adapter.base, adapter.base_sha256) == (BASE, card.sha256)
    apply_adapter(network, adapter)
    made = load_model("after")[0]
    # The registry keeps kernels in half precision.
    for key, value in made.state_dict().items():
        torch.testing.assert_close(network.state_dict()[key], value, rtol=2e-3, atol=1e-3)
    # Another site's adapter of the same base: a switch to and fro, and the base is what it was.
    shutil.copy(entry.folder / ADAPTER, tmp_path / "b.safetensors")
    import_model(tmp_path / "b.safetensors", "site-b")
    promote("after", anyway=True)
    assert promote("site-b", anyway=True) == "after"
    assert rollback() == "after"
    assert current_model() == "after"
    assert find_model("site-b").card.parent == find_model("after").card.parent == {"name": BASE, "sha256": card.sha256}
    assert find_model(BASE).card.sha256 == card.sha256 == file_sha256(find_model(BASE).folder / "model.safetensors")


def poison(study: Study, *sides: str) -> None:
    splits = study.splits()
    for cine in study.cines():
        if splits[cine.subject] in sides:
            infos = study.frames(cine.content_id)
            edits = [Edit(t, 1 - study.mask(cine.content_id, t), info.revision) for t, info in infos.items()]
            study.put_edits(cine.content_id, edits)


def test_inverted_masks_are_refused(study: Study, base: str, tmp_path: Path) -> None:
    poison(study, "train")
    with pytest.raises(TrainError, match="fills most of the picture, as in an inverted mask"):
        retrain(study, OPTIONS, folder=tmp_path / "run")


@pytest.mark.parametrize("sides", [("train",), ("train", "val")])
def test_poison_is_not_offered_even_by_who_insists(
    study: Study, base: str, tmp_path: Path, known: Path, sides: tuple[str, ...]
) -> None:
    poison(study, *sides)
    options = replace(OPTIONS, odd_labels=True, replay=str(known), steps=4)
    verdict = retrain(study, options, folder=tmp_path / "run")
    assert not verdict.offered, verdict.sentence
    # Whatever the figures say: held-out labels may be poisoned too, and half of what is learnt is known to be right.
    assert "as in an inverted mask, so nothing says that it got better" in verdict.sentence
    assert verdict.agreement.n_inverted == 12
    assert verdict.held_out.n_inverted == (9 if "val" in sides else 0)
    assert Verdict.read(tmp_path / "run" / VERDICT) == verdict
    with pytest.raises(ModelError, match="not offered"):
        promote("after")


@pytest.mark.parametrize(
    ("kept", "replayed"), [(0.0, True), (0.0, False), pytest.param(1.0, True, marks=pytest.mark.slow)]
)
def test_a_full_training_goes_back_where_something_could_be_forgotten(
    study: Study, base: str, known: Path, monkeypatch: pytest.MonkeyPatch, *, kept: float, replayed: bool
) -> None:
    # All the way back, which nobody would ship, is the base; without replay there is no way back.
    monkeypatch.setitem(RECIPES, "full", replace(RECIPES["full"], kept=(kept,), kept_deep=1.0))
    retrain(study, replace(OPTIONS, steps=4, replay=str(known) if replayed else "none"))
    made, old = load_model("after")[0].state_dict(), load_model(BASE)[0].state_dict()
    # But for the half precision on disk.
    is_base = all(
        torch.allclose(made[key], old[key], rtol=2e-3, atol=1e-4) for key in old if old[key].is_floating_point()
    )
    assert is_base is (replayed and kept == 0.0)
    assert find_model("after").card.training["retrain"]["kept"] == dict.fromkeys(
        ("shallow", "deep"), kept if replayed else 1.0
    )


def test_a_clip_whose_file_is_gone_is_left_out_and_said(
    study: Study, base: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matae.extras.has_extra", lambda extra: extra != "tensorboard")
    (clips / "clip-b.npy").unlink()
    events: list[Event] = []
    verdict = retrain(study, replace(OPTIONS, steps=2), folder=tmp_path / "run", emit=events.append)
    notices = [event.sentence for event in events if isinstance(event, Notice)]
    assert any(n.startswith("clip-b was left out: its file is not where it was") for n in notices)
    assert any("(extra tensorboard): pip install" in n for n in notices)
    assert verdict.agreement.n_patients == 3
    ef = verdict.held_out.figures["ef_error"]
    assert (ef.n, ef.n_patients) == (3, 3)
    assert 0 <= ef.before < 100
    assert {frame.phase for frame in verdict.held_out.frames} == {"ED", "ES", ""}
    assert any(isinstance(event, Stage) and event.stage == "judging" for event in events)

"""What a base could do: that synthetic hearts are reported and real ones guarded, and how far a training goes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from learn_makers import BASE, add_clip

from matae.learn import RetrainOptions, retrain
from matae.learn.guard import KEPT_MARGIN, agreement, base_on, saw_only_synthetic
from matae.learn.replay import Replay, load_replay
from matae.learn.uncorrected import Pictures
from matae.models import find_model, rewrite_card
from matae.nn.matae import Matae
from matae.store import Study
from matae.train.data import load_frames
from matae.train.progress import StoppedError

OPTIONS = RetrainOptions(base=BASE, against=BASE, kind="full", steps=8, device="cpu", name="after")


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch, known: Path) -> list[bool]:
    """Let frames like those the base was trained on stand for the phantom's; return whether they are to be mixed."""
    asked: list[bool] = []
    frames = Replay("phantom", load_frames(known, "train", 32), load_frames(known, "val", 32), is_packaged=True)

    def load(*_: object, mixed: bool, **__: object) -> Replay:
        asked.append(mixed)
        return frames

    monkeypatch.setattr("matae.learn.replay.load_replay", load)
    return asked


def test_what_a_card_says() -> None:
    assert saw_only_synthetic(find_model("matae-phantom").card)
    assert not saw_only_synthetic(find_model("matae-lv").card)
    card = find_model("matae-lv").card
    assert saw_only_synthetic(replace(card, limits=("It has never seen a real heart: look twice.",)))


@pytest.mark.parametrize("whole_first", [False, True])
def test_hearts_that_are_not_mixed_in_are_not_drawn(
    matae_home: Path, monkeypatch: pytest.MonkeyPatch, whole_first: bool
) -> None:
    monkeypatch.setattr("matae.learn.replay._HEARTS", 3)
    monkeypatch.setattr("matae.learn.replay._GUARD", 1)
    drawn: list[tuple[int, int]] = []

    def load(mixed: bool) -> Replay:
        return load_replay("auto", 32, mixed=mixed, progress=lambda *done: drawn.append(done))

    one, other = [load(mixed) for mixed in ((True, False) if whole_first else (False, True))]
    # The second finds what it needs where everything was drawn; the guard alone is not everything.
    assert drawn == ([(1, 3), (2, 3), (3, 3)] if whole_first else [(1, 1), (1, 3), (2, 3), (3, 3)])
    alone, whole = (other, one) if whole_first else (one, other)
    assert alone.frames is None
    assert whole.frames is not None
    assert len(whole.frames) == 4
    assert alone.guard is not None
    assert whole.guard is not None
    assert alone.guard.digest() == whole.guard.digest()
    assert alone.is_packaged


def make_synthetic(name: str) -> None:
    rewrite_card(name, replace(find_model(name).card, data="Drawn. No patient's picture was used to train it."))


def test_nothing_goes_back_for_the_sake_of_synthetic_hearts(study: Study, base: str, packaged: list[bool]) -> None:
    make_synthetic(BASE)
    add_clip(study, Path(study.target).parent / "clips", "u")
    study.set_split("u", "train")
    verdict = retrain(study, OPTIONS)
    assert packaged == [False]
    facts = find_model("after").card.training["retrain"]
    assert facts["kept"] == {"shallow": 1.0, "deep": 1.0}
    assert facts["replay"] == "none"
    # It is told all the same, and has no say, however bad.
    assert verdict.guard is not None
    assert verdict.guard.before > 0.75
    assert not verdict.guard_known
    assert verdict.kept is None
    assert "guard frames" not in verdict.sentence


def test_a_base_of_real_hearts_is_held_to_its_own_masks(
    study: Study, base: str, packaged: list[bool], clips: Path
) -> None:
    for subject in ("u", "v", "w"):
        add_clip(study, clips, subject, shifted=False)
        study.set_split(subject, "train")
    verdict = retrain(study, OPTIONS)
    assert packaged == [True]
    assert verdict.kept is not None
    assert (verdict.kept.n_patients, verdict.kept.n) == (2, 6)
    assert verdict.kept.before == 1.0
    facts = find_model("after").card.training["retrain"]
    assert facts["replay"] == "phantom"
    went_back = facts["kept"] != {"shallow": 1.0, "deep": 1.0}
    # Either all of it agrees, or it went back, and as far as there are shares.
    assert verdict.kept.after >= 1 - KEPT_MARGIN or facts["kept"]["shallow"] == 0.5
    assert went_back or verdict.kept.after >= 1 - KEPT_MARGIN
    assert not verdict.guard_known
    # Who guards is judged with, and nobody learnt from them.
    assert study.keyed("u") not in facts["subjects"]


@pytest.fixture
def pictures() -> Pictures:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (3, 32, 32)).astype(np.uint8)
    return Pictures(images, ("a", "b", "c"), ("p", "p", "q"), frozenset())


def test_a_network_agrees_with_itself(base_network: Matae, pictures: Pictures) -> None:
    kept = base_on(base_network, pictures, 32)
    assert kept.sure.shape == kept.frames.masks.shape == (3, 32, 32)
    np.testing.assert_array_equal(agreement(base_network, kept, 32), 1.0)
    for asked in (lambda: base_on(base_network, pictures, 32, lambda: True),
                  lambda: agreement(base_network, kept, 32, lambda: True)):  # fmt: skip
        with pytest.raises(StoppedError):
            asked()


def test_what_the_base_is_not_sure_of_does_not_count(base_network: Matae, pictures: Pictures) -> None:
    kept = base_on(base_network, pictures, 32)
    opposite = replace(kept.frames, masks=(1 - kept.frames.masks).astype(np.uint8))
    inverted = replace(kept, frames=opposite)
    assert agreement(base_network, inverted, 32).mean() < 0.6
    unsure = replace(inverted, sure=np.zeros_like(kept.sure))
    np.testing.assert_array_equal(agreement(base_network, unsure, 32), 1.0)

"""Agreement of raters: figures against a second way to compute them, and what may not be compared."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from matae.cine import Cine, Spacing
from matae.cli import app
from matae.readers import ClipAgreement, clip_agreement, pair_agreements, study_agreement
from matae.store import Edit, FrameStatus, Study
from matae.store.types import StoredMeasurement


def disc(size: float) -> np.ndarray:
    rows, columns = np.mgrid[:24, :32]
    return (np.hypot(rows - 12, columns - 16) < size).astype(np.uint8)


def make_cine(seed: int = 0) -> Cine:
    from pathlib import Path

    frames = np.random.default_rng(seed).integers(0, 255, (4, 24, 32)).astype(np.uint8)
    return Cine(frames, np.arange(4) / 50, Spacing(0.3, 0.4), Path(f"/clips/clip{seed}.dcm"), view="A4C")


@pytest.fixture
def target(tmp_path) -> str:
    place = str(tmp_path / "study.matae")
    with Study.create(place) as study:
        study.set_blind(True)
        for seed in range(2):
            study.add_cine(make_cine(seed), subject=f"p{seed}")
    return place


def read(target: str, rater: str, seed: int, sizes: dict[int, float], ef: float | None, *doubts: str) -> None:
    identity = make_cine(seed).content_id
    with Study.open(target, rater=rater, as_reader=True) as study:
        study.put_edits(identity, [Edit(t, disc(size), 0, FrameStatus.ACCEPTED) for t, size in sizes.items()])
        study.put_measurement(identity, StoredMeasurement(ef, 40.0, 60.0, doubts=doubts, view="A4C"))
        study.finish_reading(identity)


def test_nothing_is_compared_before_two_have_finished(target) -> None:
    with Study.open(target) as study:
        assert study_agreement(study) == ([], 0)
        assert pair_agreements([]) == []
    read(target, "anna", 0, {0: 6}, 50.0)
    identity = make_cine(0).content_id
    with Study.open(target, rater="bela", as_reader=True) as bela:
        bela.put_edits(identity, [Edit(0, disc(5))])
        assert clip_agreement(bela, identity) == []
        assert study_agreement(bela, measure=False) == ([], 1)


def test_dice_and_ejection_fraction_of_a_clip(target) -> None:
    read(target, "anna", 0, {0: 6, 1: 6}, 50.0)
    read(target, "bela", 0, {0: 5, 2: 6}, 46.0)
    with Study.open(target) as study:
        (found,) = clip_agreement(study, make_cine(0).content_id)
    one, two = disc(6) > 0, disc(5) > 0
    assert found.dice == {0: pytest.approx(2 * (one & two).sum() / (one.sum() + two.sum()))}
    assert found.ef_difference == 4.0
    assert found.words == f"2 readers, Dice {found.mean_dice:.2f}, EF 4 points apart"


def test_what_is_not_reliable_is_never_compared(target) -> None:
    read(target, "anna", 0, {0: 6}, 50.0)
    read(target, "bela", 0, {0: 5}, 46.0, "cut-off")
    with Study.open(target) as study:
        clips, _ = study_agreement(study, measure=False)
    assert clips[0].ef_difference is None
    assert clips[0].words.endswith("EF not compared")
    assert pair_agreements(clips)[0].bias is None


def clip(number: int, one: float, two: float, raters: tuple[str, str] = ("anna", "bela")) -> ClipAgreement:
    measured = (StoredMeasurement(one), StoredMeasurement(two))
    return ClipAgreement(f"c{number}", f"clip {number}", f"p{number}", raters, {0: 0.9 + number / 100}, measured, True)


def test_bias_and_limits_are_those_of_bland_and_altman() -> None:
    values = [(60.0, 58.0), (55.0, 57.0), (40.0, 35.0), (62.0, 61.0)]
    clips = [clip(n, *pair) for n, pair in enumerate(values)]
    clips[2] = clip(2, 35.0, 40.0, ("bela", "anna"))  # whoever came first: the sign is that of the pair
    (pair,) = pair_agreements(clips)
    apart = np.array([2.0, -2.0, 5.0, 1.0])
    spread = apart.std(ddof=1)
    assert pair.bias == pytest.approx(apart.mean())
    assert (pair.low, pair.high) == pytest.approx((apart.mean() - 1.96 * spread, apart.mean() + 1.96 * spread))
    # t(0.975, 3) = 3.182446 from the tables
    assert pair.bias_ci95 == pytest.approx((1.5 - 3.182446 * spread / 2, 1.5 + 3.182446 * spread / 2), abs=1e-4)
    half = 3.182446 * spread * np.sqrt(1 / 4 + 1.96**2 / 6)
    assert pair.high_ci95 == pytest.approx((pair.high - half, pair.high + half), abs=1e-4)
    assert (pair.n_clips, pair.n_patients, pair.n_frames, pair.n_ef) == (4, 4, 4, 4)
    assert pair.dice_ci95[0] < pair.dice < pair.dice_ci95[1]


def test_one_patient_allows_no_interval() -> None:
    (pair,) = pair_agreements([clip(0, 60.0, 58.0)])
    assert (pair.bias, pair.bias_ci95, pair.low, pair.dice_ci95) == (2.0, None, None, None)


def test_the_commands_say_it_and_choose(target) -> None:
    run = CliRunner().invoke
    read(target, "anna", 0, {0: 6}, 50.0)
    read(target, "bela", 0, {0: 5}, 46.0)
    said = run(app, ["study", "readers", target])
    assert said.exit_code == 0, said.output
    assert "anna and bela: 1 clips of 1 patients, all blind" in said.output
    facts = json.loads(run(app, ["study", "readers", target, "--json", "--no-measure"]).stdout)
    assert (facts["pairs"][0]["bias"], facts["clips"][0]["chosen"]) == (4.0, None)
    assert "EF bias +4.0" in run(app, ["study", "status", target]).output
    assert json.loads(run(app, ["study", "status", target, "--json"]).stdout)["readers"][0]["n_clips"] == 1
    out = run(app, ["export", "--study", target, "--format", "png", "--preview"])
    assert out.exit_code == 1
    assert "anna and bela read clip0 and differ" in out.output
    named = run(app, ["export", "--study", target, "--format", "png", "--preview", "--reading", "anna"])
    assert "its file is not where it was" in named.output  # it got as far as the file
    took = run(app, ["study", "adjudicate", target, "clip0", "--take", "bela", "--rater", "cora"])
    assert took.output == "bela's reading counts, as cora decided\n"
    assert "readings are open" in run(app, ["study", "blind", target, "--off"]).output


def test_a_retraining_leaves_out_what_nobody_has_chosen(target) -> None:
    from matae.learn.gather import choose_labels
    from matae.learn.options import RetrainOptions

    read(target, "anna", 0, {0: 6}, 50.0)
    read(target, "bela", 0, {0: 5}, 46.0)
    with Study.open(target, rater="cora") as study:
        chosen, notices = choose_labels(study, RetrainOptions())
        assert chosen == {}
        assert any("nobody having chosen" in notice for notice in notices)
        study.adjudicate(make_cine(0).content_id, "anna")
        assert list(choose_labels(study, RetrainOptions())[0]) == [make_cine(0).content_id]

"""What of a verdict a rater sees who reads clips blind: no frame of others, no mean that tells one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from learn_makers import BASE
from typer.testing import CliRunner

from matae.cli import app
from matae.learn.blinded import (
    LEAST_CLIPS,
    WITHHELD,
    WITHHELD_SCORES,
    is_withheld,
    seen_by,
    without_hidden,
    without_hidden_scores,
)
from matae.learn.channel import RunCallbacks
from matae.learn.events import Done, Event, Notice, Validation
from matae.learn.forecast import earlier_points
from matae.learn.gather import Clip
from matae.learn.options import RetrainOptions
from matae.learn.paired import compare
from matae.learn.verdict import AGREEMENT, HELD_OUT, FrameChange, MinutesSaved, Side, Verdict
from matae.models import find_model
from matae.store import Study

CLIPS = ("c0", "c1", "c2", "c3")


def side(meaning: str, clips: tuple[str, ...] = CLIPS) -> Side:
    won = 0.01 if meaning == HELD_OUT else 0.02
    frames = tuple(FrameChange(clip, t, clip, "", 0.8, 0.8 + won * t) for clip in clips for t in (1, 2))
    before, after = [f.dice_before for f in frames], [f.dice_after for f in frames]
    dice = compare("dice", before, after, [f.patient for f in frames])
    return Side(meaning, ("val",), len(frames), len(clips), {"dice": dice}, frames)


@pytest.fixture
def verdict() -> Verdict:
    minutes = MinutesSaved(3.5, 12, "From 12 timings.")
    return Verdict(
        "new", "old", side(HELD_OUT), side(AGREEMENT, ("t0", "t1")), None, False, minutes, "better", "Dice 0.8, 0.815."
    )


def test_nothing_hidden_is_the_same(verdict: Verdict) -> None:
    nobody = replace(verdict, held_out=side(HELD_OUT, ()), agreement=side(AGREEMENT, ()))
    assert without_hidden(nobody, {"c0"}) is nobody
    assert without_hidden(verdict, set()) is verdict
    assert without_hidden(verdict, {"another clip"}) is verdict


def test_a_mean_over_few_hidden_clips_is_withheld_with_all_that_rests_on_it(verdict: Verdict) -> None:
    whole = verdict.held_out.figures["dice"]
    for n in range(1, LEAST_CLIPS):
        seen = without_hidden(verdict, set(CLIPS[:n]))
        assert {frame.content_id for frame in seen.held_out.frames} == set(CLIPS[n:])
        # Whoever had the mean and the other frames would have the hidden one.
        assert seen.held_out.figures == {}
        assert is_withheld(seen.held_out)
        assert (seen.held_out.n_frames, seen.held_out.n_hidden) == (8, 2 * n)
        assert seen.sentence == seen.minutes.sentence == WITHHELD
        assert seen.minutes.per_100_frames is None
        assert (seen.outcome, seen.agreement) == (verdict.outcome, verdict.agreement)
        assert f"{whole.after}" not in json.dumps([seen.to_json(), seen.card_figures()["held-out patients"]])
        assert Verdict.from_json(seen.to_json()) == seen
    many = without_hidden(verdict, set(CLIPS[:LEAST_CLIPS]))
    assert many.held_out.figures == verdict.held_out.figures
    assert {frame.content_id for frame in many.held_out.frames} == {"c3"}
    assert not is_withheld(many.held_out)
    assert many.sentence == verdict.sentence


def test_a_figure_of_some_frames_is_withheld_where_it_may_hold_few_hidden_clips(verdict: Verdict) -> None:
    held = verdict.held_out
    values, of = [0.8] * 8, [frame.patient for frame in held.frames]
    gap = [float("nan")]
    figures = {
        "dice": held.figures["dice"],
        "hd95": compare("hd95", values[:7] + gap, values[:7] + gap, of),  # of c3 one frame is left
        "structure_dice left atrium": compare("structure_dice left atrium", values[:2] + 6 * gap, values, of),
        "ef_error": compare("ef_error", [5.0, 6.0], [4.0, 4.0], ["c0", "c1"]),  # two of four hearts
    }
    some = replace(verdict, held_out=replace(held, figures=figures))
    seen = without_hidden(some, set(CLIPS))
    assert set(seen.held_out.figures) == {"dice", "hd95"}
    assert (seen.sentence, is_withheld(seen.held_out)) == (verdict.sentence, False)
    hearts = compare("ef_error", [5.0] * 4, [4.0] * 4, list(CLIPS))
    some = replace(verdict, held_out=replace(held, figures=figures | {"ef_error": hearts}))
    assert "ef_error" in without_hidden(some, set(CLIPS[:LEAST_CLIPS])).held_out.figures
    # Without the Dice nothing is left to stand beside it.
    few = compare("dice", values[:4] + 4 * gap, values, of)
    some = replace(verdict, held_out=replace(held, figures=figures | {"dice": few}))
    assert is_withheld(without_hidden(some, set(CLIPS)).held_out)
    assert without_hidden(some, set(CLIPS)).sentence == WITHHELD


def test_training_frames_are_withheld_for_themselves(verdict: Verdict) -> None:
    seen = without_hidden(verdict, {"t0"})
    assert is_withheld(seen.agreement)
    assert (seen.held_out, seen.sentence, seen.minutes) == (verdict.held_out, verdict.sentence, verdict.minutes)


@pytest.mark.parametrize("n", range(5))
def test_the_validation_dice_is_said_where_it_tells_no_single_reading(n: int) -> None:
    clips = [Clip(f"c{i}", f"p{i}", "val", {0: 1}) for i in range(4)] + [Clip("t", "q", "train", {0: 1})]
    corrections: Any = SimpleNamespace(clips=clips)
    heard: list[Event] = []
    hidden = {f"c{i}" for i in range(n)} | {"t"}  # a training clip tells nothing of the validation's mean
    link = without_hidden_scores(RunCallbacks(heard.append), corrections, hidden)
    said = Validation(3, None, 2.0, {"1": 0.9}, {"1": 0.8}, 2)
    link.emit(said)
    link.emit(Done("made"))
    if 0 < n < LEAST_CLIPS:
        assert heard == [Notice(WITHHELD_SCORES), replace(said, dice={}, iou={}), Done("made")]
    else:
        assert heard == [said, Done("made")]


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_line_says_what_any_rater_may_see(study: Study, base: str, tmp_path: Path) -> None:
    target, reader = study.target, study.rater
    held = [cine.content_id for cine in study.cines() if cine.known_subject in {"e", "f", "g"}]
    study.adjudicate(held[0], reader)  # which is open to all; the other two are read by one rater so far
    study.set_blind(True)
    out, compared = tmp_path / "verdict.json", tmp_path / "compared.json"
    said = run("retrain", "--study", target, "--base", BASE, "--steps", 2, "--replay", "none", "--name", "mine",
               "--device", "cpu", "--json", out)  # fmt: skip
    said += run("models", "compare", BASE, "mine", "--study", target, "--device", "cpu", "--json", compared)
    assert said.count(WITHHELD) >= 2
    assert said.count(WITHHELD_SCORES) == 1  # two validation clips are still read
    for path in (out, compared):
        found = json.loads(path.read_text())
        assert {frame["content_id"] for frame in found["held_out"]["frames"]} == {held[0]}
        assert {f["content_id"] for key in ("most_improved", "most_harmed") for f in found["held_out"][key]} <= {
            held[0]
        }
        assert found["held_out"]["figures"] == {}
        assert found["held_out"]["n_hidden"] == 6
        assert found["agreement"]["frames"] == []  # of four clips, all of them read by another
        assert found["agreement"]["figures"]["dice"]["n"] == 12
    card = find_model("mine").card.figures
    assert "dice" not in card["held-out patients"]
    assert card["verdict"]["sentence"] == WITHHELD
    with Study.open(target, rater="somebody else") as theirs, Study.open(target, rater=reader) as own:
        options = RetrainOptions(base=BASE, kind=RetrainOptions.kind)
        assert earlier_points(theirs, options) == []
        assert len(earlier_points(own, options)) == 1  # whoever drew them all
        whole = Verdict.read(next((tmp_path / "home" / "runs").glob("*/verdict.json")))
        assert seen_by(whole, own) == whole
        assert is_withheld(seen_by(whole, theirs).held_out)

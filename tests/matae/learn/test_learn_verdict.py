"""The verdict as data and in words: what goes into its JSON and the model's card, and every reason in its sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.errors import TrainError
from matae.learn.paired import compare
from matae.learn.verdict import (
    AGREEMENT,
    GUARD_MARGIN,
    HELD_OUT,
    MIN_GAIN,
    NOT_COMPARABLE,
    OUTCOMES,
    UNCLEAR,
    WORSE,
    Decision,
    FrameChange,
    MinutesSaved,
    Side,
    Verdict,
    decide,
)
from matae.learn.verdict import (
    BETTER as IS_BETTER,
)
from matae.records import RecordError

if TYPE_CHECKING:
    from pathlib import Path

PATIENTS = list("abcdef")


def frames(gains: list[float]) -> tuple[FrameChange, ...]:
    return tuple(
        FrameChange(f"c{n}", n, PATIENTS[n % 6], "ED" if n % 2 else "ES", 0.8, 0.8 + gain)
        for n, gain in enumerate(gains)
    )


def side(before: list[float], after: list[float], meaning: str = HELD_OUT, **more: object) -> Side:
    patients = PATIENTS[: len(before)]
    figures = {"dice": compare("dice", before, after, patients)} | more
    changed = frames([b - a for a, b in zip(before, after, strict=True)])
    return Side(meaning, ("test",), len(before), len(set(patients)), figures, changed)


def worse(name: str) -> dict[str, object]:
    return {name: compare(name, [0.9] * 6, [0.5] * 6, PATIENTS)}


def test_of_several_structures_the_cavity_decides_and_the_others_are_said() -> None:
    atrium = worse("structure_dice left atrium")
    held_out = side([0.8] * 6, [0.9, 0.88, 0.91, 0.9, 0.87, 0.9], **atrium)
    outcome, sentence = decide(held_out, None, guard_known=False)
    assert outcome == IS_BETTER
    assert sentence.endswith("Of the structures beside it got worse: Dice of the left atrium.")
    # The cavity stands among the structures in the tables; beside itself it is not.
    alone = side([0.8] * 6, [0.9, 0.88, 0.91, 0.9, 0.87, 0.9], **worse("structure_dice left ventricular cavity"))
    assert "beside it" not in decide(alone, None, guard_known=False).sentence
    harmed = side([0.9] * 6, [0.5] * 6, **better("structure_dice left atrium"))
    assert decide(harmed, None, guard_known=False).outcome == WORSE


def better(name: str) -> dict[str, object]:
    return {name: compare(name, [0.5] * 6, [0.9] * 6, PATIENTS)}


BETTER = ([0.8] * 6, [0.9, 0.88, 0.91, 0.9, 0.87, 0.9])


def a_verdict(**changed: object) -> Verdict:
    held_out, agreement = side(*BETTER), side(*BETTER, AGREEMENT)
    guard = compare("guard dice", [0.95] * 6, [0.949] * 6, PATIENTS, margin=GUARD_MARGIN)
    found = decide(held_out, guard, guard_known=True, agreement=agreement)
    minutes = MinutesSaved(3.5, 12, "From 12 timings.")
    made = Verdict("new", "old", held_out, agreement, guard, True, minutes, *found, "ab" * 32, "cd" * 32)
    return replace(made, **changed)


def test_it_is_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    inverted = replace(side(*BETTER), n_inverted=2)
    for made in (a_verdict(), a_verdict(guard=None), a_verdict(outcome=UNCLEAR), a_verdict(held_out=inverted)):
        text = json.dumps(made.to_json(), allow_nan=False)
        assert Verdict.from_json(json.loads(text)) == made
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "verdict.json").write_text(text)
        assert Verdict.read(tmp_path / "run" / "verdict.json") == made


def test_a_verdict_of_before_weights_and_inverted_masks_were_kept_is_read() -> None:
    values = a_verdict().to_json()
    del values["sha256"], values["against_sha256"]
    for name in ("held_out", "agreement"):
        del values[name]["n_inverted"]
    found = Verdict.from_json(values)
    assert (found.sha256, found.against_sha256, found.held_out.n_inverted) == ("", "", 0)


def before_outcomes(made: Verdict, *, offered: bool) -> dict[str, object]:
    values = made.to_json() | {"offered": offered}
    del values["outcome"]
    return values


def test_a_verdict_of_before_there_were_three_outcomes_is_judged_by_its_figures() -> None:
    found = Verdict.from_json(before_outcomes(a_verdict(), offered=True))
    assert (found.outcome, found.offered, found.sentence) == (IS_BETTER, True, a_verdict().sentence)
    # What was not offered then is not called better now.
    assert Verdict.from_json(before_outcomes(a_verdict(), offered=False)).outcome == UNCLEAR
    chance = a_verdict(held_out=side([0.8] * 6, [0.95, 0.79, 0.81, 0.79, 0.8, 0.82]))
    assert Verdict.from_json(before_outcomes(chance, offered=True)).outcome == UNCLEAR
    # Two patients were drawn with replacement then: the interval went from one to the other.
    few = side([0.8, 0.8], [0.9, 0.82])
    drawn = replace(few.figures["dice"], difference_ci95=(0.02, 0.1))
    few = a_verdict(held_out=replace(few, figures={"dice": drawn}))
    assert Verdict.from_json(before_outcomes(few, offered=True)).outcome == UNCLEAR
    harmed = a_verdict(held_out=side(*BETTER, **worse("iou")))
    assert Verdict.from_json(before_outcomes(harmed, offered=False)).outcome == WORSE
    nothing = a_verdict(held_out=replace(side(*BETTER), figures={}))
    assert Verdict.from_json(before_outcomes(nothing, offered=False)).outcome == NOT_COMPARABLE
    for offered in (None, "yes", 1):
        with pytest.raises(RecordError, match="offered"):
            Verdict.from_json(before_outcomes(a_verdict(), offered=True) | {"offered": offered})


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": 1}', "null"])
def test_a_damaged_verdict_names_its_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "run-7").mkdir()
    path = tmp_path / "run-7" / "verdict.json"
    with pytest.raises(TrainError, match="The verdict of the run run-7 is gone or damaged; compare the two models"):
        Verdict.read(path)
    path.write_text(text)
    with pytest.raises(TrainError, match="The verdict of the run run-7 is gone or damaged; compare the two models"):
        Verdict.read(path)


def test_the_json_has_what_its_docs_say() -> None:
    values = a_verdict().to_json()
    assert set(values) == {
        "name", "against", "sha256", "against_sha256", "outcome", "offered", "sentence", "test", "held_out",
        "agreement", "guard", "guard_known", "kept", "minutes_saved",
    }  # fmt: skip
    assert (values["outcome"], values["offered"]) == ("better", True)
    assert (values["name"], values["against"], values["guard_known"]) == ("new", "old", True)
    assert values["minutes_saved"] == {"per_100_frames": 3.5, "n_timed": 12, "sentence": "From 12 timings."}
    held_out = values["held_out"]
    assert (held_out["meaning"], held_out["sides"]) == (HELD_OUT, ["test"])
    assert (held_out["n_frames"], held_out["n_patients"], held_out["n_inverted"]) == (6, 6, 0)
    assert held_out["figures"]["dice"]["before"] == pytest.approx(0.8)
    assert len(held_out["frames"]) == 6
    assert held_out["most_harmed"] == []
    assert [frame["content_id"] for frame in held_out["most_improved"]] == ["c2", "c0", "c3", "c5", "c1"]
    assert "one-sided sign-flip test" in values["test"]


def test_the_card_has_means_and_counts_and_nobody() -> None:
    figures = a_verdict().card_figures()
    assert figures["verdict"] == {
        "outcome": "better", "offered": True, "against": "old", "sentence": a_verdict().sentence,
        "test": a_verdict().to_json()["test"],
        "sha256": "ab" * 32, "against_sha256": "cd" * 32,
    }  # fmt: skip
    held_out = figures["held-out patients"]
    assert (held_out["meaning"], held_out["n_frames"], held_out["n_patients"]) == (HELD_OUT, 6, 6)
    assert set(held_out["dice"]) == {"before", "after", "difference_ci95", "n"}
    assert held_out["dice"]["after"] == pytest.approx(0.8933, abs=1e-4)
    assert figures["agreement with edits (training patients)"]["meaning"] == AGREEMENT
    assert figures["guard"] == {"before": pytest.approx(0.95), "after": pytest.approx(0.949), "n": 6}
    assert a_verdict(guard=None).card_figures()["guard"] is None
    text = json.dumps(figures)
    assert "c0" not in text
    assert "frames" not in held_out


def test_what_changed_most_comes_first_and_only_that_way() -> None:
    found = replace(side(*BETTER), frames=frames([0.1, -0.2, 0.0, 0.3, -0.1, 0.05, 0.02, 0.01]))
    assert [round(f.gain, 2) for f in found.most_improved()] == [0.3, 0.1, 0.05, 0.02, 0.01]
    assert [round(f.gain, 2) for f in found.most_improved(2)] == [0.3, 0.1]
    assert [round(f.gain, 2) for f in found.most_harmed()] == [-0.2, -0.1]
    assert [round(f.gain, 2) for f in found.most_harmed(1)] == [-0.2]


def test_the_sentence_of_a_gain() -> None:
    outcome, sentence = decide(side(*BETTER), None, guard_known=False)
    assert outcome == IS_BETTER
    assert sentence == (
        "Dice 0.800 before, 0.893 after on 6 frames of 6 held-out patients; nothing that matters got significantly "
        "worse."
    )
    one = side([0.8], [0.9])
    outcome, sentence = decide(one, None, guard_known=False)
    assert outcome == UNCLEAR
    assert sentence == (
        "Dice 0.800 before, 0.900 after on 1 frames of 1 held-out patient; of one patient nobody can say whether that "
        "is chance; correct frames of more held-out patients."
    )


def test_a_gain_over_an_interval_that_holds_zero_is_never_called_better() -> None:
    # After two training steps: Dice +0.003 (-0.016 to +0.020), HD95 1.35 mm worse.
    rng = np.random.default_rng(3)
    patients = [str(i) for i in range(10)]
    gains = rng.normal(0, 0.03, 10)
    gains += 0.003 - gains.mean()
    figures = {"dice": compare("dice", [0.85] * 10, 0.85 + gains, patients)}
    low, high = figures["dice"].difference_ci95
    assert low < 0 < high
    outcome, sentence = decide(Side(HELD_OUT, ("test",), 10, 10, figures, ()), None, guard_known=False)
    assert outcome == UNCLEAR
    assert sentence == (
        "Dice 0.850 before, 0.853 after on 10 frames of 10 held-out patients; the 95 % interval of the difference, "
        f"{low:+.3f} to {high:+.3f}, holds zero, so it may be chance; correct more held-out frames to tell."
    )
    further = compare("hd95", [6.0] * 10, 7.35 + rng.normal(0, 0.5, 10), patients, higher_is_better=False)
    outcome, sentence = decide(
        Side(HELD_OUT, ("test",), 10, 10, figures | {"hd95": further}, ()), None, guard_known=False
    )
    assert (outcome, sentence.endswith("held-out patients, but significantly worse: HD95.")) == (WORSE, True)


@given(
    st.lists(st.floats(-0.2, 0.2, allow_nan=False), min_size=2, max_size=12),
    st.lists(st.floats(-5, 5, allow_nan=False), min_size=12, max_size=12),
)
def test_better_means_an_interval_above_zero_and_nothing_lost(gains: list[float], further: list[float]) -> None:
    n, patients = len(gains), [str(i) for i in range(len(gains))]
    figures = {
        "dice": compare("dice", [0.7] * n, [0.7 + g for g in gains], patients),
        "hd95": compare(
            "hd95", [5.0] * n, [5 + g for g in further[:n]], patients, higher_is_better=False, tolerance=0.3
        ),
    }
    outcome, sentence = decide(Side(HELD_OUT, ("test",), n, n, figures, ()), None, guard_known=False)
    dice = figures["dice"]
    assert outcome in OUTCOMES
    assert sentence.endswith(".")
    if outcome == IS_BETTER:
        assert dice.difference_ci95[0] > 0
        assert dice.difference >= MIN_GAIN
        assert not figures["hd95"].worse
    if outcome == WORSE:
        assert dice.worse or figures["hd95"].worse


@pytest.mark.parametrize(
    ("gain", "outcome"), [(0.0, UNCLEAR), (MIN_GAIN * 0.98, UNCLEAR), (MIN_GAIN * 1.02, IS_BETTER)]
)
def test_a_gain_below_what_rounding_moves_is_none(gain: float, outcome: str) -> None:
    found, sentence = decide(side([0.8] * 6, [0.8 + gain] * 6), None, guard_known=False)
    assert found == outcome
    assert sentence.startswith("Dice 0.800 before, 0.80")
    assert ("rounding the weights moves as much" in sentence) is (0 < gain < MIN_GAIN)


def test_three_patients_that_agree_are_enough_and_three_that_do_not_are_not() -> None:
    # The t interval of three: 4.3 standard errors to each side, where drawing them would go to the smallest gain only.
    agree = side([0.6] * 3, [0.70, 0.72, 0.68])
    assert decide(agree, None, guard_known=False).outcome == IS_BETTER
    unsure = side([0.6] * 3, [0.61, 0.72, 0.68])
    assert min(0.01, 0.12, 0.08) > 0 > unsure.figures["dice"].difference_ci95[0]
    assert decide(unsure, None, guard_known=False).outcome == UNCLEAR


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("iou", "IoU"), ("pixel_accuracy", "pixel accuracy"), ("dice 1/4", "Dice at width 1/4"),
        ("iou 1/8", "IoU at width 1/8"), ("other", "other"),
    ],
)  # fmt: skip
def test_whatever_got_worse_is_named(name: str, words: str) -> None:
    outcome, sentence = decide(side(*BETTER, **worse(name)), None, guard_known=False)
    assert outcome == WORSE
    assert sentence.endswith(f", but significantly worse: {words}.")


def test_figures_of_which_less_is_better_are_named_too() -> None:
    for name, words in (("hd95", "HD95"), ("ef_error", "the error of the ejection fraction")):
        more = {name: compare(name, [3.0] * 6, [9.0] * 6, PATIENTS, higher_is_better=False)}
        assert decide(side(*BETTER, **more), None, guard_known=False)[1].endswith(f"significantly worse: {words}.")


def test_two_reasons_are_both_named_and_few_patients_are_said() -> None:
    outcome, sentence = decide(side(*BETTER, **worse("iou"), **worse("dice 1/2")), None, guard_known=False)
    assert outcome == WORSE
    assert sentence.endswith("worse: IoU, Dice at width 1/2.")
    few = side([0.8, 0.8], [0.9, 0.9], iou=compare("iou", [0.8, 0.8], [0.7, 0.75], ["a", "b"]))
    outcome, sentence = decide(few, None, guard_known=False)
    assert outcome == UNCLEAR
    assert "; worse on average, of too few patients to call it chance or not: IoU; correct frames of more" in sentence
    clear = side([0.8, 0.8], [0.9, 0.9], iou=compare("iou", [0.8, 0.8], [0.7, 0.701], ["a", "b"]))
    assert decide(clear, None, guard_known=False).outcome == WORSE


def test_a_loss_is_worse_only_where_it_is_clear() -> None:
    assert decide(side([0.9] * 6, [0.85, 0.86, 0.84, 0.87, 0.83, 0.85]), None, guard_known=False) == (
        WORSE, "Dice 0.900 before, 0.850 after on 6 frames of 6 held-out patients; significantly worse: Dice."
    )  # fmt: skip
    scattered = side([0.8] * 6, [0.7, 0.84, 0.83, 0.75, 0.82, 0.8])
    assert scattered.figures["dice"].difference < 0
    assert decide(scattered, None, guard_known=False).outcome == UNCLEAR


@pytest.mark.parametrize(("known", "after", "offered"), [(True, 0.93, False), (False, 0.93, True), (True, 0.945, True)])
def test_what_was_known_before_has_a_say(known: bool, after: float, offered: bool) -> None:
    guard = compare("guard dice", [0.95] * 6, [after] * 6, PATIENTS, margin=GUARD_MARGIN)
    found, sentence = decide(side(*BETTER), guard, guard_known=known)
    assert found == (IS_BETTER if offered else WORSE)
    assert ("what it knew before (the guard frames)" in sentence) is not offered


@pytest.mark.parametrize(("after", "outcome"), [(0.97, IS_BETTER), (0.9, WORSE)])
def test_agreement_with_the_base_has_a_say(after: float, outcome: str) -> None:
    kept = compare("agreement with the base", [1.0] * 6, [after] * 6, PATIENTS, margin=0.05)
    found, sentence = decide(side(*BETTER), None, guard_known=False, kept=kept)
    assert found == outcome
    assert ("agreement with the base where that was sure, on patients nobody corrected" in sentence) is kept.worse
    made = a_verdict(kept=kept)
    assert Verdict.from_json(json.loads(json.dumps(made.to_json()))) == made
    figures = made.card_figures()["agreement with the base (patients nobody corrected)"]
    assert figures == {"before": 1.0, "after": pytest.approx(after), "n": 6}


@pytest.mark.parametrize(("which", "what"), [("held_out", "held-out"), ("agreement", "training")])
def test_labels_that_look_inverted_say_nothing(which: str, what: str) -> None:
    sides = {"held_out": side(*BETTER), "agreement": side(*BETTER, AGREEMENT)}
    half = sides | {which: replace(sides[which], n_inverted=3)}
    assert decide(half["held_out"], None, guard_known=False, agreement=half["agreement"]).outcome == IS_BETTER
    most = sides | {which: replace(sides[which], n_inverted=4)}
    outcome, sentence = decide(most["held_out"], None, guard_known=False, agreement=most["agreement"])
    assert outcome == NOT_COMPARABLE
    assert sentence == (
        f"In 4 of 6 {what} frames the cavity fills most of the picture, as in an inverted mask, so nothing says that "
        "it got better; look at the labels and correct or reject them."
    )


def test_no_frame_says_nothing() -> None:
    nothing = replace(side(*BETTER), figures={"dice": compare("dice", [], [], [])})
    assert decide(nothing, None, guard_known=False) == Decision(
        NOT_COMPARABLE, "No held-out frame could be compared; nothing says that it got better."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("held_out", "figures", "dice", "before"), "0.8"),
        (("held_out", "frames", 0, "frame"), None),
        (("agreement", "n_frames"), 1.5),
        (("outcome",), "yes"),
        (("outcome",), True),
        (("minutes_saved",), []),
    ],
)
def test_a_verdict_whose_figures_are_none_is_damaged(
    tmp_path: Path, path: tuple[str | int, ...], value: object
) -> None:
    values = json.loads(json.dumps(a_verdict().to_json()))
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (tmp_path / "verdict.json").write_text(json.dumps(values))
    with pytest.raises(TrainError, match="is gone or damaged; compare the two models again"):
        Verdict.read(tmp_path / "verdict.json")


@pytest.mark.parametrize(("minutes", "words"), [(3.5, "3.5 minutes saved on"), (-6.2, "6.2 minutes more on")])
def test_the_terminal_saves_no_negative_minutes(minutes: float, words: str) -> None:
    from matae.cli.retrain import verdict_lines

    lines = verdict_lines(a_verdict(minutes=MinutesSaved(minutes, 12, "From 12 timings.")))
    assert any(line.startswith(f"{words} 100 frames. From 12 timings.") for line in lines)


def test_the_terminal_has_room_for_the_names_of_structures() -> None:
    from matae.cli.retrain import verdict_lines

    name = "structure_dice left ventricular myocardium"
    lines = verdict_lines(a_verdict(held_out=side(*BETTER, **better(name))))
    (row,) = [line for line in lines if line.startswith("dice, left ventricular myocardium ")]
    (head, *_) = [line for line in lines if line.startswith("figure")]
    assert row.index("0.500") == head.index("before") + 1
    assert row.split()[-2:] == ["6", "6"]
    assert lines[-1].startswith("Better: Dice 0.800 before")
    assert verdict_lines(a_verdict(outcome=UNCLEAR))[-2].startswith("No clear difference: Dice")
    assert "models promote new --by-choice" in verdict_lines(a_verdict(outcome=UNCLEAR))[-1]

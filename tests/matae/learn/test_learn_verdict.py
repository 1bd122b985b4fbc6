"""The verdict as data and in words: what goes into its JSON and the model's card, and every reason in its sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from matae.errors import TrainError
from matae.learn.paired import compare
from matae.learn.verdict import (
    AGREEMENT,
    GUARD_MARGIN,
    HELD_OUT,
    MIN_GAIN,
    FrameChange,
    MinutesSaved,
    Side,
    Verdict,
    decide,
    frames_by_patient,
)

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
    offered, sentence = decide(held_out, None, guard_known=False)
    assert offered
    assert sentence.endswith("Of the structures beside it got worse: Dice of the left atrium.")
    assert not decide(side([0.9] * 6, [0.5] * 6, **better("structure_dice left atrium")), None, guard_known=False)[0]


def better(name: str) -> dict[str, object]:
    return {name: compare(name, [0.5] * 6, [0.9] * 6, PATIENTS)}


BETTER = ([0.8] * 6, [0.9, 0.88, 0.91, 0.9, 0.87, 0.9])


def a_verdict(**changed: object) -> Verdict:
    held_out, agreement = side(*BETTER), side(*BETTER, AGREEMENT)
    guard = compare("guard dice", [0.95] * 6, [0.949] * 6, PATIENTS, margin=GUARD_MARGIN)
    offered, sentence = decide(held_out, guard, guard_known=True, agreement=agreement)
    minutes = MinutesSaved(3.5, 12, "From 12 timings.")
    made = Verdict("new", "old", held_out, agreement, guard, True, minutes, offered, sentence, "ab" * 32, "cd" * 32)
    return replace(made, **changed)


def test_it_is_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    inverted = replace(side(*BETTER), n_inverted=2)
    for made in (a_verdict(), a_verdict(guard=None), a_verdict(offered=False), a_verdict(held_out=inverted)):
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
        "name", "against", "sha256", "against_sha256", "offered", "sentence", "test", "held_out", "agreement", "guard",
        "guard_known", "minutes_saved",
    }  # fmt: skip
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
        "offered": True, "against": "old", "sentence": a_verdict().sentence, "test": a_verdict().to_json()["test"],
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
    assert {key: len(of) for key, of in frames_by_patient(found.frames).items()} == {
        "a": 2, "b": 2, "c": 1, "d": 1, "e": 1, "f": 1
    }  # fmt: skip
    assert [f.frame for f in frames_by_patient(found.frames)["a"]] == [0, 6]


def test_the_sentence_of_a_gain() -> None:
    offered, sentence = decide(side(*BETTER), None, guard_known=False)
    assert offered
    assert sentence == (
        "Dice 0.800 before, 0.893 after on 6 frames of 6 held-out patients; nothing that matters got significantly "
        "worse."
    )
    one = side([0.8], [0.9])
    offered, sentence = decide(one, None, guard_known=False)
    assert offered
    assert sentence == (
        "Dice 0.800 before, 0.900 after on 1 frames of 1 held-out patient; nothing that matters got significantly "
        "worse. The gain may still be chance: correct more held-out frames to be sure."
    )
    unsure = side([0.8] * 6, [0.95, 0.79, 0.81, 0.79, 0.8, 0.82])
    assert decide(unsure, None, guard_known=False)[1].endswith("correct more held-out frames to be sure.")


@pytest.mark.parametrize(("gain", "offered"), [(0.0, False), (MIN_GAIN * 0.98, False), (MIN_GAIN * 1.02, True)])
def test_a_gain_below_what_rounding_moves_is_none(gain: float, offered: bool) -> None:
    found, sentence = decide(side([0.8] * 6, [0.8 + gain] * 6), None, guard_known=False)
    assert found is offered
    assert sentence.startswith("Dice 0.800" if offered else "It did not get better: Dice 0.800 before, 0.80")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("iou", "IoU"), ("pixel_accuracy", "pixel accuracy"), ("dice 1/4", "Dice at width 1/4"),
        ("iou 1/8", "IoU at width 1/8"), ("other", "other"),
    ],
)  # fmt: skip
def test_whatever_got_worse_is_named(name: str, words: str) -> None:
    offered, sentence = decide(side(*BETTER, **worse(name)), None, guard_known=False)
    assert not offered
    assert sentence.endswith(f", but significantly worse: {words}.")


def test_figures_of_which_less_is_better_are_named_too() -> None:
    for name, words in (("hd95", "HD95"), ("ef_error", "the error of the ejection fraction")):
        more = {name: compare(name, [3.0] * 6, [9.0] * 6, PATIENTS, higher_is_better=False)}
        assert decide(side(*BETTER, **more), None, guard_known=False)[1].endswith(f"significantly worse: {words}.")


def test_two_reasons_are_both_named_and_few_patients_are_said() -> None:
    offered, sentence = decide(side(*BETTER, **worse("iou"), **worse("dice 1/2")), None, guard_known=False)
    assert not offered
    assert sentence.endswith("worse: IoU, Dice at width 1/2.")
    few = side([0.8, 0.8], [0.9, 0.9], iou=compare("iou", [0.8, 0.8], [0.7, 0.7], ["a", "b"]))
    assert ", but worse, with too few patients to call it chance: IoU." in decide(few, None, guard_known=False)[1]


@pytest.mark.parametrize(("known", "after", "offered"), [(True, 0.93, False), (False, 0.93, True), (True, 0.945, True)])
def test_what_was_known_before_has_a_say(known: bool, after: float, offered: bool) -> None:
    guard = compare("guard dice", [0.95] * 6, [after] * 6, PATIENTS, margin=GUARD_MARGIN)
    found, sentence = decide(side(*BETTER), guard, guard_known=known)
    assert found is offered
    assert ("what it knew before (the guard frames)" in sentence) is not offered


@pytest.mark.parametrize(("which", "what"), [("held_out", "held-out"), ("agreement", "training")])
def test_labels_that_look_inverted_say_nothing(which: str, what: str) -> None:
    sides = {"held_out": side(*BETTER), "agreement": side(*BETTER, AGREEMENT)}
    half = sides | {which: replace(sides[which], n_inverted=3)}
    assert decide(half["held_out"], None, guard_known=False, agreement=half["agreement"])[0]
    most = sides | {which: replace(sides[which], n_inverted=4)}
    offered, sentence = decide(most["held_out"], None, guard_known=False, agreement=most["agreement"])
    assert not offered
    assert sentence == (
        f"In 4 of 6 {what} frames the cavity fills most of the picture, as in an inverted mask, so nothing says that "
        "it got better; look at the labels and correct or reject them."
    )


def test_no_frame_says_nothing() -> None:
    nothing = replace(side(*BETTER), figures={"dice": compare("dice", [], [], [])})
    assert decide(nothing, None, guard_known=False) == (
        False, "No held-out frame could be compared; nothing says that it got better."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("held_out", "figures", "dice", "before"), "0.8"),
        (("held_out", "frames", 0, "frame"), None),
        (("agreement", "n_frames"), 1.5),
        (("offered",), "yes"),
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


def test_the_terminal_has_room_for_the_names_of_structures() -> None:
    from matae.cli.retrain import verdict_lines

    name = "structure_dice left ventricular myocardium"
    lines = verdict_lines(a_verdict(held_out=side(*BETTER, **better(name))))
    (row,) = [line for line in lines if line.startswith("dice, left ventricular myocardium ")]
    (head, *_) = [line for line in lines if line.startswith("figure")]
    assert row.index("0.500") == head.index("before") + 1
    assert row.split()[-2:] == ["6", "6"]

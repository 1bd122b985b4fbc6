"""Verdicts to show: on a toy study of discs that beat, judged by the engine itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from matae.learn.paired import Paired, compare
from matae.learn.verdict import AGREEMENT, HELD_OUT, FrameChange, MinutesSaved, Side, Verdict, decide
from matae.models import find_model, install_model, rewrite_card
from matae.models.seal import sealed
from matae.nn.checkpoint import load, save
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study

from ..conftest import disc

SIDES = {"P1": "train", "P2": "train", "P3": "val", "P4": "test"}


def fill(target: Path, folder: Path, sides: dict[str, str] = SIDES) -> dict[str, Path]:
    """Make a study of one clip for each subject, three frames of it corrected; return the clips."""
    folder.mkdir(exist_ok=True)
    made = {}
    with Study.create(target, rater="anna") as study:
        for number, (subject, side) in enumerate(sides.items()):
            rng = np.random.default_rng(number)
            made[subject] = path = folder / f"clip-{subject}.npy"
            np.save(path, rng.integers(20, 200, (4, 48, 48)).astype(np.uint8))
            cine = open_cine(path)
            study.add_cine(cine, subject=subject)
            study.set_split(subject, side)
            masks = [disc((48, 48), (24, 22 + number), radius) for radius in (14, 12, 9)]
            edits = [Edit(t, mask, 0, FrameStatus.ACCEPTED, seconds=10) for t, mask in enumerate(masks)]
            study.put_edits(cine.content_id, edits)
            study.set_marks(cine.content_id, ed=0, es=2)
    return made


def second_model(
    tmp_path: Path, name: str = "second", *, offered: bool | None = None, bias: float = -3.0,
    study: Path | None = None, against: str = "tiny", outcome: str = "",
) -> str:  # fmt: skip
    """Register another tiny network, which says yes less often; with a verdict in its card if wished, a study's own."""
    import torch

    network, card = load(find_model("tiny").folder)
    with torch.no_grad():
        network.head.bias.fill_(bias)
    figures = {} if offered is None else {"verdict": {"offered": offered, "sentence": "Worse on most hearts."}}
    if outcome:
        figures["verdict"]["outcome"] = outcome
    if offered is not None:
        figures["held-out patients"] = {"dice": {"before": 0.8, "after": 0.875}}
    training = {"retrain": {"kind": "quick", "base": "tiny", "release": {"name": "retrain", "number": 3}}}
    parent = {"name": "tiny", "sha256": card.sha256}
    save(
        tmp_path / f"made-{name}", network, replace(card, name=name, figures=figures, training=training, parent=parent)
    )
    install_model(tmp_path / f"made-{name}", name)
    if study is not None:
        card = find_model(name).card
        given = figures["verdict"] | {"against": against, "sha256": card.sha256}
        given["against_sha256"] = find_model(against).card.sha256
        with Study.open(study) as judge:
            figures["verdict"] = sealed(given, judge.keyed)
        rewrite_card(name, replace(card, figures=figures))
    return name


def side(meaning: str, gains: tuple[float, ...], contents: tuple[str, ...]) -> Side:
    """Return a side of two frames a patient, of cines with these content ids."""
    frames, patients = [], []
    for content_id, gain in zip(contents, gains, strict=True):
        for t, phase in ((0, "ED"), (2, "ES")):
            frames.append(FrameChange(content_id, t, f"{content_id[:4]}-key", phase, 0.8, 0.8 + gain + 0.001 * t))
            patients.append(f"{content_id[:4]}-key")
    before = [frame.dice_before for frame in frames]
    after = [frame.dice_after for frame in frames]
    figures: dict[str, Paired] = {"dice": compare("dice", before, after, patients)}
    figures["iou"] = compare("iou", before, after, patients)
    figures["pixel_accuracy"] = compare("pixel_accuracy", before, after, patients)
    shorter = [9 - 5 * value for value in after]
    figures["hd95"] = compare("hd95", [5.0] * len(after), shorter, patients, unit="mm", higher_is_better=False)
    figures["dice 1/2"] = compare("dice 1/2", before, after, patients)
    figures["iou 1/2"] = compare("iou 1/2", before, after, patients)
    nobody = compare("ef_error", [], [], [], unit="percentage points", higher_is_better=False)
    figures["ef_error"] = nobody
    return Side(meaning, ("test",), len(frames), len(set(patients)), figures, tuple(frames))


def verdict(name: str = "second", *, gain: float = 0.05, contents: tuple[str, ...] = ("aaaa", "bbbb")) -> Verdict:
    """Return a verdict as a run makes it, on cines with these content ids."""
    held_out = side(HELD_OUT, (gain,) * len(contents), contents)
    found = decide(held_out, None, guard_known=False)
    minutes = MinutesSaved(None, 0, "Too few timed corrections of proposals (0) to estimate the time saved.")
    return Verdict(name, "tiny", held_out, side(AGREEMENT, (0.1,), ("cccc",)), None, False, minutes, *found)


def empty_verdict() -> Verdict:
    """Return a verdict without a single frame, as when every clip is gone."""
    nothing = {
        name: compare(name, [], [], []) for name in ("dice", "iou", "pixel_accuracy", "hd95", "ef_error")
    }  # fmt: skip
    sides = [Side(meaning, ("test",), 0, 0, dict(nothing), ()) for meaning in (HELD_OUT, AGREEMENT)]
    found = decide(sides[0], None, guard_known=False)
    minutes = MinutesSaved(None, 0, "Too few timed corrections of proposals (0) to estimate the time saved.")
    return Verdict("second", "tiny", sides[0], sides[1], None, False, minutes, *found)

"""Comparing any two models on any side of a study."""

from __future__ import annotations

from pathlib import Path

import pytest
from learn_makers import BASE

from matae.errors import TrainError
from matae.learn import compare_models, load_overlay
from matae.store import Study
from matae.train.progress import StoppedError


def test_sides_nobody_can_be_compared_on(study: Study, base: str) -> None:
    with pytest.raises(TrainError, match="No patient of the side 'test' has corrected frames"):
        compare_models(study, BASE, BASE, split="test")
    with pytest.raises(TrainError, match="'best' is no side of a study; choose one of train, val, test"):
        compare_models(study, BASE, BASE, split="best")
    with pytest.raises(StoppedError):
        compare_models(study, BASE, BASE, should_stop=lambda: True)


def test_every_clip_is_gone(study: Study, base: str, clips: Path) -> None:
    for path in clips.iterdir():
        path.unlink()
    said: list[str] = []
    found = compare_models(study, BASE, BASE, notify=said.append)
    assert found.held_out.n_frames == found.agreement.n_frames == 0
    assert found.held_out.figures["dice"].before is None
    assert not found.offered
    assert "No held-out frame could be compared" in found.sentence
    assert len(said) == 7


def test_a_model_and_itself(study: Study, base: str, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    found = compare_models(study, BASE, BASE, folder=tmp_path, progress=lambda *counts: done.append(counts))
    assert (found.held_out.sides, found.held_out.n_frames, found.agreement.n_frames) == (("val", "test"), 9, 12)
    assert done[-1] == (7, 7)
    for figure in found.held_out.figures.values():
        assert figure.difference in {0, None}
        assert not figure.worse
    assert not found.offered
    # Nothing changed most, so no outline was kept.
    with pytest.raises(TrainError, match="compare the two models again"):
        load_overlay(tmp_path, found.held_out.frames[0])


@pytest.mark.parametrize(("split", "counts"), [("train", (0, 12)), ("val", (9, 0))])
def test_one_side_alone(study: Study, base: str, split: str, counts: tuple[int, int]) -> None:
    found = compare_models(study, BASE, BASE, split=split)
    assert (found.held_out.n_frames, found.agreement.n_frames) == counts

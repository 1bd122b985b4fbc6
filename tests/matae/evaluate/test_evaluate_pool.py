"""Several processes judge the frames of a data set: the same figures in the same order, or a sentence."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from evaluate_makers import write_index_folder
from tiny_models import save_tiny

from matae.evaluate import EvaluateError, evaluate
from matae.evaluate.classes import common_classes
from matae.evaluate.pool import Data, judge_all
from matae.segment import Segmenter, SegmentOptions

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return {width: {key: each[key] for key in each if key != "run"} for width, each in found["widths"].items()}


def test_the_figures_are_those_of_one_process(tmp_path: Path, matae_home: Path) -> None:
    save_tiny(matae_home / "models" / "tiny", "tiny")
    folder = write_index_folder(tmp_path / "data")
    done: list[tuple[int, int]] = []
    asked: dict[str, Any] = {"model": "tiny", "width": "all", "split": "all", "device": "cpu"}
    alone = evaluate(folder, **asked)
    together = evaluate(folder, **asked, jobs=2, progress=lambda *counts: done.append(counts))
    assert without_times(together) == without_times(alone)
    assert [count for count, _ in done] == list(range(1, 7))


def test_a_process_that_ends_is_one_sentence(tmp_path: Path, tiny_model: str) -> None:
    folder = write_index_folder(tmp_path / "data")
    data = Data(folder, "all", "A4C", structures=False, sector="auto")
    labelled = data.open()
    segmenter = Segmenter(SegmentOptions(tiny_model, width="1", device="cpu"))
    classes = common_classes(segmenter.card, labelled)
    gone = replace(data, folder=tmp_path / "gone")
    shutil.copytree(folder / "masks", gone.folder)  # no data set: whoever opens it ends
    with pytest.raises(EvaluateError, match=r"^A process that judged frames has ended .*use --jobs 1\.$"):
        list(judge_all(gone, labelled, [segmenter], classes, jobs=2))

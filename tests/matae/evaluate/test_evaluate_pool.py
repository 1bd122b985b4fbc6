"""Several processes judge the frames of a data set: the same figures in the same order, or a sentence."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from evaluate_makers import write_index_folder
from tiny_models import save_tiny

from matae.cluster.worker import work
from matae.errors import MataeError
from matae.evaluate import EvaluateError, evaluate
from matae.evaluate.classes import common_classes
from matae.evaluate.job import EvaluateJob, EvaluateSettings
from matae.evaluate.pool import judge_all
from matae.labelled import LabelledError, open_labelled
from matae.segment import SegmentOptions
from tests.forked_runs import fork_pools

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from matae.labelled import LabelledSet


@pytest.fixture(autouse=True)
def forked_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    fork_pools(monkeypatch)


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return {width: {key: each[key] for key in each if key != "run"} for width, each in found["widths"].items()}


def settings_of(folder: Path, labelled: LabelledSet, model: str) -> EvaluateSettings:
    from matae.models import find_model

    classes = tuple(common_classes(find_model(model).card, labelled))
    options = (SegmentOptions(model, width="1", device="cpu", backend="torch"),)
    return EvaluateSettings(folder, options, classes, "auto")


def test_data_that_are_not_there_are_a_sentence(tmp_path: Path, tiny_model: str) -> None:
    labelled = open_labelled(write_index_folder(tmp_path / "data"), "all")
    settings = settings_of(tmp_path / "gone", labelled, tiny_model)
    with pytest.raises(EvaluateError, match=r"it does not see .*gone; share the data"):
        EvaluateJob(0, labelled.refs[0], settings).prepare()
    with pytest.raises(MataeError, match=r"^it does not see .*gone; share the data under the same path\.$"):
        list(judge_all(list(enumerate(labelled.refs)), settings, [], jobs=2))


class OneWorker:
    """A pool of one worker, which is this process."""

    patience = 0.0

    def __init__(self) -> None:
        self.todo: list[tuple[int, Any]] = []

    def workers(self) -> dict[str, int]:
        return {"here": 2}

    def submit(self, worker: str, number: int, job: Any) -> None:
        self.todo.append((number, job))

    def wait(self, seconds: float) -> list[tuple[int, Any]]:
        number, job = self.todo.pop()  # not in their order
        return [(number, work(pickle.loads(pickle.dumps(job))))]

    def close(self) -> None:
        self.todo.clear()


def test_a_still_that_cannot_be_read_does_not_cost_the_others(
    tmp_path: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matae.evaluate.pool._pool", lambda *_: OneWorker())
    folder = write_index_folder(tmp_path / "data")
    labelled = open_labelled(folder, "all")
    (folder / "images" / f"{labelled.refs[1].id}.png").write_bytes(b"no picture")
    settings = settings_of(folder, labelled, tiny_model)
    with pytest.raises(LabelledError, match=labelled.refs[1].id):
        EvaluateJob(1, labelled.refs[1], settings).run()
    answers = judge_all(list(enumerate(labelled.refs)), settings, [], jobs=2)
    assert sorted(number for number, _ in itertools.islice(answers, 5)) == [0, 2, 3, 4, 5]
    with pytest.raises(EvaluateError, match=labelled.refs[1].id):
        next(answers)


def test_the_figures_are_those_of_one_process(tmp_path: Path, matae_home: Path) -> None:
    save_tiny(matae_home / "models" / "tiny", "tiny")
    folder = write_index_folder(tmp_path / "data")
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    # From the file it made, this runtime starts without PyTorch, which is most of the time of a process.
    asked: dict[str, Any] = {
        "model": "tiny", "width": "all", "split": "all", "device": "cpu", "backend": "onnxruntime"
    }  # fmt: skip
    alone = evaluate(folder, **asked)
    done: list[int] = []
    said: list[str] = []

    def progress(count: int, total: int) -> None:
        assert total == 6
        if not done:  # the other process has one of them, or is about to get it
            mine = [child for child in multiprocessing.active_children() if child.name.startswith("clips")]
            os.kill(mine[0].pid or 0, signal.SIGKILL)
        done.append(count)

    together = evaluate(folder, **asked, jobs=2, progress=progress, notify=said.append)
    assert without_times(together) == without_times(alone)
    assert done == list(range(1, 7))
    assert not [child for child in multiprocessing.active_children() if child.name.startswith("clips")]


def test_what_ran_differently_is_said(tmp_path: Path, matae_home: Path) -> None:
    from matae.evaluate.tally import Tally

    save_tiny(matae_home / "models" / "tiny", "tiny")
    folder = write_index_folder(tmp_path / "data")
    labelled = open_labelled(folder, "all")
    settings = settings_of(folder, labelled, "tiny")
    answers = [EvaluateJob(n, ref, settings).run().answer for n, ref in enumerate(labelled.refs[:2])]
    run = answers[0].runs[0]
    tally = Tally("tiny", "1", settings.classes, labelled.refs)
    tally.add(labelled.refs[0], answers[0].judged[0], run | {"device": "another"})
    tally.add(labelled.refs[1], answers[1].judged[0], run)
    assert tally.report("auto")["run"] == run | {"also": [run | {"device": "another"}]}
    assert replace(settings, sector="whole").key() != settings.key()
    assert np.isfinite(answers[0].judged[0][0].score.pixel_accuracy)

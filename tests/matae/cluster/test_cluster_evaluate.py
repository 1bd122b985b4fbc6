"""`evaluate` on the workers of a scheduler: what is refused first, then the same figures, also when one is killed."""

from __future__ import annotations

import csv
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import MataeError
from matae.evaluate import evaluate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write stills of noise with an ellipse as the reference."""
    folder = tmp_path / "data"
    rows, columns = np.mgrid[:60, :80]
    fan, cavity = np.abs(columns - 40) < 4 + 0.7 * rows, ((rows - 30) / 20) ** 2 + ((columns - 40) / 9) ** 2 < 1
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "patient", "view", "phase", "split", "spacing_mm"])
        for seed in range(8):
            name, noise = f"still{seed}", np.random.default_rng(seed).integers(20, 200, (60, 80))
            Image.fromarray((noise * fan).astype(np.uint8)).save(folder / "images" / f"{name}.png")
            Image.fromarray(cavity.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")
            writer.writerow([name, f"p{seed // 2}", "A4C", "ED" if seed % 2 else "ES", "test", "0.4"])
    return folder


def test_wrong_use_is_said_at_once(matae_home: Path, data: Path, tmp_path: Path) -> None:
    for more, words in (
        (["--scheduler", "tcp://x:1"], "--scheduler needs --json FILE"),
        (["--scheduler", "tcp://x:1", "--json", str(tmp_path / "f.json"), "--jobs", "2"], "cannot go together"),
    ):
        result = CliRunner().invoke(app, ["evaluate", "--data", str(data), *more])
        assert result.exit_code == 2
        assert words in " ".join(result.stderr.replace("│", "").split())


def test_no_scheduler_answers(shared_home: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr("matae.cluster.scheduler._CONNECT_SECONDS", 0.5)
    out = tmp_path / "figures.json"
    result = CliRunner().invoke(
        app,
        ["evaluate", "--data", str(data), "--model", "tiny", "--scheduler", "tcp://127.0.0.1:1", "--json", str(out)],
    )
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("napari-matae: No dask scheduler answers at tcp://127.0.0.1:1 ")
    assert last.endswith("start one with 'dask scheduler'.")
    assert not out.exists()


def test_another_version_is_refused(cluster: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.cluster.scheduler.DaskPool.patience", 0.2)
    monkeypatch.setattr("matae.cluster.worker.__version__", "99.1")  # here; the workers run what is installed
    said: list[str] = []
    with pytest.raises(MataeError, match=r"All 2 workers of .* are refused"):
        evaluate(data, model="tiny", scheduler=cluster.scheduler_address, notify=said.append)
    assert sum("runs napari-matae 0" in text and "this is 99.1" in text for text in said) == 2


def test_a_killed_worker_changes_no_figure(cluster: Any, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    # From the file it made, this runtime starts without PyTorch, which is most of the time of a worker.
    asked: dict[str, Any] = {"model": "tiny", "width": "all", "backend": "onnxruntime"}
    alone = evaluate(data, **asked)
    said: list[str] = []
    done: list[int] = []
    journal = tmp_path / "figures.judged.jsonl"

    def progress(count: int, total: int) -> None:
        assert total == 8
        if not done:
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        done.append(count)

    together = evaluate(
        data, **asked, scheduler=cluster.scheduler_address, journal=journal, progress=progress, notify=said.append
    )
    assert done == list(range(1, 9))
    assert len(journal.read_bytes().splitlines()) == 9  # each cine once
    for width, figures in alone["widths"].items():
        same = together["widths"][width]
        # To the last digit, and it says where and how long.
        assert json.dumps(figures | {"run": None}) == json.dumps(same | {"run": None})
        assert {key: same["run"][key] for key in ("backend", "precision", "width", "model_sha256")} == {
            key: figures["run"][key] for key in ("backend", "precision", "width", "model_sha256")
        }


def test_the_command_goes_on_and_leaves_the_figures_alone(cluster: Any, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    asked: dict[str, Any] = {"model": "tiny", "width": "1", "device": "cpu", "backend": "onnxruntime"}

    def end(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(data, **asked, journal=tmp_path / "figures.judged.jsonl", progress=end)
    result = CliRunner().invoke(
        app,
        ["evaluate", "--data", str(data), "--model", "tiny", "--width", "1", "--device", "cpu", "--json", str(out),
         "--backend", "onnxruntime",
         "--scheduler", cluster.scheduler_address],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "3 of 8 were judged before and are kept" in result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["figures.json"]
    whole = evaluate(data, **asked)
    assert json.loads(out.read_text("utf-8")) | {"run": None} == json.loads(json.dumps(whole | {"run": None}))

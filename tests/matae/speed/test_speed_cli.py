"""``benchmark``, as a person uses it: mistakes first."""

from __future__ import annotations

import io
import json
from functools import partial
from typing import TYPE_CHECKING

import command_line
import pytest

import matae.speed
import matae.speed.run
from matae.speed.cold_start import ColdStart

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


run = partial(command_line.run, "benchmark")


def one_line(result: Result) -> str:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("napari-matae: ")
    assert line.endswith(".")
    return line


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        pytest.fail("something was measured")

    monkeypatch.setattr(matae.speed.run, "phantom_clip", fail)
    monkeypatch.setattr(matae.speed.run, "cold_start", fail)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure on a clip that takes no time."""
    quick = partial(matae.speed.measure_speed, n_frames=4, shapes=((40, 48), (64, 64)))
    monkeypatch.setattr(matae.speed, "measure_speed", quick)
    monkeypatch.setattr(matae.speed.run, "_others_at_work", lambda: None)


@pytest.mark.usefixtures("nothing_runs")
def test_unknown_model(matae_home: Path) -> None:
    assert "There is no model 'nobody'; on this machine: " in one_line(run("--model", "nobody"))


@pytest.mark.usefixtures("nothing_runs")
def test_a_gpu_that_is_not_there(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.segment.device.has_gpu", lambda: False)
    assert "choose device auto or cpu" in one_line(run("--model", tiny_model, "--device", "cuda"))


@pytest.mark.usefixtures("nothing_runs")
def test_json_that_cannot_be_written_is_said_before_the_work(tmp_path: Path, tiny_model: str) -> None:
    (tmp_path / "file").write_text("")
    said = one_line(run("--model", tiny_model, "--json", tmp_path / "file" / "out.json"))
    assert said.endswith("is a file or lies below one; choose a folder.")
    assert run("--model", tiny_model, "--json", tmp_path).exit_code == 2


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize(
    "wrong", [("--repeats", "0"), ("--seconds", "0"), ("--seconds", "soon"), ("--device", "gpu"), ("clip.avi",)]
)
def test_wrong_use(tiny_model: str, wrong: tuple[str, ...]) -> None:
    assert run("--model", tiny_model, *wrong).exit_code == 2


@pytest.mark.usefixtures("small")
def test_a_cold_start_that_fails_leaves_no_table(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.speed.cold_start.sys.executable", "/bin/false")
    result = run("--model", tiny_model, "--device", "cpu")
    assert "A new process could not segment the clip" in one_line(result)
    assert result.stdout == ""


@pytest.mark.usefixtures("small")
def test_without_openvino_it_is_said(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.extras.find_spec", lambda _: None)
    monkeypatch.setattr(matae.speed.run, "cold_start", lambda *_: ColdStart(2.5, 400.4, 1000.0, "1"))
    result = run("--model", tiny_model, "--device", "cpu", "--repeats", "2")
    assert result.exit_code == 0, result.output
    assert "OpenVINO is not installed (extra cpu): pip install 'openvino" in result.stderr
    assert "It is left out of the measurement." in result.stderr
    assert "cold start to the first mask, width 1  2.5 s" in result.stdout
    assert "peak memory                            400 MB" in result.stdout
    assert "peak memory of the GPU                 1000 MB" in result.stdout


@pytest.mark.usefixtures("small")
def test_other_programs_at_work_are_named(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matae.speed.run, "_others_at_work", lambda: 3.21)
    monkeypatch.setattr(matae.speed.run, "_backends", lambda *_: ["torch"])
    monkeypatch.setattr(matae.speed.run, "cold_start", lambda *_: ColdStart(2.5, None, None, "1"))
    result = run("--model", tiny_model, "--device", "cpu", "--repeats", "1")
    assert "load 3.2 on" in result.stderr
    assert "peak memory" not in result.stdout


def test_a_bar_on_a_terminal_says_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from matae.cli.benchmark_reporter import BenchmarkReporter

    shown = io.StringIO()
    with BenchmarkReporter() as quiet:
        quiet.progress("Segmenting", 1, 4)  # no terminal: nothing to draw on
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=shown, force_terminal=True, width=80, highlight=False)
    )
    with BenchmarkReporter() as reporter:
        reporter.progress("Loading width 1/8 on torch", 1, 4)
        reporter.notice("OpenVINO is [not] installed.")
    assert "Loading width 1/8 on torch" in shown.getvalue()
    assert "OpenVINO is [not] installed." in shown.getvalue()


@pytest.mark.usefixtures("small")
def test_figures_are_printed_and_written(tiny_model: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out.json"
    result = run("--model", tiny_model, "--device", "cpu", "--repeats", "1", "--seconds", "1", "--json", out)
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text("utf-8"))
    first, head, *rest = result.stdout.splitlines()
    assert first == f"tiny on {found['device']}; frames a second, from picture to mask:"
    assert head.split() == ["WIDTH", "BACKEND", "PRECISION", "4", "x", "40x48", "4", "x", "64x64"]
    table = [row.split() for row in rest[: rest.index("")]]
    assert [row[:2] for row in table if row[1] == "torch"] == [[width, "torch"] for width in ("1/8", "1/4", "1/2", "1")]
    assert [cell for row in table for cell in row[3:]] == [
        f"{row['frames_per_second']['median']:.1f}" for row in found["rates"]
    ]
    assert all(row["frames_per_second"]["runs"] == 1 for row in found["rates"])
    assert list(found["open_s"]) == ["4 x 40x48", "4 x 64x64"]
    assert found["clips"][0] == {"frames": 4, "height": 40, "width": 48}
    assert found["first_mask_s"]["median"] > 0
    assert found["gpu_memory_mb"] is None
    assert found["machine"]["cores"] >= 1
    assert found["model"] == "tiny"
    assert len(found["model_sha256"]) == 64
    assert rest[-1] == f"record  {out}"
    assert not list(out.parent.glob("*.part"))

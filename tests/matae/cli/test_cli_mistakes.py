"""What goes wrong with ``segment``: one line says what to do, and what is whole goes on."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
from cli_makers import make_clip, one_line
from command_line import run

from matae.errors import ScratchError

if TYPE_CHECKING:
    from pathlib import Path

    from matae.cine import Cine


def test_no_such_file(out, tiny_model) -> None:
    assert "nowhere.avi does not exist; check the path" in one_line(run("segment", "nowhere.avi", "--out", out))
    assert not out.exists()


@pytest.mark.parametrize(("name", "content"), [("notes.txt", b"hello"), ("clip.avi", b"hello"), ("empty.dcm", b"")])
def test_not_a_cine(tmp_path, out, tiny_model, name, content) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in one_line(run("segment", tmp_path / name, "--out", out, "--model", tiny_model))


def test_folder_without_cines(tmp_path, out, tiny_model) -> None:
    (tmp_path / "nothing").mkdir()
    assert "nothing" in one_line(run("segment", tmp_path / "nothing", "--out", out))


def test_out_cannot_be_written(tmp_path, clip, tiny_model) -> None:
    (tmp_path / "taken").write_text("mine")
    message = one_line(run("segment", clip, "--out", tmp_path / "taken", "--model", tiny_model))
    assert "taken is a file or lies below one; choose a folder" in message


def test_disk_fills_up(clip, out, tiny_model, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("matae.output.still.write_still", full)
    assert "is full; free some space" in one_line(run("segment", clip, "--out", out, "--model", tiny_model))
    assert list(out.iterdir()) == []


def test_unknown_model(clip, out, tiny_model) -> None:
    message = one_line(run("segment", clip, "--out", out, "--model", "nonesuch"))
    assert "There is no model 'nonesuch'" in message
    assert tiny_model in message


def test_damaged_model(clip, out, tiny_model, matae_home) -> None:
    weights = matae_home / "models" / "tiny" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "import it again" in one_line(run("segment", clip, "--out", out, "--model", tiny_model))


def test_gpu_that_is_not_there(clip, out, tiny_model) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    message = one_line(run("segment", clip, "--out", out, "--model", tiny_model, "--device", "cuda:0"))
    assert "choose device auto or cpu" in message


def test_sector_outside_the_picture(clip, out, tiny_model) -> None:
    message = one_line(run("segment", clip, "--out", out, "--model", tiny_model, "--sector", "0,0,61,80"))
    assert "not inside the picture of 60 rows and 80 columns" in message


@pytest.mark.parametrize(
    "wrong",
    [
        ("--width", "3"),
        ("--width", "broad"),
        ("--device", "tpu"),
        ("--device", "cpu:1"),
        ("--device", "cuda:"),
        ("--backend", "tflite"),
        ("--sector", "1,2,3"),
        ("--sector", "5,5,5,9"),
        ("--sector", "half"),
        ("--flip", "sideways"),
        ("--frame-rate", "0"),
        ("--frame-rate", "fast"),
        ("--nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_use(clip, out, wrong) -> None:
    result = run("segment", clip, "--out", out, *wrong)
    assert result.exit_code == 2
    assert wrong[0] in result.stderr


def test_ctrl_c(clip, out, tiny_model, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("matae.output.still.write_still", interrupt)
    result = run("segment", clip, "--out", out, "--model", tiny_model)
    assert result.exit_code == 130
    assert result.stderr.strip().splitlines()[-1].startswith("napari-matae: stopped;")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (
            ZeroDivisionError(),
            "a.npy failed in a way nobody foresaw (ZeroDivisionError); report what --debug says of it.",
        ),
        (RuntimeError("codec gave up."), "nobody foresaw (RuntimeError: codec gave up); report"),
        (MemoryError(), "a.npy does not fit into memory; close other programs, or cut the clip."),
        (ScratchError("The temporary folder is full; free some space."), "The temporary folder is full; free"),
    ],
)
def test_what_fails_in_one_file_does_not_stop_the_others(
    tmp_path, out, tiny_model, monkeypatch, *, problem, message
) -> None:
    import matae.output.still

    whole = matae.output.still.write_still

    def crash(path: Path, cine: Cine, *rest: object) -> None:
        if cine.source.name == "a.npy":
            raise problem
        whole(path, cine, *rest)

    monkeypatch.setattr("matae.output.still.write_still", crash)
    clips = [make_clip(tmp_path / "in" / f"{name}.npy") for name in "ab"]
    arguments = ("segment", *clips, "--out", out, "--model", tiny_model, "--no-overlay")
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert {path.name for path in out.glob("*.json")} == {"b.json"}
    assert ("Traceback" in run(*arguments, "--debug").stderr) == (not isinstance(problem, ScratchError))


def test_a_full_folder_of_results_stops_the_run(tmp_path, out, tiny_model, monkeypatch) -> None:
    tried = []

    def full(_: Path, cine: Cine, *__: object) -> None:
        tried.append(cine.source.name)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("matae.output.still.write_still", full)
    clips = [make_clip(tmp_path / "in" / f"{name}.npy") for name in "ab"]
    result = run("segment", *clips, "--out", out, "--model", tiny_model)
    assert result.exit_code == 1
    assert "is full; free some space" in result.stderr
    assert tried == ["a.npy"]


def test_a_file_that_ran_short_of_memory_does_not_slow_the_next(tmp_path, out, tiny_model, monkeypatch) -> None:
    import matae.models
    from matae.segment.backends.torch_backend import TorchBackend

    run_network, load, loaded = TorchBackend._run, matae.models.load_model, []

    def tight(self: TorchBackend, images: object) -> object:
        if not loaded[1:]:
            self._notify("Memory ran out.")
        return run_network(self, images)

    def counted(name: str) -> object:
        loaded.append(name)
        return load(name)

    monkeypatch.setattr(TorchBackend, "_run", tight)
    monkeypatch.setattr(matae.models, "load_model", counted)
    clips = [make_clip(tmp_path / "in" / f"{name}.npy", n_frames=1) for name in "abc"]
    result = run("segment", *clips, "--out", out, "--model", tiny_model, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [line for line in result.stderr.splitlines() if "ran out" in line] == ["a.npy: Memory ran out."]
    assert len(loaded) == 2  # the second file starts afresh, the third goes on with what it loaded


@pytest.mark.parametrize(
    "words",
    [
        ["measure", "{}", "--json", "a.json"], ["measure", "clip.npy", "--json", "{}"],
        ["segment", "{}", "--out", "out"],
        ["segment", "clip.npy", "--out", "{}"], ["segment", "clip.npy", "--out", "out/{}"], ["open", "{}"],
        ["study", "status", "{}"], ["study", "init", "{}"], ["import", "--study", "{}", "clip.npy"],
        ["evaluate", "--data", "{}", "--json", "a.json"], ["train", "--data", "{}", "--out", "out"],
        ["models", "import", "{}"], ["benchmark", "--json", "{}"], ["phantom", "--out", "{}"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_path_that_no_file_can_have_is_one_sentence(tmp_path, monkeypatch, words) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.npy", n_frames=1)
    result = run(*(word.format("x" * 300) for word in words))
    assert result.exit_code in {1, 2}
    said = " ".join(result.stderr.split())
    assert "long" in said or "shorter" in said
    assert said.count("x" * 60) <= 1
    assert result.exception is None or isinstance(result.exception, SystemExit)

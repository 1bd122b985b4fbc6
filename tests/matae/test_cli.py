"""The command line, as a person uses it: mistakes first."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

import matae.cli.options
import matae.cli.viewer
from matae import RESEARCH_USE, __version__
from matae.cli import app
from matae.errors import ScratchError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from matae.cine import Cine


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def one_line(result: Result) -> str:
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("napari-matae: ")
    assert lines[0].endswith(".")
    assert "Traceback" not in result.output
    return lines[0]


def make_clip(path: Path, n_frames: int = 5, seed: int = 0) -> Path:
    """Write a fan of moving noise, without frame rate or calibration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:60, :80]
    fan = np.abs(columns - 40) < 4 + 0.7 * rows
    noise = np.random.default_rng(seed).integers(20, 200, (n_frames, 60, 80))
    np.save(path, (noise * fan).astype(np.uint8))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "in" / "clip.npy")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


# --- what goes wrong ---------------------------------------------------------------------------------------


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
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments", [(), ("segment",), ("segment", "a.avi"), ("fly",), ("models",), ("models", "show")]
)
def test_incomplete_use(arguments) -> None:
    assert run(*arguments).exit_code == 2


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


# --- segment -----------------------------------------------------------------------------------------------


def test_segment(clip, out, tiny_model) -> None:
    result = run("segment", clip, "--out", out, "--model", tiny_model, "--width", "1/4", "--frame-rate", "50")
    assert result.exit_code == 0, result.output
    names = {"clip.json", "clip_mask.nii.gz", "clip_overlay.mp4", "clip_still.png"}
    assert {path.name for path in out.iterdir()} == names
    # What was made, and nothing else, is on the standard output: it can be piped.
    assert all(str(out) in line for line in result.stdout.splitlines())
    assert len(result.stdout.splitlines()) == 4
    record = json.loads((out / "clip.json").read_text("utf-8"))
    assert record["source"] == "clip.npy"
    assert record["frame_rate"] == 50
    assert record["run"]["width"] == "1/4"
    assert record["run"]["model"] == tiny_model
    assert record["research_use"] == RESEARCH_USE
    assert sum(record["area_px"]) > 0


def test_unknown_rate_is_said(clip, out, tiny_model) -> None:
    result = run("segment", clip, "--out", out, "--model", tiny_model)
    assert "25 frames a second, which is not a measurement" in result.stderr
    assert json.loads((out / "clip.json").read_text("utf-8"))["frame_rate"] is None


def test_rates_that_contradict_are_named(tmp_path, out, tiny_model, monkeypatch) -> None:
    from dataclasses import replace

    from matae.read import CineRef

    whole = CineRef.open

    def contradictory(self: CineRef, **asked: bool) -> Cine:
        return replace(whole(self, **asked), info={"frame_rate_candidates": {"FrameTime": 50.0, "CineRate": 30.0}})

    monkeypatch.setattr(CineRef, "open", contradictory)
    clip = make_clip(tmp_path / "clip.npy")
    arguments = ("segment", clip, "--out", out, "--model", tiny_model, "--no-overlay")
    assert "50 Hz (FrameTime), 30 Hz (CineRate), which cannot be trusted" in run(*arguments).stderr
    assert "cannot be trusted" not in run(*arguments, "--frame-rate", "50").stderr


def test_no_overlay(clip, out, tiny_model) -> None:
    assert run("segment", clip, "--out", out, "--model", tiny_model, "--no-overlay").exit_code == 0
    assert not list(out.glob("*.mp4"))


@pytest.mark.parametrize(
    ("sector", "flip", "expected"),
    [
        ("whole", "none", ("whole", False, [[0, 0], [0, 79], [59, 79], [59, 0]])),
        ("10,20,50,70", "vertical", ("user", True, [[10, 20], [10, 69], [49, 69], [49, 20]])),
        ("10,20,50,70", "auto", ("user", False, [[10, 20], [10, 69], [49, 69], [49, 20]])),
    ],
)
def test_sector_and_flip(clip, out, tiny_model, *, sector, flip, expected) -> None:
    result = run("segment", clip, "--out", out, "--model", tiny_model, "--sector", sector, "--flip", flip)
    assert result.exit_code == 0, result.output
    used = json.loads((out / "clip.json").read_text("utf-8"))["sector"]
    assert (used["source"], used["apex_down"], used["polygon_yx"]) == expected


def test_flip_alone_keeps_the_sector_found(clip, out, tiny_model) -> None:
    sectors = []
    for flip in ("auto", "vertical"):
        run("segment", clip, "--out", out, "--model", tiny_model, "--flip", flip, "--no-overlay")
        sectors.append(json.loads((out / "clip.json").read_text("utf-8"))["sector"])
    assert sectors[1] == sectors[0] | {"apex_down": True}


def test_one_bad_file_does_not_stop_the_others(tmp_path, out, tiny_model) -> None:
    good = [make_clip(tmp_path / "in" / f"{name}.npy") for name in "ac"]
    bad = tmp_path / "in" / "b.npy"
    bad.write_bytes(b"\x93NUMPY broken")
    result = run("segment", good[0], bad, "gone.avi", good[1], "--out", out, "--model", tiny_model, "--no-overlay")
    assert result.exit_code == 1
    assert {path.name for path in out.glob("*.json")} == {"a.json", "c.json"}
    last = result.stderr.strip().splitlines()[-3:]
    assert last[0] == "napari-matae: 2 could not be segmented:"
    assert "gone.avi" in last[1]
    assert "b.npy" in last[2]


def test_folder_twice_takes_no_results_for_cines(tmp_path, tiny_model) -> None:
    make_clip(tmp_path / "in" / "a.npy")
    make_clip(tmp_path / "in" / "deeper" / "b.npy", seed=1)
    for _ in range(2):  # the results lie among the inputs
        result = run("segment", tmp_path / "in", "--out", tmp_path / "in", "--model", tiny_model)
        assert result.exit_code == 0, result.output
        assert {path.name for path in (tmp_path / "in").glob("*.json")} == {"a.json", "b.json"}


def test_same_name_in_two_folders(tmp_path, out, tiny_model) -> None:
    for seed in (0, 1):
        make_clip(tmp_path / "in" / str(seed) / "clip.npy", seed=seed)
    arguments = ("segment", tmp_path / "in", "--out", out, "--model", tiny_model, "--no-overlay")
    assert run(*arguments).exit_code == 0
    names = sorted(path.name for path in out.iterdir())
    assert len([name for name in names if name.endswith(".json")]) == 2
    assert run(*arguments).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == names


def test_named_twice_is_done_once(clip, out, tiny_model) -> None:
    result = run("segment", clip, clip.parent, "--out", out, "--model", tiny_model, "--no-overlay")
    assert len(result.stdout.splitlines()) == 3


def test_bars_on_a_terminal(tmp_path, out, tiny_model, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for name in ("a[b]", "c"):
        make_clip(tmp_path / "in" / f"{name}.npy")
    result = run("segment", tmp_path / "in", "--out", out, "--model", tiny_model, "--no-overlay")
    assert result.exit_code == 0, result.output
    assert "2/2" in result.stderr


# --- a cluster ---------------------------------------------------------------------------------------------


def test_cluster_not_installed(clip, out, tiny_model, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = one_line(run("segment", clip, "--out", out, "--scheduler", "tcp://127.0.0.1:1"))
    assert "(extra cluster): pip install 'distributed" in message


def test_no_scheduler_answers(clip, out, tiny_model, monkeypatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr("matae.cluster.scheduler._CONNECT_SECONDS", 0.5)
    message = one_line(run("segment", clip, "--out", out, "--scheduler", "tcp://127.0.0.1:1"))
    assert "No dask scheduler answers at tcp://127.0.0.1:1" in message
    assert "start one with 'dask scheduler'" in message


def test_cluster(tmp_path, out, tiny_model, monkeypatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    clips = [make_clip(tmp_path / "in" / f"{name}.npy") for name in "ab"]
    bad = tmp_path / "in" / "bad.npy"
    bad.write_bytes(b"\x93NUMPY broken")
    monkeypatch.chdir(tmp_path)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, host="tcp://127.0.0.1"
    ) as cluster:
        address = cluster.scheduler_address
        result = run(
            "segment", clips[0].relative_to(tmp_path), clips[1], bad, "--out", "out", "--model", tiny_model,
            "--no-overlay", "--scheduler", address,
        )  # fmt: skip
    assert result.exit_code == 1
    assert {path.name for path in out.glob("*.json")} == {"a.json", "b.json"}
    assert "bad.npy" in result.stderr.strip().splitlines()[-1]


# --- demo and viewer ---------------------------------------------------------------------------------------


def test_demo_headless(tmp_path, out, tiny_default) -> None:
    result = run("demo", "--headless", "--out", out)
    assert result.exit_code == 0, result.output
    files = {line.split(maxsplit=2)[-1] for line in result.stdout.splitlines()}
    assert len(files) == 4
    assert len(list(out.iterdir())) == 4
    record = json.loads(next(out.glob("*.json")).read_text("utf-8"))
    assert record["n_frames"] == 30
    assert record["frame_rate"] == pytest.approx(30, abs=0.01)
    assert RESEARCH_USE in result.stderr


@pytest.fixture
def launched(monkeypatch) -> list[list[str]]:
    calls: list[list[str]] = []

    def note(command: list[str], **_: object) -> SimpleNamespace:
        calls.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", note)
    monkeypatch.setattr(matae.cli.viewer, "_has_viewer", lambda: True)
    monkeypatch.setattr(matae.cli.viewer, "_has_display", lambda: True)
    return calls


def test_demo_opens_the_viewer(launched) -> None:
    assert run("demo").exit_code == 0
    assert launched == [[sys.executable, "-m", "napari_matae", "--demo"]]


def test_open(launched, clip) -> None:
    assert run("open", clip).exit_code == 0
    assert run("open").exit_code == 0
    assert launched == [[sys.executable, "-m", "napari_matae", str(clip)], [sys.executable, "-m", "napari_matae"]]


def test_open_no_such_file(launched) -> None:
    assert "does not exist" in one_line(run("open", "nowhere.avi"))
    assert not launched


def test_viewer_that_crashes(launched, monkeypatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=-6))
    assert "ended with code -6" in one_line(run("demo"))


def test_demo_without_viewer_or_display(launched, out, tiny_default, monkeypatch) -> None:
    monkeypatch.setattr(matae.cli.viewer, "_has_viewer", lambda: False)
    result = run("demo", "--out", out)
    assert "(extra viewer): pip install 'napari" in result.stderr
    assert result.exit_code == 0
    assert len(list(out.iterdir())) == 4
    assert "(extra viewer): pip install 'napari" in one_line(run("open"))
    monkeypatch.setattr(matae.cli.viewer, "_has_viewer", lambda: True)
    monkeypatch.setattr(matae.cli.viewer, "_has_display", lambda: False)
    assert "no display" in run("demo", "--out", out).stderr
    assert "no display" in one_line(run("open"))
    assert not launched


def test_display_is_found(monkeypatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not matae.cli.viewer._has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert matae.cli.viewer._has_display()
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setattr(sys, "platform", "win32")
    assert matae.cli.viewer._has_display()


# --- models ------------------------------------------------------------------------------------------------


def test_models_list(tiny_model, matae_home) -> None:
    (matae_home / "models" / "broken").mkdir()
    (matae_home / "models" / "broken" / "card.json").write_text("{")
    result = run("models", "list")
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if line.startswith("tiny"))
    assert line.split() == ["tiny", "1/8,", "1/4,", "1/2,", "1", "32", "you", "BSD-3-Clause"]
    assert "broken/card.json" in result.stderr


def test_models_show(tiny_model) -> None:
    shown = run("models", "show", tiny_model).stdout
    for text in (
        "1/8, 1/4, 1/2, 1",
        "BSD-3-Clause",
        "dice: 0.9123",
        "widths: 0.5, 1",
        "- Knows nothing.",
        RESEARCH_USE,
    ):
        assert text in shown
    assert "There is no model 'nonesuch'" in one_line(run("models", "show", "nonesuch"))


def test_models_import(tmp_path, tiny_model, matae_home) -> None:
    result = run("models", "import", matae_home / "models" / "tiny", "--name", "copy")
    assert result.exit_code == 0
    assert (matae_home / "models" / "copy" / "model.safetensors").is_file()
    assert "choose another name" in one_line(run("models", "import", matae_home / "models" / "tiny"))
    assert "does not exist" in one_line(run("models", "import", tmp_path / "nowhere.pth"))


def test_models_promote_says_how_to_insist(tiny_model) -> None:
    result = run("models", "promote", "tiny")
    assert result.exit_code == 1
    said = one_line(result)
    assert "tiny is not offered for use: nobody has compared it" in said
    assert "--anyway takes it all the same." in said
    assert run("models", "promote", "tiny", "--anyway").exit_code == 0


# --- start-up ----------------------------------------------------------------------------------------------


def test_version() -> None:
    assert run("--version").stdout == f"napari-matae {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("segment", "--help"),
        ("benchmark", "--help"),
        ("models", "list"),
        ("segment", "no", "--out", "o"),
    ],
)
def test_nothing_heavy_is_loaded_to_say_little(arguments, tmp_path) -> None:
    script = (
        "import sys\nfrom matae.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'napari', 'qtpy', 'SimpleITK', 'av', 'pydicom', 'skimage', 'scipy', 'distributed',\n"
        "         'nibabel', 'filelock'}\n"  # pydantic is typer's own business
        "sys.exit(','.join(heavy & set(sys.modules)) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


# --- train -------------------------------------------------------------------------------------------------


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Discs on noise: six patients, two of them for validation."""
    from PIL import Image

    folder = tmp_path / "labelled"
    rows, columns = np.mgrid[:32, :32]
    lines = ["frame,patient,split,phase"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(6):
        mask = np.hypot(rows - 16, columns - 12 - number) < 8
        image = np.random.default_rng(number).integers(0, 60, mask.shape) + 120 * ~mask
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"f{number}.png")
        Image.fromarray((mask * 255).astype(np.uint8)).save(folder / "masks" / f"f{number}.png")
        lines.append(f"f{number},p{number},{'val' if number > 3 else 'train'},ED")
    (folder / "index.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def settings(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3", "is no TOML file"),
        ("stepz = 3", "has no setting 'stepz'; there are steps,"),
        ("steps = 3.5", "steps is 3.5, but must be like"),
        ("steps = true", "steps is True"),
        ("augment = 3", "augment is 3"),
        ("[augment]\nscale = [1]", "scale is [1]"),
        ("[augment]\nspin = 1", "has no setting 'spin'"),
    ],
)
def test_train_with_wrong_settings(tmp_path, labelled, out, tiny_model, *, text, message) -> None:
    result = run("train", "--data", labelled, "--out", out, "--config", settings(tmp_path, text))
    assert message in one_line(result)


def test_train_without_data(tmp_path, out, tiny_model) -> None:
    one_line(run("train", "--data", tmp_path / "nowhere", "--out", out))
    assert "cannot be read" in one_line(
        run("train", "--data", tmp_path, "--out", out, "--config", tmp_path / "no.toml")
    )
    assert "named twice" in one_line(run("train", "--data", tmp_path, "--data", tmp_path, "--out", out))
    assert run("train", "--out", out).exit_code == 2
    assert run("train", "--data", tmp_path, "--out", out, "--device", "tpu").exit_code == 2


def test_train_then_import_and_segment(tmp_path, labelled, clip, out, tiny_model) -> None:
    # Numbers may be whole where the setting is not, and lists stand for pairs.
    file = settings(
        tmp_path, "steps = 2\nbatch = 2\ngrid = 32\ncheck_every = 1\nlr = 1e-3\n[augment]\nscale = [1, 1.1]\n"
    )
    arguments = ("train", "--data", labelled, "--out", tmp_path / "mine", "--init", tiny_model, "--config", file)
    result = run(*arguments, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("mine  ")
    assert "step 2/2, loss " in result.stderr
    assert "Dice at width 1/8: " in result.stderr
    card = json.loads((tmp_path / "mine" / "card.json").read_text("utf-8"))
    assert card["parent"]["name"] == tiny_model
    assert card["training"]["augment"]["scale"] == [1.0, 1.1]
    assert run("models", "import", tmp_path / "mine").exit_code == 0
    assert run("segment", clip, "--out", out, "--model", "mine", "--no-overlay").exit_code == 0


def test_train_stopped(tmp_path, labelled, out, tiny_model, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("matae.train.run.train", interrupt)
    result = run("train", "--data", labelled, "--out", out)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr

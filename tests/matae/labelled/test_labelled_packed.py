"""Packed frames: damaged files first, then that they come back as they went in, and into the training."""

from __future__ import annotations

import csv
import io
import json
import runpy
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from matae.labelled import LabelledError, open_labelled
from matae.labelled.packed import write_packed
from matae.train.data import load_folders

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 32
SCRIPT = Path(__file__).parents[3] / "scripts" / "pack_frames.py"


def frames(count: int = 6) -> tuple[list[Any], list[Any], list[dict[str, Any]]]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (SIDE, SIDE), dtype=np.uint8) for _ in range(count)]
    labels = [np.zeros((SIDE, SIDE), np.uint8) for _ in range(count)]
    for number, label in enumerate(labels):
        label[4:20, 4:20] = 2
        label[8 : 12 + number, 8:16] = 1
        label[22:28, 8:16] = 3
    facts = [
        {"frame": f"p{n // 2}_{n}", "patient": f"p{n // 2}", "view": "A2C" if n == 1 else "A4C", "phase": "ED",
         "split": "val" if n >= 4 else "train", "spacing_mm": 0.7 if n else None, "reference_ef": 54.0}
        for n in range(count)
    ]  # fmt: skip
    return images, labels, facts


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "frames.npz"
    write_packed(path, *frames(), "for research")
    return path


def changed(path: Path, **arrays: Any) -> Path:
    """Write the file again with other arrays; None leaves one out."""
    with np.load(path) as file:
        values = {name: file[name] for name in file.files} | arrays
    np.savez_compressed(path, **{name: value for name, value in values.items() if value is not None})
    return path


def about(path: Path, **changes: Any) -> Path:
    with np.load(path) as file:
        stated = json.loads(file["about"].tobytes())
    return changed(path, about=np.frombuffer(json.dumps(stated | changes).encode(), np.uint8))


def renamed(path: Path, **changes: Any) -> Path:
    with np.load(path) as file:
        stated = json.loads(file["about"].tobytes())
    stated["frames"][1] |= changes
    return about(path, frames=stated["frames"])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(b""), "not a zip|zip file"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "not a zip|zip file"),
        (lambda path: np.savez(path, a=np.zeros(3)), "lacks about"),
        (lambda path: changed(path, labels=None), "lacks labels"),
        (lambda path: about(path, format="holiday"), "something else"),
        (lambda path: about(path, version=9), "version is 9"),
        (lambda path: about(path, frames=[]), "names no frames"),
        (lambda path: about(path, size=10**9), "no size"),
        (lambda path: changed(path, labels=np.zeros((2, SIDE, SIDE), np.uint8)), "labels are not 6"),
        (lambda path: changed(path, labels=np.full((6, SIDE, SIDE), 9, np.uint8)), "go up to 9"),
        (lambda path: changed(path, ends=np.arange(6)[::-1].copy()), "do not end"),
        (lambda path: changed(path, about=np.array([{"a": 1}], object)), "[Pp]ickle|allow_pickle"),
        (lambda path: renamed(path, patient=7), "no name or no patient"),
        (lambda path: renamed(path, view=4), "is no text"),
        (lambda path: renamed(path, frame="p0_0"), "twice"),
    ],
)
def test_what_is_no_packed_file(packed: Path, damage: Callable[[Path], Any], why: str) -> None:
    damage(packed)
    with pytest.raises(LabelledError, match=f"frames.npz is no packed frames, or damaged .*({why}).*pack them again"):
        open_labelled(packed, view="all")


def test_a_bomb_is_not_unpacked(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.labelled.packed._MOST_BYTES", 1000)
    with pytest.raises(LabelledError, match="too large to be true"):
        open_labelled(packed)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_that_is_none(packed: Path, mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (SIDE, SIDE) if mode == "RGB" else (SIDE, 8)).save(buffer, "PNG")
    files = [buffer.getvalue()] * 6
    joined = np.frombuffer(b"".join(files), np.uint8)
    changed(packed, pictures=joined, ends=np.cumsum([len(file) for file in files], dtype=np.int64))
    found = open_labelled(packed, view="all")
    with pytest.raises(LabelledError, match="p0_0 is no grey picture of 32 x 32"):
        found.refs[0].read()
    changed(packed, pictures=joined[::-1].copy())
    with pytest.raises(LabelledError, match="the picture p0_0 is damaged"):
        open_labelled(packed, view="all").refs[0].read()


def test_frames_that_cannot_be_packed(tmp_path: Path) -> None:
    images, labels, facts = frames()
    with pytest.raises(LabelledError, match="no frame to pack"):
        write_packed(tmp_path / "x.npz", [], [], [], "")
    with pytest.raises(LabelledError, match="squares of one size"):
        write_packed(tmp_path / "x.npz", images, [*labels[:-1], labels[0][:5]], facts, "")
    assert not list(tmp_path.iterdir())


def test_they_come_back_as_they_went_in(packed: Path) -> None:
    images, labels, facts = frames()
    found = open_labelled(packed, view="all", structures=True)
    assert [ref.id for ref in found.refs] == [one["frame"] for one in facts]
    assert found.classes == {1: "left ventricular cavity", 2: "left ventricular myocardium", 3: "left atrium"}
    by_name = {ref.id: ref for ref in found.refs}
    for image, label, one in zip(images, labels, facts, strict=True):
        ref = by_name[one["frame"]]
        assert (ref.patient, ref.view, ref.phase, ref.split) == tuple(
            one[key] for key in ("patient", "view", "phase", "split")
        )
        assert ref.reference_ef == 54
        read = ref.read()
        np.testing.assert_array_equal(read.cine.frames[0], image)
        np.testing.assert_array_equal(read.masks[0], label)
        assert read.phases == {0: "ED"}
        assert read.cine.spacing == (None if one["spacing_mm"] is None else (0.7, 0.7))
        # They are placed already: at their own size nothing of them changes any more.
        np.testing.assert_array_equal(read.placement(SIDE).image(image), image)


def test_without_structures_the_cavity_alone(packed: Path) -> None:
    found = open_labelled(packed, "val")
    assert found.classes == {1: "left ventricular cavity"}
    assert [ref.id for ref in found.refs] == ["p2_4", "p2_5"]
    np.testing.assert_array_equal(found.refs[0].read().masks[0], frames()[1][4] == 1)


def test_a_file_that_was_replaced_is_read_anew(packed: Path) -> None:
    assert len(open_labelled(packed, view="all").refs) == 6
    write_packed(packed, *frames(4), "for research")
    assert len(open_labelled(packed, view="all").refs) == 4


def test_the_training_takes_it(packed: Path) -> None:
    classes = ("left ventricular cavity", "left ventricular myocardium", "left atrium")
    train, val = load_folders([packed], SIDE, views=("A4C", "A2C"), classes=classes)
    assert (len(train), len(val), train.classes) == (4, 2, 3)
    train, _ = load_folders([packed], SIDE)  # one view, the cavity
    assert (len(train), train.classes) == (3, 1)
    assert np.isnan(train.spacing[0])


def test_the_command_trains_on_it_and_keeps_its_terms(packed: Path, tmp_path: Path, tiny_model: str) -> None:
    from typer.testing import CliRunner

    from matae.cli import app

    settings = tmp_path / "settings.toml"
    settings.write_text("steps = 2\nbatch = 2\ngrid = 32\nrebuild = 0.0\n[network]\nchannels = [8, 8, 16]\n", "utf-8")
    command = ["train", "--data", packed, "--out", tmp_path / "run", "--config", settings]
    result = CliRunner().invoke(app, [str(part) for part in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "run" / "card.json").read_text("utf-8"))["licence"] == "for research"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Write a data set with both kinds of masks, one frame wide, as `index.csv` has it."""
    folder = tmp_path / "set"
    images, labels, facts = frames()
    for part in ("images", "masks", "structures"):
        (folder / part).mkdir(parents=True)
    for image, label, one in zip(images, labels, facts, strict=True):
        for part, picture in (("images", image), ("masks", (label == 1) * 255), ("structures", label)):
            Image.fromarray(picture.astype(np.uint8)).save(folder / part / f"{one['frame']}.png")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [
            {key: one[key] for key in ("frame", "patient", "view", "phase", "split")} | {"placed": 1} for one in facts
        ]
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "LICENCE.txt").write_text("for research only", encoding="utf-8")
    return folder


def pack(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["pack_frames.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return int(ended.value.code or 0)


def test_the_script_packs_a_data_set(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "frames.npz"
    assert pack(monkeypatch, "--data", tmp_path / "gone", "--out", out) == 1
    assert "is no folder" in capsys.readouterr().err
    assert pack(monkeypatch, "--data", dataset, "--out", tmp_path / "frames.zip") == 2
    assert pack(monkeypatch, "--data", dataset, "--out", out, "--size", 48) == 0
    assert "6 frames of A2C, A4C, 48 pixels" in capsys.readouterr().out
    found = open_labelled(out, view="all", structures=True)
    read = found.refs[0].read()
    assert read.cine.frames.shape == (1, 48, 48)
    assert set(np.unique(read.masks[0])) == {0, 1, 2, 3}
    with zipfile.ZipFile(out) as archive:
        assert "for research only" in json.loads(np.load(io.BytesIO(archive.read("about.npy"))).tobytes())["licence"]

"""Training: refused starts, loss that is no number, full disks, exact resumption, and that it learns."""

from __future__ import annotations

import csv
import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from train_makers import read_index, write_frames, write_index

from matae.errors import DeviceError, ModelError, OutputError, TrainError
from matae.labelled import LabelledError
from matae.models import find_model, import_model
from matae.nn.checkpoint import load
from matae.nn.matae import Matae, MataeConfig
from matae.train import loop
from matae.train import step as step_module
from matae.train.augment import AugmentConfig
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.data import LabelledFrames, load_frames
from matae.train.loop import METRICS, train
from matae.train.run import train_model
from matae.train.state import STATE

CONFIG = TrainConfig(steps=6, batch=4, grid=32, check_every=3, rebuild=0.0, network=NetworkConfig(channels=(8, 8, 16)))
GOING_ON = replace(CONFIG, network=NetworkConfig())


def a_network(classes: int = 1) -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16), classes=classes))


def none_of(frames: LabelledFrames) -> LabelledFrames:
    return replace(frames, images=frames.images[:0], masks=frames.masks[:0], frames=(), patients=(), phases=())


def test_no_frames_are_refused(sides: tuple, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no training frames"):
        train(a_network(), none_of(sides[0]), sides[1], tmp_path / "out", CONFIG)
    with pytest.raises(TrainError, match="no validation frames"):
        train(a_network(), sides[0], none_of(sides[1]), tmp_path / "out", CONFIG)
    assert not (tmp_path / "out").exists()


def test_a_patient_on_both_sides_is_refused(sides: tuple, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="p0 is in training and validation"):
        train(a_network(), sides[0], sides[0], tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "above 0"),
        ({"batch": 0}, "above 0"),
        ({"check_every": 0}, "above 0"),
        ({"lr": 0.0}, "above 0"),
        ({"grid": 33}, "multiple of 8"),
        ({"grid": 0}, "multiple of 8"),
    ],
)
def test_settings_that_make_no_sense_are_refused(sides: tuple, tmp_path: Path, change: dict, words: str) -> None:
    with pytest.raises(TrainError, match=words):
        train(a_network(), *sides, tmp_path, replace(CONFIG, **change))


def test_a_device_that_is_not_there_is_refused(sides: tuple, tmp_path: Path) -> None:
    with pytest.raises(DeviceError):
        train(a_network(), *sides, tmp_path, replace(CONFIG, device="tpu"))


def test_masks_of_more_classes_than_the_network_are_refused(sides: tuple, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="have 2 classes, the network 1"):
        train(a_network(), replace(sides[0], masks=sides[0].masks * 2), sides[1], tmp_path, CONFIG)


def test_a_folder_that_is_a_file_is_refused(sides: tuple, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(TrainError, match="choose a folder"):
        train(a_network(), *sides, tmp_path / "out", CONFIG)


def state_of(out: Path) -> tuple[int, dict[str, torch.Tensor]]:
    with safe_open(out / STATE, "pt") as file:
        return json.loads(file.metadata()["run"])["step"], load_file(out / STATE)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_that_is_no_number_keeps_the_last_good_state(
    sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    real, calls = step_module.bce_dice, []

    def breaks(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        loss = real(logits, target)
        if len(calls) <= 3 * 4:  # three widths a step: step 5 is the first bad one
            return loss
        return loss * torch.nan if what == "loss" else torch.sqrt(loss - loss)

    monkeypatch.setattr(step_module, "bce_dice", breaks)
    network = a_network()
    with pytest.raises(TrainError, match=r"not finite at step 5; the weights before it and the batch \(bad-batch"):
        train(network, *sides, tmp_path, CONFIG)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    step, tensors = state_of(tmp_path)
    assert step == 4
    bad = load_file(tmp_path / loop.BAD_BATCH)
    assert bad["images"].shape == (CONFIG.batch, 1, CONFIG.grid, CONFIG.grid)
    assert bad["masks"].shape == bad["images"].shape
    assert all(torch.isfinite(value).all() for value in tensors.values())
    monkeypatch.setattr(step_module, "bce_dice", real)
    train(a_network(), *sides, tmp_path, CONFIG)
    assert state_of(tmp_path)[0] == 6


def test_a_full_disk_keeps_the_last_state(sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop_at_three(report: loop.StepReport) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(TrainError, match=r"Step 6 was not saved, the last state is whole.*full; free"):
        train(a_network(), *sides, tmp_path, CONFIG, report=stop_at_three)
    monkeypatch.undo()
    assert state_of(tmp_path)[0] == 3
    train(a_network(), *sides, tmp_path, CONFIG)
    with (tmp_path / METRICS).open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["3", "6"]


@pytest.mark.parametrize("where", ["matae.train.setup.to_device", "matae.train.loop.take_step"])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), RuntimeError("CUDA error: out of memory")])
def test_memory_that_runs_out_is_said(
    sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    def full(*_: object, **__: object) -> float:
        raise error

    monkeypatch.setattr(where, full)
    with pytest.raises(TrainError, match="4 frames a step; choose a smaller batch"):
        train(a_network(), *sides, tmp_path, CONFIG)


class KilledError(Exception):
    """Ends a run as a signal would."""


def kill(_: object) -> None:
    raise KilledError


def test_a_killed_run_goes_on_bit_for_bit(sides: tuple, tmp_path: Path) -> None:
    whole = train(a_network(), *sides, tmp_path / "whole", CONFIG)
    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path / "cut", CONFIG, report=kill)
    assert state_of(tmp_path / "cut")[0] == 3
    torch.rand(7)  # the caller's own random numbers do not matter
    resumed = train(a_network(), *sides, tmp_path / "cut", CONFIG)
    found = resumed.state_dict()
    for key, value in whole.state_dict().items():
        assert torch.equal(value, found[key]), key
    first, second = (state_of(tmp_path / name)[1] for name in ("whole", "cut"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    finished = train(a_network(), *sides, tmp_path / "cut", CONFIG, report=kill)
    assert torch.equal(finished.state_dict()["head.weight"], whole.state_dict()["head.weight"])


@pytest.fixture
def begun(sides: tuple, tmp_path: Path) -> Path:
    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path / "out", CONFIG, report=kill)
    return tmp_path / "out"


def test_other_settings_frames_or_networks_are_refused(sides: tuple, begun: Path) -> None:
    with pytest.raises(TrainError, match="other settings"):
        train(a_network(), *sides, begun, replace(CONFIG, lr=1e-3))
    with pytest.raises(TrainError, match="other frames"):
        train(a_network(), replace(sides[0], images=255 - sides[0].images), sides[1], begun, CONFIG)
    with pytest.raises(TrainError, match="another network"):
        train(Matae(MataeConfig(channels=(8, 8, 24))), *sides, begun, CONFIG)
    assert state_of(begun)[0] == 3


@pytest.mark.parametrize("size", [0, 5, 1000])
def test_a_damaged_state_is_refused(sides: tuple, begun: Path, size: int) -> None:
    (begun / STATE).write_bytes((begun / STATE).read_bytes()[:size])
    with pytest.raises(TrainError, match="damaged"):
        train(a_network(), *sides, begun, CONFIG)


def test_a_state_without_what_later_versions_wrote_is_read(sides: tuple, begun: Path) -> None:
    with safe_open(begun / STATE, "pt") as file:
        run = json.loads(file.metadata()["run"])
    del run["data"], run["seconds"]
    save_file(load_file(begun / STATE), begun / STATE, metadata={"run": json.dumps(run)})
    train(a_network(), *sides, begun, CONFIG)
    assert state_of(begun)[0] == 6


def test_the_state_is_the_network_by_name(begun: Path) -> None:
    average = {k.removeprefix("average/"): v for k, v in state_of(begun)[1].items() if k.startswith("average/")}
    a_network().load_state_dict(average)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 11])
def test_the_shortest_runs_end(sides: tuple, tmp_path: Path, steps: int) -> None:
    reports: list[loop.StepReport] = []
    trained = train(a_network(), *sides, tmp_path, replace(CONFIG, steps=steps, check_every=50), report=reports.append)
    assert [report.step for report in reports] == [steps]
    assert list(reports[0].dice) == list(trained.widths)
    assert not trained.training


def test_the_loss_falls(sides: tuple, tmp_path: Path) -> None:
    reports: list[loop.StepReport] = []
    config = TrainConfig(steps=45, batch=6, grid=32, check_every=15, ema=0.9, lr=1e-2)
    train(a_network(), *sides, tmp_path, config, report=reports.append)
    assert reports[-1].loss < 0.8 * reports[0].loss
    assert reports[-1].dice[1.0] > 0.7
    assert reports[0].seconds < reports[1].seconds < reports[2].seconds


def test_two_classes_are_learnt_where_one_side_lacks_one(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "two", high=2)
    frames, held_out = load_frames(folder, "train"), load_frames(folder, "val")
    held_out = replace(held_out, masks=np.minimum(held_out.masks, 1))
    reports: list[loop.StepReport] = []
    train(a_network(2), frames, held_out, tmp_path / "out", replace(CONFIG, steps=1), report=reports.append)
    assert 0 <= reports[0].dice[1.0] <= 1


def test_a_folder_becomes_a_model(toy: Path, tmp_path: Path, matae_home: Path) -> None:
    (toy / "LICENCE.txt").write_text("CC0 1.0\n")
    out, reports = tmp_path / "out", []
    card = train_model([toy], out, name="toy-lv", config=CONFIG, report=reports.append)
    assert load(out)[1] == card
    assert (card.family, card.grid, card.classes, card.licence) == (
        "matae",
        32,
        ("left ventricular cavity",),
        "CC0 1.0",
    )
    assert card.data == "toy: 12 frames of 6 patients for training, 6 frames of 3 patients for validation"
    assert card.training["steps"] == 6
    assert card.training["seconds"] > 0
    assert card.training["torch"] == str(torch.__version__)
    assert card.limits
    figures = card.figures["toy, val"]
    assert (figures["frames"], figures["patients"]) == (6, 3)
    for width in ("1/8", "1/4", "1/2", "1"):
        found = figures[f"dice, width {width}"]
        assert {"frame_mean", "frame_sd", "n_frames", "ED", "ES"} == set(found)
        assert found["ED"]["n_frames"] == 3
    assert figures["dice, width 1"]["frame_mean"] == pytest.approx(reports[-1].dice[1.0], abs=2e-4)
    assert str(tmp_path) not in card.dumps()
    # Once more is the same model, not another run.
    assert train_model([toy], out, name="toy-lv", config=CONFIG) == card
    import_model(out, "toy-lv")
    continued = train_model(
        [toy], tmp_path / "next", name="toy-2", config=GOING_ON, init="toy-lv", licence="mine", citation="me"
    )
    assert continued.parent == {"name": "toy-lv", "sha256": find_model("toy-lv").card.sha256}
    assert (continued.licence, continued.citation, continued.architecture) == ("mine", "me", card.architecture)


STRUCTURES = ("left ventricular cavity", "left ventricular myocardium", "left atrium")


def with_structures(folder: Path) -> Path:
    """Give a toy folder structures/: a wall around each ellipse and an atrium below it; every second patient is A2C."""
    from scipy import ndimage

    (folder / "structures").mkdir()
    for path in (folder / "masks").iterdir():
        cavity = np.array(Image.open(path)) > 0
        mask = ndimage.binary_dilation(cavity, iterations=3).astype(np.uint8) * 2
        mask[-6:, 12:26] = 3
        mask[cavity] = 1
        Image.fromarray(mask).save(folder / "structures" / path.name)
    rows = read_index(folder)
    write_index(folder, [row | {"view": "A2C" if int(row["patient"][1:]) % 2 else "A4C"} for row in rows])
    return folder


def test_a_model_of_the_cavity_learns_two_views_and_three_structures(
    toy: Path, tmp_path: Path, matae_home: Path
) -> None:
    train_model([toy], tmp_path / "out", name="toy-lv", config=CONFIG)
    import_model(tmp_path / "out", "toy-lv")
    wanted = replace(GOING_ON, classes=STRUCTURES, views=("A4C", "A2C"), augment=AugmentConfig(restyled=0.5))
    folder = with_structures(toy)
    card = train_model([folder], tmp_path / "three", name="toy-3", config=wanted, init="toy-lv")
    assert card.classes == STRUCTURES
    assert card.regions == (STRUCTURES[:1], STRUCTURES[:2], STRUCTURES[2:])
    assert card.data.startswith("toy: 12 frames of 6 patients for training")
    found = card.figures["toy, val"]["dice, width 1"]
    assert list(found["by_class"]) == list(STRUCTURES)
    assert {key: found[key] for key in found if key != "by_class"} == found["by_class"][STRUCTURES[0]]
    network, read = load(tmp_path / "three")
    assert (read, network.regions.covers) == (card, ((1,), (1, 2), (3,)))
    # From nothing it is as many logits; one view alone is half of the frames.
    config = replace(CONFIG, steps=1, classes=STRUCTURES[::-1])
    card = train_model([folder], tmp_path / "new", name="new", config=config)
    assert card.classes == STRUCTURES[::-1]
    assert card.data.startswith("toy: 6 frames of 3 patients for training")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ("left ear",)}, "'left ear' is no structure that is known here"),
        ({"classes": ("LV", "left ventricle")}, "A structure is named twice"),
        ({"classes": STRUCTURES}, "there is no mask of the left ventricular myocardium, only of left ventricular cav"),
        ({"classes": STRUCTURES[2:]}, "there is no mask of the left atrium, only of"),
        ({"views": ("A2C",)}, "has no frame of the views A2C: it has A4C"),
    ],
)
def test_structures_and_views_that_are_not_there_are_refused(
    toy: Path, tmp_path: Path, change: dict, words: str
) -> None:
    write_index(toy, [row | {"view": "A4C"} for row in read_index(toy)])
    with pytest.raises(TrainError, match=words):
        train_model([toy], tmp_path / "out", name="x", config=replace(CONFIG, **change))


def test_several_folders_become_one_model_under_the_terms_of_all(tmp_path: Path, matae_home: Path) -> None:
    first = write_frames(tmp_path / "first", val=0)
    second = write_frames(tmp_path / "second", train=0, val=2)
    write_index(second, [row | {"patient": f"q{row['patient']}"} for row in read_index(second)])
    (first / "LICENCE.txt").write_text("CC0 1.0")
    card = train_model([first, second], tmp_path / "out", name="x", config=CONFIG)
    assert card.data == "first + second: 12 frames of 6 patients for training, 4 frames of 2 patients for validation"
    assert card.licence == "first: CC0 1.0\n\nsecond: not stated"
    assert list(card.figures) == ["first + second, val"]
    (second / "LICENCE").write_text("CC0 1.0\n")
    assert train_model([first, second], tmp_path / "out", name="x", config=CONFIG).licence == ("CC0 1.0")


def test_what_cannot_become_a_model_is_refused_before_training(toy: Path, tmp_path: Path, matae_home: Path) -> None:
    def attempt(**more: object) -> None:
        train_model(**{"data": [toy], "out": tmp_path / "out", "name": "x", "config": CONFIG} | more)

    with pytest.raises(ModelError, match="no model name"):
        attempt(name="../x")
    with pytest.raises(ModelError, match="no model 'absent'"):
        attempt(init="absent", config=replace(CONFIG, network=NetworkConfig()))
    with pytest.raises(TrainError, match="No network has this shape"):
        attempt(config=replace(CONFIG, network=NetworkConfig(channels=())))
    with pytest.raises(TrainError, match="no family 'vit'; choose matae, imagenet, unet-published or matae-published"):
        attempt(config=replace(CONFIG, network=NetworkConfig(family="vit")))
    with pytest.raises(TrainError, match="leave out either"):
        attempt(init="absent")
    with pytest.raises(LabelledError, match=r"no index\.csv"):
        attempt(data=[tmp_path])
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "model.safetensors").write_bytes(b"someone's")
    with pytest.raises(TrainError, match="holds a finished model"):
        attempt(out=tmp_path / "done")
    assert not (tmp_path / "out").exists()


def test_a_model_that_cannot_be_written_leaves_the_run(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def last(report: loop.StepReport) -> None:
        if report.step == CONFIG.steps:
            monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OutputError, match="full"):
        train_model([toy], tmp_path / "out", name="x", config=CONFIG, report=last)
    monkeypatch.undo()
    train_model([toy], tmp_path / "out", name="x", config=CONFIG, report=kill)
    assert load(tmp_path / "out")[1].name == "x"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_runs_and_resumes_on_a_gpu(sides: tuple, tmp_path: Path) -> None:
    config = replace(CONFIG, device="cuda")
    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path, config, report=kill)
    trained = train(a_network(), *sides, tmp_path, config)
    assert next(trained.parameters()).device.type == "cpu"

"""A teacher: those that are refused, its loss, that it is never changed, exact resumption; and that it teaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import ModelError, TrainError
from matae.nn import imagenet
from matae.nn.checkpoint import load
from matae.nn.imagenet import TERMS, ImageNetUNet
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import MataePublished
from matae.nn.regions import Regions
from matae.train import loop
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.loop import train
from matae.train.run import train_model
from matae.train.settings import read_settings
from matae.train.teacher import against_probabilities, probabilities

SHAPE = NetworkConfig(channels=(8, 8, 16))
CONFIG = TrainConfig(steps=6, batch=4, grid=32, check_every=3, rebuild=0.0, network=SHAPE)
IMAGENET = replace(CONFIG, steps=2, check_every=2, network=NetworkConfig(family="imagenet"))


def a_network(seed: int = 0, **more: object) -> Matae:
    torch.manual_seed(seed)
    return Matae(MataeConfig(channels=(8, 8, 16), **more))


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def same(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    found = two.state_dict()
    return all(torch.equal(value, found[key]) for key, value in one.state_dict().items())


def test_a_teacher_of_something_else_is_refused(sides: tuple, tmp_path: Path) -> None:
    out = tmp_path / "out"
    other = a_network(1, classes=2)
    with pytest.raises(TrainError, match="teacher outlines class 1, class 2, this training class 1; choose a teacher"):
        train(a_network(), *sides, out, CONFIG, teacher=other)
    other = a_network(1)
    other.regions = Regions.alone(("left atrium",))
    with pytest.raises(TrainError, match="outlines left atrium, this training class 1"):
        train(a_network(), *sides, out, CONFIG, teacher=other)
    # The wall alone is not the epicardium, though both networks name the same classes.
    nested, alone = a_network(classes=2), a_network(1, classes=2)
    names = ("left ventricular cavity", "left ventricular myocardium")
    nested.regions, alone.regions = Regions.nested(names), Regions.alone(names)
    with pytest.raises(TrainError, match="choose a teacher of the same structures"):
        train(nested, *sides, out, CONFIG, teacher=alone)
    with pytest.raises(TrainError, match="A grid of 40 does not fit the teacher; choose a multiple of 16"):
        train(a_network(), *sides, out, replace(CONFIG, grid=40), teacher=MataePublished(1))
    with pytest.raises(TrainError, match="teaching must be 0 or more"):
        train(a_network(), *sides, out, replace(CONFIG, teaching=-1.0), teacher=a_network(1))
    assert not out.exists()


def test_what_is_no_model_is_refused(sides: tuple, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.pth").write_bytes(b"\x80\x02}")
    for name in ("empty", "file.pth"):
        with pytest.raises(TrainError, match="holds no trained model; name the folder of a finished training"):
            train(a_network(), *sides, tmp_path / "out", replace(CONFIG, teacher=str(tmp_path / name)))
    for name in ("nobody", "../nobody", str(tmp_path / "nowhere")):
        with pytest.raises(ModelError) as refused:
            train(a_network(), *sides, tmp_path / "out", replace(CONFIG, teacher=name))
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_no_gradient_reaches_the_teacher(sides: tuple, tmp_path: Path) -> None:
    teacher = a_network(1)
    before = weights(teacher)
    teacher.train()
    train(a_network(), *sides, tmp_path, CONFIG, teacher=teacher)
    assert all(torch.equal(before[key], value) for key, value in teacher.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in teacher.parameters())
    assert teacher.training  # as it was: a copy spoke

    fabric = loop.make_fabric(CONFIG)
    run = loop.new_run(a_network(), CONFIG, fabric.device, teacher)
    assert run.teacher is not None
    said = probabilities(fabric, run.teacher, torch.rand(3, 1, 32, 32))
    assert said.shape == (3, 1, 32, 32)
    assert not said.requires_grad
    assert 0 <= float(said.min()) <= float(said.max()) <= 1
    assert not run.teacher.training


@given(st.floats(0.01, 0.99))
def test_the_loss_is_least_where_student_and_teacher_agree(p: float) -> None:
    said = torch.full((1, 2, 16, 16), p)
    logits = torch.logit(said).requires_grad_()
    loss = against_probabilities(logits, said)
    assert loss.shape == ()
    loss.backward()
    assert float(logits.grad.abs().max()) < 1e-3
    for apart in (-1.0, 1.0):
        assert against_probabilities(torch.logit(said) + apart, said) > loss - 1e-6


def test_a_weight_of_nothing_is_a_training_without_a_teacher(sides: tuple, tmp_path: Path) -> None:
    teacher, silent = a_network(1), replace(CONFIG, teaching=0.0)
    without = train(a_network(), *sides, tmp_path / "without", CONFIG)
    assert same(without, train(a_network(), *sides, tmp_path / "silent", silent, teacher=teacher))
    assert same(without, train(a_network(), *sides, tmp_path / "unknown", replace(silent, teacher="nobody")))
    assert not same(without, train(a_network(), *sides, tmp_path / "taught", CONFIG, teacher=teacher))


class KilledError(Exception):
    """Ends a run as a signal would."""


def test_a_killed_run_goes_on_bit_for_bit_with_the_same_teacher_only(sides: tuple, tmp_path: Path) -> None:
    config, teacher = replace(CONFIG, ema=0.5, steps=9), a_network(1)

    def kill(report: loop.StepReport) -> None:
        if report.step == 6:
            raise KilledError

    whole = train(a_network(), *sides, tmp_path / "whole", config, teacher=teacher)
    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path / "cut", config, teacher=teacher, report=kill)
    for other in (a_network(2), None):
        with pytest.raises(TrainError, match="holds a run with other frames, or another teacher"):
            train(a_network(), *sides, tmp_path / "cut", config, teacher=other)
    torch.rand(5)
    moved = replace(config, teacher="where it lies now")  # a teacher is known by its weights
    assert same(whole, train(a_network(), *sides, tmp_path / "cut", moved, teacher=teacher))


def test_frames_at_a_time_do_not_change_the_gradients(sides: tuple) -> None:
    found = []
    for chunk in (0, 1, 3):
        config = replace(CONFIG, precision="32")
        network, fabric = a_network(), loop.make_fabric(config)
        run, batches = loop.begin(network, config, fabric.device, sides[0], teacher=a_network(1))
        run.chunk = chunk
        network.eval()
        network.train = lambda _=True, n=network: n  # type: ignore[method-assign] - stays in inference mode
        loop.take_step(fabric, run, batches.draw(0))
        found.append([p.detach().clone() for p in network.parameters()])
    for others in found[1:]:
        for one, two in zip(found[0], others, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_the_teacher_speaks_of_unlabelled_frames_in_place_of_the_average(sides: tuple, tmp_path: Path) -> None:
    config, more = replace(CONFIG, self_training=1.0), sides[0].images[::-1].copy()
    networks = [a_network(), a_network(1)]
    asked = [0, 0]

    def count(index: int) -> None:
        real = networks[index].forward

        def forward(x: torch.Tensor, width: float = 1.0) -> torch.Tensor:
            asked[index] += len(x)
            return real(x, width)

        networks[index].forward = forward  # type: ignore[method-assign]

    fabric = loop.make_fabric(config)
    run = loop.new_run(a_network(), config, fabric.device)
    run.average, run.teacher = networks
    for index in (0, 1):
        count(index)
    batches = loop.Batches(sides[0], run.model.regions, config, run.generator, more)
    loop.take_step(fabric, run, batches.draw(0), pair=batches.draw_pair(0))
    assert asked == [0, 4]  # two labelled frames and two that nobody labelled


def test_frames_at_a_time_may_hold_none_that_is_labelled(sides: tuple) -> None:
    config, more = replace(CONFIG, self_training=1.0), sides[0].images[::-1].copy()
    fabric = loop.make_fabric(config)
    run = loop.new_run(a_network(), config, fabric.device, ImageNetUNet(1))  # which cannot look at nothing
    run.chunk = 1
    batches = loop.Batches(sides[0], run.model.regions, config, run.generator, more)
    assert np.isfinite(loop.take_step(fabric, run, batches.draw(0), pair=batches.draw_pair(0)))


def test_a_student_learns_what_only_its_teacher_knows(sides: tuple, tmp_path: Path) -> None:
    # Its one labelled frame shows a heart nobody would know the others by.
    frames, held_out = sides
    config = replace(CONFIG, steps=30, batch=6, check_every=60, lr=2e-2, ema=0.9)
    two = {"widths": (0.5, 1.0)}
    teacher = train(a_network(1, **two), frames, held_out, tmp_path / "teacher", replace(config, steps=40))
    nothing = replace(frames, masks=np.zeros_like(frames.masks))
    nothing.masks[0] = frames.masks[0]
    found = {}
    for weight in (0.0, 4.0):
        reports: list[loop.StepReport] = []
        train(a_network(**two), nothing, held_out, tmp_path / str(weight), replace(config, teaching=weight),
              teacher=teacher, report=reports.append)  # fmt: skip
        found[weight] = reports[-1].dice
    for width, dice in found[4.0].items():
        assert dice > found[0.0][width] + 0.5, width


def test_a_finished_run_teaches_the_next_and_is_named_in_its_card(toy: Path, tmp_path: Path) -> None:
    first = train_model([toy], tmp_path / "first", name="first", config=CONFIG, licence="terms of the first")
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f"steps = 6\nbatch = 4\ngrid = 32\ncheck_every = 3\nrebuild = 0\nteacher = '{tmp_path / 'first'}'\n"
        "teaching = 2\n[network]\nchannels = [8, 8, 16]\n",
        encoding="utf-8",
    )
    config = read_settings(settings)
    assert config == replace(CONFIG, teacher=str(tmp_path / "first"), teaching=2.0)
    ran = CliRunner().invoke(app, ["train", "--data", str(toy), "--config", str(settings), "--out", f"{tmp_path}/cli"])
    assert ran.exit_code == 0, ran.output
    _, card = load(tmp_path / "cli")
    assert card.training["taught_by"] == {"name": "first", "sha256": first.sha256}
    assert (card.training["teacher"], card.training["teaching"]) == (str(tmp_path / "first"), 2.0)
    assert "taught by first: terms of the first" in card.licence
    assert card.parent is None
    in_code = train_model([toy], tmp_path / "code", name="code", config=config)
    assert in_code.sha256 == card.sha256
    assert "taught by" not in first.licence

    # The option is worth more than the settings, and a teacher that is none is one sentence.
    command = ["train", "--data", str(toy), "--config", str(settings), "--teacher", str(toy), "--out", f"{tmp_path}/no"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 1
    assert "holds no trained model; name the folder of a finished training" in " ".join(ran.output.split())
    assert not (tmp_path / "no").exists()


def test_a_network_on_an_imagenet_encoder_is_trained_saved_and_teaches(
    imagenet_file: Path, toy: Path, tmp_path: Path
) -> None:
    made = train_model([toy], tmp_path / "big", name="big", config=IMAGENET)
    assert made.parent is not None
    assert made.parent["name"] == imagenet_file.stem
    assert TERMS in made.licence
    network, card = load(tmp_path / "big")
    assert isinstance(network, ImageNetUNet)
    assert (card.family, card.widths, card.divisor) == ("imagenet", (1.0,), 32)
    config = replace(CONFIG, teacher=str(tmp_path / "big"))
    taught = train_model([toy], tmp_path / "small", name="small", config=config)
    assert taught.family == "matae"
    assert taught.training["taught_by"]["name"] == "big"
    assert TERMS in taught.licence  # the notice stays with what came of the weights


def test_the_family_is_chosen_on_the_command_line(toy: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("steps = 1\nbatch = 2\ngrid = 32\n", encoding="utf-8")
    command = ["train", "--data", str(toy), "--config", str(settings), "--family"]
    ran = CliRunner().invoke(app, [*command, "matae-published", "--out", f"{tmp_path}/published"])
    assert ran.exit_code == 0, ran.output
    assert load(tmp_path / "published")[1].family == "matae-published"
    ran = CliRunner().invoke(app, [*command, "vit", "--out", f"{tmp_path}/no"])
    assert ran.exit_code == 1
    assert "There is no family 'vit'; choose matae, imagenet," in " ".join(ran.output.split())


def test_without_the_weights_of_imagenet_the_extra_is_named(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagenet, "has_extra", lambda _: False)
    with pytest.raises(ModelError, match=r"is not installed \(extra imagenet\): .*, or choose family matae\."):
        train_model([toy], tmp_path / "out", name="out", config=IMAGENET)
    assert not (tmp_path / "out").exists()

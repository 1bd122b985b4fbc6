"""Following a run and ending it: stop, time, the best kept, replay, memory; and several processes as one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from train_makers import write_frames

from matae.errors import TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.nn.regions import Regions
from matae.train import loop
from matae.train.augment import AugmentConfig, augment
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.data import load_frames
from matae.train.loop import Watch, train
from matae.train.progress import TrainingProgress

CONFIG = TrainConfig(steps=6, batch=4, grid=32, check_every=3, rebuild=0.0, network=NetworkConfig(channels=(8, 8, 16)))


def a_network(seed: int = 0) -> Matae:
    torch.manual_seed(seed)
    return Matae(MataeConfig(channels=(8, 8, 16)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"replay": 1.0}, "replay must be in 0-1"),
        ({"seconds": -1.0}, "seconds and patience"),
        ({"patience": 1}, "patience needs keep_best"),
        ({"processes": 5}, "5 processes cannot share 4 frames"),
        ({"processes": 0}, "0 processes"),
    ],
)
def test_settings_that_make_no_sense_are_refused(sides: tuple, tmp_path: Path, change: dict, words: str) -> None:
    with pytest.raises(TrainError, match=words):
        train(a_network(), *sides, tmp_path, replace(CONFIG, **change))


def test_replay_of_another_size_or_of_a_held_out_patient_is_refused(sides: tuple, tmp_path: Path) -> None:
    small = replace(sides[0], images=sides[0].images[:, :32, :32], masks=sides[0].masks[:, :32, :32])
    for replay, words in ((small, "another size"), (sides[1], "A validation patient is among the replay")):
        with pytest.raises(TrainError, match=words):
            train(a_network(), *sides, tmp_path, replace(CONFIG, replay=0.5), replay=replay)


def test_replay_frames_fill_their_share_of_every_batch(sides: tuple) -> None:
    marked = replace(sides[0], images=np.full_like(sides[0].images, 255), masks=np.zeros_like(sides[0].masks))
    config = replace(CONFIG, replay=0.25, augment=AugmentConfig.none())
    for share, expected in ((0.25, 1), (0.01, 1), (0.5, 2), (0.99, 3), (0.0, 0)):
        batches = loop.Batches(
            sides[0],
            Regions.numbered(1),
            replace(config, replay=share),
            torch.Generator().manual_seed(0),
            replay=marked,
        )
        images, masks = batches.draw(3)
        white = images.flatten(1).mean(1) > 0.99
        assert int(white.sum()) == expected
        assert not masks[white].any()


def test_parts_of_a_batch_are_augmented_as_the_whole_would_be() -> None:
    images, masks = torch.rand(5, 1, 24, 24), torch.rand(5, 1, 24, 24)
    whole = augment(images, masks, 16, torch.Generator().manual_seed(3))
    for first, last in ((0, 2), (2, 5)):
        part = augment(images[first:last], masks[first:last], 16, torch.Generator().manual_seed(3), here=(first, 5))
        for one, two in zip(whole, part, strict=True):
            torch.testing.assert_close(one[first:last], two)


def test_a_stop_keeps_the_best_so_far(sides: tuple, tmp_path: Path) -> None:
    steps: list[TrainingProgress] = []
    reports: list[loop.StepReport] = []
    config = replace(CONFIG, steps=10_000, keep_best=True)
    asked: list[float] = []

    def should_stop() -> bool:
        if len(steps) >= 4 and not asked:
            asked.append(time.thread_time())
        return len(steps) >= 4

    watch = Watch(should_stop=should_stop, step=steps.append)
    found = train(a_network(), *sides, tmp_path, config, report=reports.append, watch=watch)
    assert time.thread_time() - asked[0] < 1  # of this thread: other programs do not count
    assert [report.step for report in reports] == [0, 3]
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert steps[-1].steps == 10_000
    assert steps[-1].epoch == pytest.approx(4 * 4 / 12)
    assert reports[-1].best in {0, 3}
    best = max(reports, key=lambda report: np.mean(list(report.dice.values())))
    assert best.step == reports[-1].best
    dice, iou = loop.validate(found, sides[1], config.grid)
    assert dice == best.dice
    assert iou == best.iou


@pytest.mark.parametrize("passes", [2, 5])  # in the midst of the first validation, and of the first step
def test_no_pass_begins_after_a_stop(
    sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: int
) -> None:
    real, taken = Matae.forward, []

    def counted(self: Matae, x: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        taken.append(self.training)
        return real(self, x, width)

    monkeypatch.setattr(Matae, "forward", counted)
    watch = Watch(should_stop=lambda: len(taken) >= passes)
    train(a_network(), *sides, tmp_path, replace(CONFIG, keep_best=True), watch=watch)
    assert taken == [False, False, False, False, True][:passes]


def test_the_start_is_kept_where_training_only_harms(sides: tuple, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=18, ema=0.5, lr=1e-2)
    good = train(a_network(), *sides, tmp_path / "good", config)
    poisoned = replace(sides[0], masks=1 - sides[0].masks)
    reports: list[loop.StepReport] = []
    # Batch statistics move even where the weights hardly do.
    config = replace(config, steps=60, keep_best=True, patience=2, lr=1e-2)
    found = train(good, poisoned, sides[1], tmp_path / "bad", config, report=reports.append)
    assert [report.step for report in reports] == [0, 3, 6]  # patience
    assert reports[-1].best == 0
    assert loop.validate(found, sides[1], config.grid)[0] == reports[0].dice


def test_time_that_runs_out_ends_the_run(sides: tuple, tmp_path: Path) -> None:
    reports: list[loop.StepReport] = []
    config = replace(CONFIG, steps=10_000, seconds=0.5, check_every=10_000)
    train(a_network(), *sides, tmp_path, config, report=reports.append)
    (report,) = reports
    assert 0 < report.step < 10_000
    assert report.seconds >= 0.5


class KilledError(Exception):
    """Ends a run as a signal would."""


def test_a_killed_run_goes_on_bit_for_bit_with_the_best_and_replay(sides: tuple, tmp_path: Path) -> None:
    config = replace(CONFIG, keep_best=True, replay=0.5, steps=9, ema=0.5)
    other = replace(sides[0], patients=tuple(f"q{p}" for p in sides[0].patients))
    reports: list[loop.StepReport] = []
    whole = train(a_network(), *sides, tmp_path / "whole", config, replay=other, report=reports.append)

    def kill(report: loop.StepReport) -> None:
        if report.step == 6:
            raise KilledError

    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path / "cut", config, replay=other, report=kill)
    again: list[loop.StepReport] = []
    resumed = train(a_network(), *sides, tmp_path / "cut", config, replay=other, report=again.append)
    assert [(r.step, r.dice, r.best) for r in again] == [(r.step, r.dice, r.best) for r in reports[-1:]]
    found = resumed.state_dict()
    for key, value in whole.state_dict().items():
        assert torch.equal(value, found[key]), key


def test_memory_that_runs_out_lowers_the_frames_at_a_time(
    sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Matae.forward

    def small(self: Matae, x: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        if self.training and len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, x, width)

    monkeypatch.setattr(Matae, "forward", small)
    notices: list[str] = []
    steps: list[TrainingProgress] = []
    train(a_network(), *sides, tmp_path, CONFIG, watch=Watch(step=steps.append, notice=notices.append))
    assert [n.rpartition("with ")[2] for n in notices] == ["2 frames at a time.", "1 frames at a time."]
    assert [step.chunk for step in steps] == [1] * 6


def test_frames_at_a_time_do_not_change_the_gradients(sides: tuple, tmp_path: Path) -> None:
    # Without batch statistics the parts of a batch add up to the whole.
    found = []
    for chunk in (0, 1, 3):
        config = replace(CONFIG, steps=1, precision="32")
        network = a_network()
        fabric = loop.make_fabric(config)
        run = loop.new_run(network, config, fabric.device)
        run.chunk = chunk
        network.eval()
        network.train = lambda _=True, n=network: n  # type: ignore[method-assign] - stays in inference mode
        loss = loop.take_step(fabric, run, loop.Batches(sides[0], Regions.numbered(1), config, run.generator).draw(0))
        found.append((loss, [p.detach().clone() for p in network.parameters()]))
    for loss, weights in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        for one, two in zip(found[0][1], weights, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # three that load PyTorch; the same is tested in two threads of one by test_train_sharing
def test_two_processes_are_one(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "toy")
    frames, held_out = load_frames(folder, "train"), load_frames(folder, "val")
    # An odd batch: the parts differ in size. Heads, a teacher, replay and the best kept take part.
    config = replace(CONFIG, batch=5, rebuild=0.1, replay=0.4, keep_best=True, steps=4, check_every=2, precision="32",
                     optimiser="adam", lr=1e-3)  # fmt: skip
    other = replace(frames, patients=tuple(f"q{p}" for p in frames.patients))
    teacher = a_network(1)
    networks = []
    reports: dict[int, list[loop.StepReport]] = {1: [], 2: []}
    steps: dict[int, list[TrainingProgress]] = {1: [], 2: []}
    for processes in (1, 2):
        torch.manual_seed(0)
        network = Matae(MataeConfig(channels=(8, 8, 16), autoencoder=True))
        networks.append(
            train(network, frames, held_out, tmp_path / str(processes), replace(config, processes=processes),
                  replay=other, teacher=teacher, report=reports[processes].append,
                  watch=Watch(step=steps[processes].append))
        )  # fmt: skip
    assert [r.step for r in reports[2]] == [r.step for r in reports[1]] == [0, 2, 4]
    for one, two in zip(steps[1], steps[2], strict=True):
        assert two.loss == pytest.approx(one.loss, rel=1e-4)
    found = networks[1].state_dict()
    for key, value in networks[0].state_dict().items():
        torch.testing.assert_close(found[key], value, rtol=1e-3, atol=1e-4, msg=key)
    assert type(networks[1].encoder[0][0].norms[0]) is torch.nn.BatchNorm2d


@pytest.mark.slow
def test_a_fault_in_two_processes_is_said_once(sides: tuple, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "state.safetensors").write_bytes(b"no state")
    with pytest.raises(TrainError, match="damaged"):
        train(a_network(), *sides, tmp_path / "out", replace(CONFIG, processes=2))

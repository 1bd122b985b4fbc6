"""Self-training: refused settings, the weight of what is sure, exact resumption, memory, stop; and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.errors import TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.nn.regions import Regions
from matae.train import loop
from matae.train.augment import AugmentConfig
from matae.train.batches import Batches
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.loop import Watch, train
from matae.train.progress import TrainingProgress
from matae.train.self_training import against_teacher, ramp, strongly

CONFIG = TrainConfig(
    steps=6, batch=4, grid=32, check_every=3, rebuild=0.0, self_training=1.0, network=NetworkConfig(channels=(8, 8, 16))
)


def a_network(**more: object) -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16), **more))


@pytest.fixture
def more(sides: tuple) -> np.ndarray:
    return sides[0].images[::-1].copy()


def test_what_cannot_be_mixed_is_refused(sides: tuple, more: np.ndarray, tmp_path: Path) -> None:
    for unlabelled in (None, more[:0]):
        with pytest.raises(TrainError, match="Self-training needs unlabelled frames; name some"):
            train(a_network(), *sides, tmp_path / "out", CONFIG, unlabelled=unlabelled)
    with pytest.raises(TrainError, match="another size than the labelled ones"):
        train(a_network(), *sides, tmp_path / "out", CONFIG, unlabelled=more[:, :8])
    for change in ({"self_training": -1.0}, {"self_share": 0.0}, {"self_share": 1.0}, {"batch": 1}):
        with pytest.raises(TrainError, match="self_training must be 0 or more"):
            train(a_network(), *sides, tmp_path / "out", replace(CONFIG, **change), unlabelled=more)
    with pytest.raises(TrainError, match="3 processes cannot share 2 frames"):
        train(a_network(), *sides, tmp_path / "out", replace(CONFIG, processes=3), unlabelled=more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("batch", "share", "counts"), [(16, 0.5, (8, 8)), (2, 0.01, (1, 1)), (2, 0.99, (1, 1)), (8, 0.25, (6, 2))]
)
def test_a_batch_has_some_of_each(batch: int, share: float, counts: tuple[int, int]) -> None:
    config = replace(CONFIG, batch=batch, self_share=share)
    assert (config.n_labelled, config.n_unlabelled) == counts
    without = replace(config, self_training=0.0)
    assert (without.n_labelled, without.n_unlabelled) == (batch, 0)


def batches(config: TrainConfig, sides: tuple, more: np.ndarray | None, **part: int) -> Batches:
    return Batches(sides[0], Regions.numbered(1), config, torch.Generator().manual_seed(0), more, **part)


def test_both_pictures_of_a_pair_lie_in_one_place(sides: tuple, more: np.ndarray) -> None:
    found = batches(replace(CONFIG, batch=8), sides, more)
    weak, strong = found.draw_pair(0)
    assert weak.shape == strong.shape == (4, 1, 32, 32)
    assert found.draw(0)[0].shape == (4, 1, 32, 32)
    assert found.draw_unlabelled(0) is None
    for one, two in zip(weak, strong, strict=True):
        assert not torch.equal(one, two)
        # What is bright in one is bright in the other: only its grey levels were changed.
        assert float(torch.corrcoef(torch.stack([one.flatten(), two.flatten()]))[0, 1]) > 0.6
    assert batches(replace(CONFIG, self_training=0.0), sides, more).draw_pair(0) is None
    assert batches(CONFIG, sides, None).draw_pair(0) is None


def test_two_processes_draw_what_one_would(sides: tuple, more: np.ndarray) -> None:
    config = replace(CONFIG, batch=6)
    whole = batches(config, sides, more)
    parts = [batches(config, sides, more, rank=rank, processes=2) for rank in (0, 1)]
    for step in (0, 1):
        together = whole.draw(step), whole.draw_pair(step)
        apart = [(part.draw(step), part.draw_pair(step)) for part in parts]
        for kind in (0, 1):
            for place in (0, 1):
                torch.testing.assert_close(torch.cat([each[kind][place] for each in apart]), together[kind][place])


def test_stronger_ranges_move_nothing_further() -> None:
    usual = AugmentConfig(gamma=3.0, restyled=0.5)
    far = strongly(usual)
    assert (far.gamma, far.restyled) == (3.0, 0.0)
    assert far.gain > usual.gain
    for name in ("rotate", "scale", "stretch", "shift", "perspective", "bend", "flip"):
        assert getattr(far, name) == getattr(usual, name)


@given(st.integers(1, 2000))
def test_the_weight_rises_over_the_first_third(steps: int) -> None:
    weights = [ramp(step, steps) for step in range(steps)]
    assert weights == sorted(weights)
    assert 0 < weights[0] <= 1
    assert all(weight == 1 for weight in weights[-(-steps // 3) :])


def test_only_what_the_teacher_is_sure_of_counts() -> None:
    logits = torch.zeros(2, 1, 8, 8, requires_grad=True)
    nothing = torch.full_like(logits, 0.5)
    assert against_teacher(logits, nothing).item() == pytest.approx(0, abs=1e-6)
    taught = nothing.clone()
    taught[:, :, :4] = 1.0
    against_teacher(logits, taught).backward()
    assert (logits.grad[:, :, :4] < 0).all()
    assert (logits.grad[:, :, 4:] == 0).all()


@given(st.floats(0.01, 0.99))
def test_the_loss_is_least_where_student_and_teacher_agree(p: float) -> None:
    taught = torch.full((1, 1, 16, 16), p)
    logits = torch.logit(taught).requires_grad_()
    against_teacher(logits, taught).backward()
    assert float(logits.grad.abs().max()) < 1e-3
    apart = against_teacher(torch.logit(taught) + 1.0, taught)
    assert apart.item() >= against_teacher(torch.logit(taught), taught).item() - 1e-6


class KilledError(Exception):
    """Ends a run as a signal would."""


@pytest.mark.slow  # test_train_pseudo_labels kills a run of such frames and of filled ones
def test_a_killed_run_goes_on_bit_for_bit(sides: tuple, more: np.ndarray, tmp_path: Path) -> None:
    config = replace(CONFIG, ema=0.5, steps=9)

    def kill(report: loop.StepReport) -> None:
        if report.step == 6:
            raise KilledError

    whole = train(a_network(), *sides, tmp_path / "whole", config, unlabelled=more)
    with pytest.raises(KilledError):
        train(a_network(), *sides, tmp_path / "cut", config, unlabelled=more, report=kill)
    # Other unlabelled frames are another run.
    with pytest.raises(TrainError, match="holds a run with other frames"):
        train(a_network(), *sides, tmp_path / "cut", config, unlabelled=more[:4])
    torch.rand(5)
    resumed = train(a_network(), *sides, tmp_path / "cut", config, unlabelled=more)
    found = resumed.state_dict()
    for key, value in whole.state_dict().items():
        assert torch.equal(value, found[key]), key
    without = train(a_network(), *sides, tmp_path / "without", replace(config, self_training=0.0))
    found = without.state_dict()
    assert any(not torch.equal(value, found[key]) for key, value in whole.state_dict().items())


def test_frames_at_a_time_do_not_change_the_gradients(sides: tuple, more: np.ndarray) -> None:
    found = []
    for chunk in (0, 1, 3):  # 3: one part has labelled and unlabelled frames
        config = replace(CONFIG, precision="32")
        network = a_network()
        fabric = loop.make_fabric(config)
        run = loop.new_run(network, config, fabric.device)
        run.chunk, run.step = chunk, 5
        network.eval()
        network.train = lambda _=True, n=network: n  # type: ignore[method-assign] - stays in inference mode
        drawn = batches(config, sides, more)
        loss = loop.take_step(fabric, run, drawn.draw(0), pair=drawn.draw_pair(0))
        found.append((loss, [p.detach().clone() for p in network.parameters()]))
    for loss, weights in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        for one, two in zip(found[0][1], weights, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_memory_that_runs_out_lowers_the_frames_at_a_time(
    sides: tuple, more: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Matae.forward

    def small(self: Matae, x: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        if self.training and len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, x, width)

    monkeypatch.setattr(Matae, "forward", small)
    steps: list[TrainingProgress] = []
    train(a_network(), *sides, tmp_path, CONFIG, unlabelled=more, watch=Watch(step=steps.append))
    assert [step.chunk for step in steps] == [1] * 6


def test_a_stop_is_heard_and_the_teacher_is_not_trained(sides: tuple, more: np.ndarray, tmp_path: Path) -> None:
    seen: list[int] = []
    network = train(
        a_network(), *sides, tmp_path, replace(CONFIG, steps=1000, keep_best=True), unlabelled=more,
        watch=Watch(should_stop=lambda: len(seen) >= 2, step=lambda progress: seen.append(progress.step)),
    )  # fmt: skip
    assert seen == [1, 2]
    assert not network.training


@pytest.mark.slow  # what pulls is tested above, and that frames without a label teach in test_train_pseudo_labels
def test_frames_of_all_shades_are_learnt_from_one_labelled_patient(sides: tuple, tmp_path: Path) -> None:
    # The labelled patient is dark; the held-out ones are pale, and so are the unlabelled frames.
    frames, held_out = sides
    one = frames.take([i for i, patient in enumerate(frames.patients) if patient == frames.patients[0]])
    pale = replace(held_out, images=(held_out.images // 2 + 120).astype(np.uint8))
    more = (frames.images // 2 + 120).astype(np.uint8)
    config = replace(CONFIG, steps=60, batch=8, check_every=60, lr=1e-2, ema=0.9)
    found = []
    for weight in (0.0, 1.0):
        reports: list[loop.StepReport] = []
        train(a_network(), one, pale, tmp_path / str(weight), replace(config, self_training=weight),
              unlabelled=more if weight else None, report=reports.append)  # fmt: skip
        found.append(reports[-1].dice[1.0])
    assert found[1] > 0.5
    assert found[1] > found[0] - 0.05

"""Training on other devices: going on elsewhere, which GPU, and what several processes tell one another."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from fake_devices import Gpu
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import distributed

from matae.errors import DeviceError, TrainError
from matae.nn.matae import Matae, MataeConfig
from matae.train import loop, sharing
from matae.train.config import NetworkConfig, TrainConfig
from matae.train.loop import Watch, make_fabric, train, train_here
from matae.train.state import STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fake_devices import FakeDevices

CONFIG = TrainConfig(steps=6, batch=4, grid=32, check_every=3, rebuild=0.0, network=NetworkConfig(channels=(8, 8, 16)))


def a_network() -> Matae:
    torch.manual_seed(0)
    return Matae(MataeConfig(channels=(8, 8, 16)))


@pytest.fixture
def begun(sides: tuple, tmp_path: Path) -> Path:
    """Return the folder of a run that was killed after three steps."""

    def kill(_: object) -> None:
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        train(a_network(), *sides, tmp_path / "run", CONFIG, report=kill)
    return tmp_path / "run"


def rewrite_state(out: Path, **changes: Any) -> None:
    """Change what a state says of the run; None takes it out. The generator becomes that of a GPU: seed and offset."""
    with safe_open(out / STATE, "pt") as file:
        run = json.loads(file.metadata()["run"])
    tensors = load_file(out / STATE) | {"generator": torch.zeros(16, dtype=torch.uint8)}
    run = {key: value for key, value in (run | changes).items() if value is not None}
    save_file(tensors, out / STATE, metadata={"run": json.dumps(run)})


@pytest.mark.parametrize(("kept", "said"), [("cuda", "on cuda"), (None, "on another kind of device")])
def test_a_run_goes_on_on_another_kind_of_device(sides: tuple, begun: Path, kept: str | None, said: str) -> None:
    rewrite_state(begun, generator_on=kept, chunk=2)
    copy = begun.with_name("copy")
    shutil.copytree(begun, copy)
    notices: list[str] = []
    reports: list[loop.StepReport] = []
    watch = Watch(notice=notices.append)
    first = train(a_network(), *sides, begun, replace(CONFIG, device="auto"), report=reports.append, watch=watch)
    assert notices == [f"The run began {said} and goes on, on cpu, from step 3 with other random numbers."]
    assert [report.step for report in reports] == [6]
    # Reproducible all the same.
    again = train(a_network(), *sides, copy, CONFIG)
    for one, two in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_a_run_on_the_same_kind_of_device_goes_on_exactly(sides: tuple, begun: Path, tmp_path: Path) -> None:
    notices: list[str] = []
    went_on = train(a_network(), *sides, begun, replace(CONFIG, device="auto"), watch=Watch(notice=notices.append))
    straight = train(a_network(), *sides, tmp_path / "straight", CONFIG)
    assert notices == []
    for one, two in zip(went_on.state_dict().values(), straight.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_one_certain_gpu_cannot_be_several(devices: FakeDevices) -> None:
    devices.have(Gpu(), Gpu())
    with pytest.raises(DeviceError, match=r"cuda:1 is one GPU, and 2 processes take one each.*; choose device cuda"):
        make_fabric(replace(CONFIG, device="cuda:1", processes=2))


def test_one_process_takes_the_gpu_that_was_asked_for(devices: FakeDevices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_fabric.Fabric", dict)
    for current in (0, 1):
        devices.have(Gpu((8, 0)), Gpu((7, 5)), current=current)
        new, old = (make_fabric(replace(CONFIG, device=f"cuda:{number}")) for number in (0, 1))
        assert (new["devices"], new["precision"]) == ([0], "bf16-mixed")
        assert (old["devices"], old["precision"]) == ([1], "32-true")
    assert new["accelerator"] == "cuda"
    devices.have(mps=True)
    assert make_fabric(replace(CONFIG, device="auto"))["accelerator"] == "cpu"
    apple = make_fabric(replace(CONFIG, device="mps"))
    assert (apple["accelerator"], apple["precision"], apple["devices"]) == ("mps", "32-true", 1)


def test_an_operation_that_the_device_lacks_is_said(
    sides: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object, **__: object) -> float:
        raise NotImplementedError("The operator 'aten::x' is not implemented\nand a page more")

    monkeypatch.setattr(loop, "take_step", lacking)
    with pytest.raises(
        TrainError, match=r"lacks an operation of the training \(The operator 'aten::x' is not impl"
    ) as e:
        train(a_network(), *sides, tmp_path, CONFIG)
    assert "a page more" not in str(e.value)


@pytest.fixture
def group() -> Iterator[None]:
    """Be the only process of a group."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


class _OneOfTwo:
    """The first of two processes, as it looks from inside; the other one is never heard of."""

    def __init__(self, fabric: Any) -> None:
        self._fabric = fabric
        self.world_size, self.global_rank, self.is_global_zero = 2, 0, True
        self.packed = 0

    def broadcast(self, value: object) -> object:
        self.packed += 1
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fabric, name)


def test_what_several_processes_say_at_each_step_is_numbers(sides: tuple, tmp_path: Path, group: None) -> None:
    fabric = _OneOfTwo(make_fabric(CONFIG))
    reports: list[loop.StepReport] = []
    train_here(fabric, a_network(), *sides, tmp_path, config=CONFIG, report=reports.append, watch=Watch())
    assert len(reports) == 2
    assert fabric.packed == 2  # the figures of a validation; nothing at a step


@pytest.mark.parametrize("said", [(False, False), (True, False), (False, True), (True, True)])
def test_processes_agree_on_what_the_first_says(said: tuple[bool, bool], group: None) -> None:
    assert sharing.agreed(said, torch.device("cpu")) == said


def test_shared_batch_norm_copies_nothing_from_the_host(group: None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    norm, x = torch.nn.Sequential(torch.nn.BatchNorm2d(3)), torch.randn(4, 3, 5, 5)
    want = norm(x)
    sharing.share_batch_norm(norm)

    def copied(*_: object, **__: object) -> torch.Tensor:
        raise AssertionError("a tensor was made on the host for a layer")

    for maker in ("tensor", "as_tensor", "from_numpy"):
        monkeypatch.setattr(torch, maker, copied)
    found = norm(x)
    monkeypatch.undo()
    torch.testing.assert_close(found, want)

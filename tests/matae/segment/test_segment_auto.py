"""Width and backend by measurement, by a clock of the tests' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from matae.nn.matae import Matae, MataeConfig
from matae.segment import Segmenter, SegmentOptions, auto
from matae.segment.auto import Speeds, choose_speed
from matae.segment.backends import ModelSource

if TYPE_CHECKING:
    from pathlib import Path

WIDTHS = (1 / 8, 1 / 4, 1 / 2, 1.0)
ALL = ("torch", "openvino", "onnxruntime")
# Frames a second of each backend by width.
TABLE = {
    "torch": {0.125: 200.0, 0.25: 120.0, 0.5: 60.0, 1.0: 20.0},
    "openvino": {0.125: 150.0, 0.25: 100.0, 0.5: 64.0, 1.0: 21.0},
    "onnxruntime": {0.125: 400.0, 0.25: 200.0, 0.5: 70.0, 1.0: 40.0},
}


class Computer:
    """Backends that take as long as a table says, by a clock of their own; `made` are those that were measured."""

    def __init__(self, table: dict[str, dict[float, float]], startup: float = 0.05) -> None:
        self.table, self.startup, self.now, self.made = table, startup, 0.0, []

    def clock(self) -> float:
        return self.now

    def make(self, name: str, width: float) -> object:
        self.made.append((name, width))
        self.now += self.startup
        return _Backend(self, self.table[name][width])

    def choose(self, source: ModelSource, wanted: float, widths=WIDTHS, backends=ALL, **more: object) -> auto.Choice:
        return choose_speed(source, widths, backends, wanted, make=self.make, clock=self.clock, **more)[0]


class _Backend:
    batch = 2  # side by side, as OpenVINO takes frames

    def __init__(self, computer: Computer, rate: float) -> None:
        self.computer, self.rate = computer, rate

    def begin(self) -> None:
        if self.rate == 0:
            raise RuntimeError("no such instruction")

    def __call__(self, pictures: np.ndarray) -> None:
        self.computer.now += self.batch / self.rate  # a pass that is not full takes as long


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSource:
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(auto, "installed_backends", lambda: ALL)
    torch.manual_seed(5)
    return ModelSource.of(Matae(MataeConfig(channels=(8, 8, 16))).eval(), 32)


@pytest.mark.parametrize("spoil", [b"", b"{", b"[]", b'{"rates": 3}', b'{"rates": {"torch": {"1": "x"}}}', b"\xff"])
def test_a_damaged_file_is_measured_anew_and_that_is_said(spoil: bytes, source: ModelSource) -> None:
    said: list[str] = []
    first = Computer(TABLE).choose(source, 50)
    (file,) = (auto.cache_folder() / "speed").iterdir()
    file.write_bytes(spoil)
    assert Computer(TABLE).choose(source, 50, notify=said.append) == first
    assert said == ["What was measured of this computer's speed cannot be read; it is measured anew."]
    again = Computer(TABLE)
    again.choose(source, 50, notify=said.append)
    assert (again.made, len(said)) == ([], 1)


@pytest.mark.parametrize(("wanted", "width", "backend"), [
    (30, 1.0, "onnxruntime"), (50, 0.5, "onnxruntime"), (100, 0.25, "onnxruntime"), (300, 0.125, "onnxruntime"),
])  # fmt: skip
def test_the_largest_width_that_keeps_up_is_chosen(
    wanted: float, width: float, backend: str, source: ModelSource
) -> None:
    choice = Computer(TABLE).choose(source, wanted)
    assert (choice.width, choice.backend) == (width, backend)
    assert f"the largest width that keeps up with {wanted}" in choice.words
    assert "frames a second on this computer" in choice.words


def test_where_none_keeps_up_the_quickest_is_chosen_and_that_is_said(source: ModelSource) -> None:
    choice = Computer(TABLE).choose(source, 1000)
    assert choice.width == 0.125
    assert choice.words.endswith("no width keeps up with 1000, this is the quickest.")


def test_only_what_could_change_the_choice_is_measured_and_only_once(source: ModelSource) -> None:
    computer = Computer(TABLE)
    computer.choose(source, 40)
    assert {width for name, width in computer.made if name != "torch"} == {0.5, 1.0}
    again = Computer(TABLE)
    again.choose(source, 40)
    assert again.made == []


def test_what_takes_too_long_is_measured_at_later_starts(source: ModelSource) -> None:
    made = []
    for _ in range(12):
        computer = Computer(TABLE, startup=1.5)
        choice = computer.choose(source, 50)
        assert len(computer.made) <= 3
        made += computer.made
    assert len(set(made)) == len(made)
    assert (choice.width, choice.backend) == (0.5, "onnxruntime")


def test_a_width_that_was_asked_for_is_kept(source: ModelSource) -> None:
    choice = Computer(TABLE).choose(source, 50, widths=(1.0,))
    assert (choice.width, choice.backend) == (1.0, "onnxruntime")
    assert "keeps up" not in choice.words
    assert Computer(TABLE).choose(source, 15, backends=("torch",)).width == 1.0


def test_a_backend_that_fails_or_is_not_installed_is_not_chosen(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {**TABLE, "onnxruntime": dict.fromkeys(WIDTHS, 0.0)}
    assert Computer(broken).choose(source, 50).backend == "openvino"  # alike, and starts without PyTorch
    monkeypatch.setattr(auto, "installed_backends", lambda: ("torch",))
    assert auto.to_choose_from(SegmentOptions("any"), WIDTHS) == (WIDTHS, ["torch"])
    assert auto.to_choose_from(SegmentOptions("any", "1/2", backend="openvino"), WIDTHS) == ((0.5,), ["openvino"])


def test_on_another_computer_it_is_measured_again(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    Computer(TABLE).choose(source, 50)
    here = auto.fingerprint()
    for key in here:
        monkeypatch.setattr(auto, "fingerprint", lambda k=key: here | {k: "another"})
        computer = Computer(TABLE)
        computer.choose(source, 50)
        assert computer.made
    assert {"processor", "processors", "torch", "openvino", "onnxruntime"} <= set(here)


def test_a_measurement_off_by_a_factor_does_not_hold(source: ModelSource) -> None:
    Computer(TABLE).choose(source, 50)
    speeds = Speeds.read(source.card.sha256)
    assert speeds.rate("torch", 0.5) == pytest.approx(60, rel=0.01)
    assert not speeds.is_off("torch", 0.5, 30)
    assert speeds.is_off("torch", 0.5, 15)
    assert speeds.is_off("torch", 0.5, 300)
    speeds.forget()
    assert Speeds.read(source.card.sha256).rates == {}


def test_a_segmenter_measures_and_says_what_it_chose(
    tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATAE_MEASURE", "1")
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    run = Segmenter(SegmentOptions(tiny_model, device="cpu", rate=0.01)).describe()
    assert run["width"] == "1"
    assert "the largest width that keeps up with 0.01" in run["auto"]
    assert "auto" not in Segmenter(SegmentOptions(tiny_model, "1/2", "cpu", "torch")).describe()


def test_what_was_measured_on_a_busy_computer_is_measured_again_on_a_quiet_one(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = 2.0
    monkeypatch.setattr(auto, "_load", lambda: load)
    slow = {"torch": {1.0: 10.0, 0.5: 50.0}}
    widths, backends = (0.5, 1.0), ("torch",)
    assert Computer(slow).choose(source, 30.0, widths, backends).width == 0.5
    again = Computer(slow)
    assert again.choose(source, 30.0, widths, backends).width == 0.5
    assert again.made == []  # still as busy
    load = 0.3
    quick = {"torch": {1.0: 100.0, 0.5: 500.0}}
    assert Computer(quick).choose(source, 30.0, widths, backends).width == 1.0
    load = 2.0
    busy = Computer(slow)
    assert busy.choose(source, 30.0, widths, backends).width == 1.0  # what the computer can do is known
    assert busy.made == []


def test_while_somebody_waits_what_is_known_decides_and_nothing_is_measured_unless_nothing_is(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = 2.0
    monkeypatch.setattr(auto, "_load", lambda: load)
    first = Computer(TABLE, startup=1.5)
    first.choose(source, 50, measures=False)
    assert first.made  # nothing was known
    meanwhile = Computer(TABLE)
    for load in (2.0, 0.3):  # noqa: B007 - read above; what was known of a busier computer serves, too
        known = meanwhile.choose(source, 50, measures=False)
    assert meanwhile.made == []
    assert known.width in {width for _, width in first.made}
    later = Computer(TABLE)
    assert later.choose(source, 50).backend == "onnxruntime"
    assert later.made

"""Comparing side by side: what is left out when time is short, and that everything has its turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from matae.segment import Segmenter, SegmentOptions, find_sector
from matae.speed.clip import phantom_clip
from matae.speed.interleave import Runner, SpeedClip, make_ready, take_turns
from matae.speed.timing import Clock, median_seconds, summarise

WIDTHS = ("1/2", "1")


@pytest.fixture
def clip() -> SpeedClip:
    cine = phantom_clip(4, (40, 48), distinct=2)
    return SpeedClip("4 x 40x48", cine, find_sector(cine), Path())


def options(model: str, backend: str) -> list[SegmentOptions]:
    return [SegmentOptions(model, width, "cpu", backend) for width in WIDTHS]


def test_without_time_only_pytorch_is_left_and_it_is_said(tiny_model: str) -> None:
    said: list[str] = []
    told: list[tuple[str, int, int]] = []
    clock = Clock(0.0, 4, lambda *step: told.append(step))
    ready = make_ready([*options(tiny_model, "torch"), *options(tiny_model, "openvino")], clock, said.append)
    assert [runner.segmenter.describe()["width"] for runner in ready] == list(WIDTHS)
    assert said == ["openvino was left out at width 1/2, 1 for want of time; give more with --seconds."]
    assert told == [("Loading width 1/2 on torch", 0, 4), ("Loading width 1 on torch", 1, 4)]
    assert clock.done == 4


def test_without_time_each_has_one_turn_of_one_frame(
    tiny_model: str, clip: SpeedClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[int] = []
    stream = Segmenter.stream

    def counted(self: Segmenter, *arguments: object):
        for frame in stream(self, *arguments):  # type: ignore[arg-type]
            frames.append(frame.index)
            yield frame

    monkeypatch.setattr(Segmenter, "stream", counted)
    clock = Clock(0.0, 0)
    runners = make_ready(options(tiny_model, "torch"), clock)
    take_turns(runners, [clip], 5, clock)
    assert [len(runner.rates[clip.name]) for runner in runners] == [1, 1]
    assert frames == [0, 0, 0, 0]  # warmed up, then counted


def test_all_take_turns(tiny_model: str, clip: SpeedClip, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(600.0, 0)
    runners = make_ready(options(tiny_model, "torch"), clock)
    turns: list[Segmenter] = []
    stream = Segmenter.stream
    monkeypatch.setattr(Segmenter, "stream", lambda self, *rest: (turns.append(self), stream(self, *rest))[1])
    take_turns(runners, [clip], 3, clock)
    first, second = (runner.segmenter for runner in runners)
    assert turns == [first, first, second, second, first, second, first, second]
    for runner, width in zip(runners, WIDTHS, strict=True):
        (row,) = runner.rows()
        assert (row["width"], row["backend"], row["clip"]) == (width, "torch", clip.name)
        figures = row["frames_per_second"]
        assert figures["runs"] == 3
        assert 0 < figures["range"][0] <= figures["median"] <= figures["range"][1]


def test_both_backends_side_by_side(tiny_model: str, clip: SpeedClip) -> None:
    pytest.importorskip("openvino")
    clock = Clock(600.0, 0)
    runners = make_ready([SegmentOptions(tiny_model, "1", "cpu", name) for name in ("torch", "openvino")], clock)
    take_turns(runners, [clip], 1, clock)
    assert [row["backend"] for runner in runners for row in runner.rows()] == ["torch", "openvino"]


def test_a_runner_that_never_ran_has_no_rows(tiny_model: str) -> None:
    assert Runner(Segmenter(SegmentOptions(tiny_model))).rows() == []


def test_figures_of_several_runs() -> None:
    assert summarise([3.0, 1.04, 2.0], 1) == {"median": 2.0, "range": [1.0, 3.0], "runs": 3}
    calls: list[int] = []
    assert median_seconds(lambda: calls.append(0), 3) < 1
    assert len(calls) == 4  # the first is not counted

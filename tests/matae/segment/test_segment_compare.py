"""A second width of the network, asked about a whole clip: which one, how far apart, and when it ends."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matae.cine import Cine
from matae.errors import ModelError
from matae.measure.run import DISAGREE, apart_of, disagreement_flags, segment_and_measure
from matae.metrics import dice
from matae.phantom import make_phantom
from matae.review import Phases, flag_frames, frame_scores, is_doubted
from matae.segment import SegmentOptions, find_sector, segment
from matae.segment.compare import compare_widths, second_width

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("widths", "own", "other"),
    [
        ((), 1.0, None), ((1.0,), 1.0, None), ((0.125, 0.25, 0.5, 1.0), 1.0, 0.5),
        ((1.0, 0.5, 0.25, 0.125), 0.25, 0.125), ((0.125, 0.25, 0.5, 1.0), 0.125, 0.25),
    ],
)  # fmt: skip
def test_the_next_narrower_width_is_asked_else_the_next_wider(
    widths: tuple[float, ...], own: float, other: float | None
) -> None:
    assert second_width(widths, own) == other


def a_cine() -> Cine:
    frames = np.random.default_rng(0).integers(0, 255, (5, 40, 50), dtype=np.uint8)
    return Cine(frames, None, None, Path("clip"))


def options(model: str, width: str = "1") -> SegmentOptions:
    return SegmentOptions(model, width=width, device="cpu")


def test_a_model_or_width_that_is_not_there_is_refused(tiny_model: str) -> None:
    cine = a_cine()
    for wrong in (options("nothing"), options(tiny_model, "wide")):
        with pytest.raises(ModelError):
            list(compare_widths(cine, find_sector(cine), wrong, lambda t: cine.frames[t]))


def test_it_is_the_dice_of_the_two(tiny_model: str) -> None:
    cine = a_cine()
    sector = find_sector(cine)
    wide = segment(cine, options(tiny_model), sector=sector).masks
    narrow = segment(cine, options(tiny_model, "1/2"), sector=sector).masks
    found = dict(compare_widths(cine, sector, options(tiny_model), wide.__getitem__, [3, 1]))
    assert list(found) == [3, 1]
    for frame, apart in found.items():
        assert apart == pytest.approx(1 - float(dice(wide[frame] == 1, narrow[frame] == 1)))


def test_whoever_ends_the_frames_ends_the_comparison(tiny_model: str) -> None:
    cine = a_cine()
    asked: list[int] = []

    def frames() -> Iterator[int]:
        for frame in range(cine.n_frames):
            asked.append(frame)
            yield frame

    stream = compare_widths(cine, find_sector(cine), options(tiny_model), lambda t: cine.frames[t], frames())
    assert len(list(islice(stream, 2))) == 2
    assert len(asked) < cine.n_frames


def test_the_frames_that_disagree_make_one_flag(tiny_model: str) -> None:
    cine = a_cine()
    sector = find_sector(cine)
    narrow = segment(cine, options(tiny_model, "1/2"), sector=sector).masks
    assert disagreement_flags(apart_of(cine, sector, options(tiny_model), narrow)) == ()
    other = narrow.copy()
    other[2] = 1 - other[2]
    (flag,) = disagreement_flags(apart_of(cine, sector, options(tiny_model), other))
    assert (flag.code, flag.frames, flag.level) == ("widths-disagree", (2,), "note")
    assert "1 frame on which two widths" in flag.text


def test_measuring_a_clip_flags_them_and_correcting_another_frame_does_not_lose_it(
    tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "matae.segment.compare.compare_widths", lambda *_, **__: iter([(0, DISAGREE), (1, DISAGREE + 0.01), (2, 0.0)])
    )
    measured, _ = segment_and_measure(make_phantom(1, n_frames=3, shape=(64, 64)).cine, options(tiny_model))
    (flag,) = [flag for flag in measured.flags if flag.code == "widths-disagree"]
    assert flag.frames == (1,)


def test_what_is_flagged_here_is_flagged_in_review_for_that_reason() -> None:
    area = np.full(40, 100.0)
    apart = np.full(40, np.nan)
    apart[20] = DISAGREE + 0.001
    scores = frame_scores(area, disagreement=apart)
    assert flag_frames(scores, Phases(None, None)) == [20]
    assert is_doubted(area, apart, 20)
    assert not is_doubted(area, apart, 21)
    area[20] = 150.0  # it jumps, which says more
    assert not is_doubted(area, apart, 20)

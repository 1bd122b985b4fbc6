from __future__ import annotations

import pytest

from matae.measure.bullseye import all_places, place
from matae.measure.motion import SEGMENTS, Segment

LEVELS = ("basal", "mid", "apical", "apical", "mid", "basal")


def segments(view: str) -> list[Segment]:
    sides = ("left",) * 3 + ("right",) * 3
    return [
        Segment(name, side, level, 1.0, None, 10.0, 20.0)
        for name, side, level in zip(SEGMENTS[view], sides, LEVELS, strict=True)
    ]


def test_the_sixteen_places_cover_the_disk_once():
    area = sum(p.span / 360 * (p.outer**2 - p.inner**2) for p in all_places())
    assert area == pytest.approx(1.0)


@pytest.mark.parametrize("view", ["A4C", "A2C", "A3C"])
def test_the_six_segments_of_a_view_have_places_of_their_own(view):
    found = [place(segment) for segment in segments(view)]
    assert len(set(found)) == 6
    assert set(found) <= set(all_places())


@pytest.mark.parametrize("view", ["A4C", "A2C", "A3C"])
def test_opposite_walls_lie_opposite(view):
    first, second = (place(s).centre for s in segments(view) if s.level == "mid")
    assert abs(first - second) == pytest.approx(180)


def test_without_a_view_there_are_two_halves():
    found = [place(segment) for segment in segments("")]
    assert {p.centre for p in found} == {0.0, 180.0}
    assert sum(p.span / 360 * (p.outer**2 - p.inner**2) for p in found) == pytest.approx(1.0)

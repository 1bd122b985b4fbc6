"""Layouts of screens: the exact sector is where the tissue is, and the same seed gives the same layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.errors import MataeError
from matae.phantom.layout_plan import KINDS, plan_layout
from matae.phantom.layouts import make_layout


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(MataeError, match="no layout is called 'round'"):
        plan_layout("round", 0)


@settings(max_examples=24, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 2**31 - 1))
def test_every_layout_has_its_sector_inside_its_picture(kind: str, seed: int) -> None:
    found = make_layout(kind, seed)
    frames = found.cine.frames
    assert frames.dtype == np.uint8
    assert len(frames) == 1
    assert len(found.sectors) == (2 if kind == "dual" else 1)
    for sector in found.sectors:
        assert sector.shape == found.cine.shape
        assert 0.02 < sector.mean() <= 1
    assert found.apex_down == (kind == "turned")
    assert max(found.cine.shape) == 112 or kind != "small"


@pytest.mark.parametrize("kind", ["plain", "wide", "turned"])
def test_what_shows_on_black_is_the_sector(kind: str) -> None:
    found = make_layout(kind, 3)
    (sector,) = found.sectors
    shows = found.cine.frames[0] > 0
    assert shows[~sector].mean() < 0.02
    assert shows[sector].mean() > 0.3


def test_the_same_seed_gives_the_same_clip_and_another_gives_another() -> None:
    first, again, other = (make_layout("furniture", seed, n_frames=3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.cine.frames, again.cine.frames)
    assert first.plan == again.plan
    assert first.plan != other.plan


def test_in_a_clip_the_tissue_moves_and_the_screen_stands_still() -> None:
    found = make_layout("furniture", 5, n_frames=4)
    (sector,) = found.sectors
    moves = np.ptp(found.cine.frames.astype(int), axis=0) > 8
    assert moves[sector].mean() > 0.2
    assert moves[~sector].mean() < 0.02

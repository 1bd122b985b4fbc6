"""The style of a site: grey levels and speckle are found, and phantoms take them on without a change to their masks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matae.phantom import PhantomError
from matae.phantom.frames import fit_speckle, write_phantom_frames
from matae.phantom.style import Style, in_style, measure_style, spanned
from matae.train.data import load_frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]

pictures = arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12)))


def sector(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = np.indices(shape)
    return np.abs(columns - shape[1] / 2) <= 0.6 * rows + 1


def speckle(down: float, across: float, seed: int = 0) -> Frames:
    from scipy import ndimage

    noise = np.random.default_rng(seed).normal(size=(4, 128, 128))
    smooth = ndimage.gaussian_filter(noise, (0, down, across))
    return np.clip(90 + 30 * smooth / smooth.std(), 1, 255).astype(np.uint8)


@pytest.mark.parametrize("frames", [np.zeros((0, 8, 8), np.uint8), np.zeros((2, 8, 8), np.uint8)])
def test_a_site_without_a_picture_is_refused(frames: Frames) -> None:
    with pytest.raises(PhantomError, match="name clips that show an echo"):
        measure_style(frames)
    assert np.array_equal(in_style(frames, Style((1.0, 200.0), (0.02, 0.02), 8)), frames)


def test_a_flat_site_has_a_level_and_no_speckle_to_fit() -> None:
    style = measure_style(np.full((2, 64, 64), 70, np.uint8))
    assert set(style.levels) == {70.0}
    assert all(math.isnan(size) for size in style.grain)
    assert fit_speckle(style) == (1.0, 1.0)


@given(pictures)
def test_any_picture_has_a_style_or_is_refused_for_being_black(frames: Frames) -> None:
    if not frames.any():
        with pytest.raises(PhantomError):
            measure_style(frames)
        return
    style = measure_style(frames)
    assert list(style.levels) == sorted(style.levels)
    assert all(math.isnan(size) or 0 <= size <= 2 for size in style.grain)


@given(pictures, pictures, st.booleans())
def test_levels_keep_their_order_and_the_background_stays_black(ours: Frames, site: Frames, known: bool) -> None:
    if not site.any():
        return
    inside = sector(ours.shape[1:]) if known else None
    styled = in_style(ours, measure_style(site), inside)
    within = spanned(ours) if inside is None else np.broadcast_to(inside, ours.shape)
    assert not styled[~within].any()
    before, after = ours[within], styled[within]
    order = np.argsort(before, kind="stable")
    assert (np.diff(after[order].astype(int)) >= 0).all()
    assert all(len(set(after[before == level])) == 1 for level in set(before))


@settings(max_examples=25)
@given(st.integers(0, 200), st.integers(5, 55), st.floats(0.4, 2.5), st.integers(0, 99))
def test_quantiles_come_near_the_sites(low: int, span: int, power: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    site = np.rint(low + span * rng.random((2, 40, 40)) ** power).astype(np.uint8)
    ours = rng.integers(0, 256, (2, 40, 40)).astype(np.uint8)
    inside = np.ones((40, 40), bool)
    if not site.any():
        return
    styled = in_style(ours, measure_style(site, inside), inside)
    at = np.linspace(0.02, 0.98, 25)
    assert np.abs(np.quantile(styled, at) - np.quantile(site, at)).max() <= 0.03 * span + 1.5


def test_black_blood_between_walls_counts_as_inside() -> None:
    frame = np.zeros((1, 9, 9), np.uint8)
    frame[0, 2:7, 2:7] = 90
    frame[0, 4, 4] = 0
    assert spanned(frame).sum() == 25
    assert measure_style(frame).levels[0] == 0


def test_larger_speckle_measures_larger_and_each_way_apart() -> None:
    fine, tall, wide = (measure_style(speckle(*sigma)).grain for sigma in ((1, 1), (1.8, 1), (1, 1.8)))
    assert tall[0] > 1.25 * fine[0]
    assert abs(tall[1] - fine[1]) < 0.2 * fine[1]
    assert wide[1] > 1.25 * fine[1]
    assert abs(wide[0] - fine[0]) < 0.2 * fine[0]
    # Neither gain nor contrast is size.
    darker = measure_style((speckle(1, 1) * 0.5).astype(np.uint8)).grain
    assert darker == pytest.approx(fine, rel=0.05)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("own") / "frames"
    write_phantom_frames(out, 4, held_out=0, size=128, seed=80)
    return out


def test_styled_phantoms_have_the_sites_levels_and_the_same_masks(drawn: Path, tmp_path: Path) -> None:
    own = load_frames(drawn, "train")
    site = measure_style(np.rint(speckle(1, 1) * 0.4).astype(np.uint8))
    # Its speckle is not asked for: that it moves no mask is tested below, with speckle that is known.
    style = Style(site.levels, (math.nan, math.nan), 128)
    write_phantom_frames(tmp_path / "out", 4, held_out=0, size=128, seed=80, style=style)
    styled = load_frames(tmp_path / "out", "train")
    assert np.array_equal(styled.masks, own.masks)
    assert styled.patients == own.patients
    found = measure_style(styled.images)
    at = [25, 64, 128, 192, 230]
    assert np.abs(np.array(found.levels)[at] - np.array(site.levels)[at]).max() <= 3


@pytest.mark.slow
def test_speckle_of_a_known_size_is_found_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, drawn: Path) -> None:
    """Other hearts with a known point spread are the site: its factors are found, and no mask moves."""
    import matae.phantom.frames as module

    known = (1.0, 1.8)
    with monkeypatch.context() as patch:
        patch.setattr(module, "fit_speckle", lambda _: known)
        flat = Style(tuple(np.linspace(1, 200, 256)), (math.nan, math.nan), 192)
        write_phantom_frames(tmp_path / "site", 12, held_out=0, size=192, seed=3000, style=flat)
        write_phantom_frames(tmp_path / "same", 4, held_out=0, size=128, seed=80, style=flat)
    assert np.array_equal(load_frames(tmp_path / "same", "train").masks, load_frames(drawn, "train").masks)
    found = fit_speckle(measure_style(load_frames(tmp_path / "site", "train").images))
    assert found == pytest.approx(known, rel=0.3)

"""Whether a network knows a kind of picture: what it cannot tell, then real hearts, synthetic ones and other things."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage import data

from matae.cine import Cine
from matae.demo import demo_cine
from matae.errors import ModelError
from matae.measure.run import segment_and_measure
from matae.models import DEFAULT_MODEL, find_model
from matae.phantom import make_phantom
from matae.segment import SegmentOptions, find_sector, out_of_distribution
from matae.segment.out_of_distribution import FRAMES, familiarity, is_surely_known

if TYPE_CHECKING:
    from collections.abc import Iterator


def still(picture: np.ndarray) -> Cine:
    return Cine(np.ascontiguousarray(picture[None]), None, None, Path("picture.png"))


OTHERS = {
    "photograph": data.camera()[::2, ::2],
    "coins": data.coins()[:256, :256],
    "noise": np.random.default_rng(0).integers(0, 255, (256, 256), dtype=np.uint8),
    "negative": 255 - make_phantom(3, n_frames=1).cine.frames[0],
}


def test_a_model_that_is_not_there_is_said(matae_home: Path) -> None:
    with pytest.raises(ModelError, match="no model 'absent'"):
        familiarity(demo_cine(), find_sector(demo_cine()), "absent")


def test_a_model_without_heads_cannot_tell(tiny_model: str) -> None:
    cine = demo_cine()
    assert familiarity(cine, find_sector(cine), tiny_model) is None


def test_real_and_synthetic_hearts_are_known(matae_home: Path) -> None:
    for cine in (demo_cine(), make_phantom(1, n_frames=3).cine):
        found = familiarity(cine, find_sector(cine), DEFAULT_MODEL)
        assert found is not None
        assert found.errors.shape == (cine.n_frames,)
        assert np.isfinite(found.errors).sum() == len(found.pooled) == min(16, cine.n_frames)
        assert np.nanmax(found.errors) < found.limit
        assert found.is_known


@pytest.mark.parametrize("what", OTHERS)
def test_other_pictures_are_not(matae_home: Path, what: str) -> None:
    cine = still(OTHERS[what])
    found = familiarity(cine, find_sector(cine), DEFAULT_MODEL)
    assert found is not None
    assert found.errors[0] > found.limit
    assert not found.is_known


def test_the_measurement_says_so(matae_home: Path) -> None:
    options = SegmentOptions(DEFAULT_MODEL, width="1/8", device="cpu")
    clip = Cine(np.stack([OTHERS["photograph"]] * 2), None, None, Path("clip.npy"))
    measured, _ = segment_and_measure(clip, options)
    assert "unknown-picture" in {flag.code for flag in measured.flags}
    heart, _ = segment_and_measure(make_phantom(1, n_frames=3).cine, options)
    assert "unknown-picture" not in {flag.code for flag in heart.flags}


@pytest.mark.parametrize("n_frames", [1, 2, 3, 16, 40])
def test_the_verdict_alone_asks_the_frames_that_decide_it_and_is_that_of_all(
    matae_home: Path, monkeypatch: pytest.MonkeyPatch, n_frames: int
) -> None:
    card = find_model(DEFAULT_MODEL).card
    limit, wanted = card.familiar["limit"], min(FRAMES, n_frames)
    cine = Cine(
        np.arange(n_frames * 96 * 96, dtype=np.uint32).reshape(n_frames, 96, 96).astype(np.uint8),
        None,
        None,
        Path("c.npy"),
    )
    sector, rng = find_sector(cine), np.random.default_rng(n_frames)
    for within in range(wanted + 1):
        errors = iter(rng.permutation(np.repeat([0.9 * limit, 2 * limit], [within, wanted - within])))
        asked: list[bool] = []

        def look(
            pictures: np.ndarray,
            *,
            is_last: bool = False,
            errors: Iterator[float] = errors,
            asked: list[bool] = asked,
        ) -> tuple[np.ndarray, np.ndarray]:
            asked.append(is_last)
            return np.array([next(errors)]), np.array([[float(len(asked))]])

        monkeypatch.setattr(out_of_distribution._Answers, "kept", OrderedDict())
        monkeypatch.setattr(out_of_distribution, "_looking", lambda *_, look=look: (look, card))
        sure = is_surely_known(cine, sector, DEFAULT_MODEL)
        if sure:
            assert within > wanted // 2
            assert len(asked) <= wanted // 2 + 1 + wanted - within
            assert asked[-1]
        found = familiarity(cine, sector, DEFAULT_MODEL)
        assert found is not None
        # Half on either side of the limit: the mean of the two in the middle decides, which only all frames give.
        assert sure == found.is_known
        assert len(asked) == wanted
        assert np.isfinite(found.errors).sum() == len(found.pooled) == wanted
        assert is_surely_known(cine, sector, DEFAULT_MODEL) == sure
        assert len(asked) == wanted

"""Whether a network knows a kind of picture: what it cannot tell, then real hearts, synthetic ones and other things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from matae.cine import Cine
from matae.demo import demo_cine
from matae.errors import ModelError
from matae.measure.run import segment_and_measure
from matae.models import DEFAULT_MODEL
from matae.phantom import make_phantom
from matae.segment import SegmentOptions, find_sector
from matae.segment.out_of_distribution import familiarity


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

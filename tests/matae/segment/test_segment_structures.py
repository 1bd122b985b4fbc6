"""From logits to structures: nothing first, then what must hold of every picture."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.anatomy import ATRIUM, CAVITY, CLASS_NAMES, WALL
from matae.models import load_model
from matae.nn.checkpoint import save
from matae.nn.enlarge import with_classes
from matae.nn.regions import Regions
from matae.phantom import make_phantom
from matae.segment import SegmentOptions, segment
from matae.segment.structures import find_structures

REGIONS = Regions.nested(CLASS_NAMES)
ALONE = Regions.alone(CLASS_NAMES[:1])
SIDE = 64


def smooth(seed: int, coarse: int) -> np.ndarray:
    """Return smooth random logits of three regions: blobs that overlap, lie apart and have holes."""
    noise = torch.randn(1, 3, coarse, coarse, generator=torch.Generator().manual_seed(seed)) * 4
    return torch.nn.functional.interpolate(noise, (SIDE, SIDE), mode="bicubic")[0].numpy()


def heart(*, gap: int = 0, down: bool = True) -> np.ndarray:
    """Return the logits of a ventricle with its wall and an atrium below it, apex up."""
    y, x = np.mgrid[:SIDE, :SIDE]
    base = y < 38
    cavity = ((((x - 32) / 9) ** 2 + ((y - 36) / 24) ** 2) < 1) & base
    outer = ((((x - 32) / 15) ** 2 + ((y - 36) / 31) ** 2) < 1) & base
    atrium = (((x - 32) / 9) ** 2 + ((y - (47 + gap)) / 9) ** 2 < 1) & (y >= 38 + gap)
    maps = np.stack([cavity, outer, atrium]).astype(np.float32) * 8 - 4
    return maps if down else maps[:, ::-1].copy()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (7, 3)])
def test_nothing_gives_nothing(shape: tuple[int, int]) -> None:
    found = find_structures(np.full((3, *shape), -3.0, np.float32), REGIONS)
    assert found.shape == shape
    assert found.dtype == np.uint8
    assert not found.any()


@pytest.mark.parametrize("down", [True, False])
def test_a_heart_is_taken_apart(down: bool) -> None:
    logits = heart(down=down)
    found = find_structures(logits, REGIONS)
    cavity, outer, atrium = logits > 0
    np.testing.assert_array_equal(found == CAVITY, cavity)
    np.testing.assert_array_equal(found == WALL, outer & ~cavity)
    np.testing.assert_array_equal(found == ATRIUM, atrium)


def test_an_outline_encloses_its_cavity_even_where_the_network_forgot_it() -> None:
    logits = heart()
    logits[1, 20:30] = -4  # the epicardium is cut in two, the cavity is not
    found = find_structures(logits, REGIONS)
    np.testing.assert_array_equal(found == CAVITY, logits[0] > 0)
    assert ndimage.label((found == CAVITY) | (found == WALL))[1] == 1
    assert (found[:20] == WALL).any()
    assert (found[31:38] == WALL).any()


def test_a_cavity_without_any_wall_stays() -> None:
    logits = heart()
    logits[1:] = -4
    assert np.unique(find_structures(logits, REGIONS)).tolist() == [0, CAVITY]


def test_a_wall_without_a_cavity_is_its_largest_part() -> None:
    logits = heart()
    logits[0] = -4
    logits[1, 60:, :3] = 4
    found = find_structures(logits, REGIONS)
    assert not (found == CAVITY).any()
    assert ndimage.label(found == WALL)[1] == 1
    assert not (found[60:, :3] == WALL).any()


def test_where_atrium_and_wall_meet_the_larger_probability_decides() -> None:
    logits = heart()
    logits[2, 34:38, 20:24] = 5  # likelier than the wall's 4 there
    logits[2, 34:38, 40:44] = 3
    logits[2, 36:38, 30:34] = 9  # the cavity gives way to nothing
    logits[2, 38:41, 20:44] = 5
    found = find_structures(logits, REGIONS)
    wall = (logits[1] > 0) & (logits[0] <= 0)
    assert (found[34:38, 20:24][wall[34:38, 20:24]] == ATRIUM).all()
    assert (found[34:38, 40:44][wall[34:38, 40:44]] == WALL).all()
    assert (found[36:38, 30:34] == CAVITY).all()


def test_an_atrium_on_the_side_of_the_apex_is_none() -> None:
    logits = heart()
    logits[2] = -4
    logits[2, :12, 2:14] = 6  # the largest thing that looks like an atrium, beside the apex
    logits[2, 40:48, 28:36] = 2
    found = find_structures(logits, REGIONS)
    assert (found[40:48, 28:36] == ATRIUM).all()
    assert not (found[:12] == ATRIUM).any()
    logits[2, 40:48, 28:36] = -4
    assert not (find_structures(logits, REGIONS) == ATRIUM).any()
    logits[1] = logits[0]  # without a wall nobody knows where the apex is
    assert (find_structures(logits, REGIONS)[:12] == ATRIUM).any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), coarse=st.integers(3, 14))
def test_what_holds_of_every_picture(seed: int, coarse: int) -> None:
    logits = smooth(seed, coarse)
    found = find_structures(logits, REGIONS)
    alone = find_structures(logits[:1], ALONE)
    np.testing.assert_array_equal(found == CAVITY, alone == CAVITY, "the cavity is that of a model of the cavity alone")
    assert set(np.unique(found)) <= {0, CAVITY, WALL, ATRIUM}
    outer = (found == CAVITY) | (found == WALL)
    for inside in (found == CAVITY, outer if (found == CAVITY).any() else found == WALL):
        assert ndimage.label(inside)[1] <= 1 or not (found == CAVITY).any()
    for order in permutations(range(3)):
        turned = Regions(REGIONS.classes, REGIONS.values, tuple(REGIONS.covers[i] for i in order))
        np.testing.assert_array_equal(find_structures(logits[list(order)], turned), found)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), coarse=st.integers(3, 14))
def test_models_of_one_class_a_logit_are_decided_as_ever(seed: int, coarse: int) -> None:
    from matae.segment.cleanup import LIKELY, POSSIBLE, one_part

    logits = smooth(seed, coarse)
    best, which = logits.max(0), logits.argmax(0)
    levels = [0.0, *(float(np.log(p / (1 - p))) for p in (LIKELY, POSSIBLE))]
    before = [np.where(best > level, which + 1, 0).astype(np.uint8) for level in levels]
    np.testing.assert_array_equal(find_structures(logits, Regions.alone(CLASS_NAMES)), one_part(*before))
    alone = [(logits[0] > level).astype(np.uint8) for level in levels]
    np.testing.assert_array_equal(find_structures(logits[:1], ALONE), one_part(*alone))


def test_the_masks_are_those_of_the_code_that_looked_at_every_level() -> None:
    digest = hashlib.sha256()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        coarse = [(rng.integers(-24, 25, (3, SIDE // block, SIDE // block)), block) for block in (4, 16, 32)]
        # Whole eighths: they are the same on every processor.
        logits = sum(np.kron(values, np.ones((1, block, block))) for values, block in coarse).astype(np.float32) / 8
        for regions, maps in ((REGIONS, logits), (Regions.alone(CLASS_NAMES), logits), (ALONE, logits[:1])):
            digest.update(find_structures(maps, regions).tobytes())
    # Of 1d6f330, before lower thresholds were left out where nothing can be joined.
    assert digest.hexdigest() == "3741692a8a8e5f0f01f4d0808d088f5b2ef1c036b26cdf9370b884a91d14f9eb"


def test_a_model_of_three_structures_finds_the_cavity_that_the_model_it_began_as_finds(matae_home: Path) -> None:
    network, card = load_model("matae-lv")
    wider, wider_card = with_classes(network, card, CLASS_NAMES, seed=1)
    with torch.no_grad():
        wider.head.weight[4:].normal_(0, 0.2, generator=torch.Generator().manual_seed(0))
        wider.head.bias[4:] = 0
    save(matae_home / "models" / "three", wider, replace(wider_card, name="three"))
    cine = make_phantom(1, n_frames=2, frame_rate=12, shape=(72, 90)).cine
    for width in ("1/8", "1/2"):
        one, three = (segment(cine, SegmentOptions(name, width, "cpu", "torch")) for name in ("matae-lv", "three"))
        np.testing.assert_array_equal(three.masks == CAVITY, one.masks == CAVITY)
        np.testing.assert_array_equal(three.area_px, one.area_px)
        assert one.masks.any()
        assert set(np.unique(three.masks)) > {0, CAVITY}
        assert one.run["classes"] == {"1": CLASS_NAMES[0]}
        assert three.run["classes"] == {"1": CLASS_NAMES[0], "2": CLASS_NAMES[1], "3": CLASS_NAMES[2]}

"""Between two corrected frames by motion and shape: broken input, exact at the ends, honest about where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from edit_makers import SHAPE, disc

from matae.edit import EditError, fill_between, interpolate
from matae.metrics import dice
from matae.phantom import make_phantom

EMPTY = np.zeros(SHAPE, np.uint8)
IMAGES = np.random.default_rng(0).integers(0, 255, (9, *SHAPE)).astype(np.uint8)


@pytest.mark.parametrize(
    ("keys", "frames", "said"),
    [
        ({}, [3], "No corrected frame"),
        ({2: disc(70, 75, 20)}, [3], "does not lie between"),
        ({2: disc(70, 75, 20), 6: disc(70, 75, 20)}, [7], "does not lie between"),
        ({2: np.ones((4, 4), np.uint8), 6: np.ones((4, 4), np.uint8)}, [3], "do not fit frames"),
        ({2: disc(70, 75, 20), 9: disc(70, 75, 20)}, [3], "not in the cine"),
        ({-1: disc(70, 75, 20), 4: disc(70, 75, 20)}, [3], "not in the cine"),
    ],
)
def test_what_cannot_be_filled_is_refused_before_anything_is_given_back(keys, frames, said) -> None:
    with pytest.raises(EditError, match=said):
        fill_between(IMAGES, keys, frames)


def test_other_things_that_do_not_fit() -> None:
    keys = {2: disc(70, 75, 20), 6: disc(70, 75, 20)}
    with pytest.raises(EditError, match="one cine"):
        fill_between(IMAGES[0], keys, [3])
    with pytest.raises(EditError, match="share of the shape"):
        fill_between(IMAGES, keys, [3], shape_share=1.5)
    with pytest.raises(EditError, match="differ in size"):
        fill_between(IMAGES, keys, [3], onto={3: np.zeros((4, 4), np.uint8)})


def test_nothing_wanted_and_nothing_there() -> None:
    assert list(fill_between(IMAGES, {2: EMPTY, 6: EMPTY}, [])) == []
    for one in fill_between(IMAGES, {2: EMPTY, 6: EMPTY}, [3, 4]):
        assert not one.mask.any()
        assert not one.uncertain.any()


def test_a_structure_of_one_frame_only_is_copied_as_interpolation_does() -> None:
    keys = {2: disc(70, 75, 20), 6: EMPTY}
    shapes = interpolate(keys, range(2, 7))
    found = {one.frame: one for one in fill_between(IMAGES, keys, range(2, 7))}
    for frame, mask in shapes.items():
        np.testing.assert_array_equal(found[frame].mask, mask)
    assert found[3].uncertain.any()  # nobody knows when it went


def test_corrected_frames_come_back_as_they_are_and_are_certain() -> None:
    keys = {1: disc(70, 75, 20), 4: disc(72, 75, 24), 7: disc(70, 78, 18)}
    found = {one.frame: one for one in fill_between(IMAGES, keys, range(1, 8))}
    assert list(found) == list(range(1, 8))
    for frame, mask in keys.items():
        np.testing.assert_array_equal(found[frame].mask, mask)
        assert not found[frame].uncertain.any()


def test_told_to_stop_it_stops() -> None:
    keys = {1: disc(70, 75, 20), 7: disc(70, 75, 20)}
    asked = iter([False, False, True])
    found = list(fill_between(IMAGES, keys, range(1, 8), should_stop=lambda: next(asked, True)))
    assert len(found) <= 2


@pytest.fixture(scope="module")
def heart():
    phantom = make_phantom(11, n_frames=13, frame_rate=40.0, shape=(120, 160))
    area = (phantom.masks == 1).sum((1, 2))
    first = int(area.argmax())
    last = int(area.argmin())
    return phantom, tuple(sorted((first, last)))


def test_a_heart_is_filled_better_than_by_shape_alone_and_errs_where_it_says_so(heart) -> None:
    phantom, (first, last) = heart
    truth, between = phantom.masks, range(first + 1, last)
    assert len(between) >= 3
    keys = {t: truth[t] for t in (first, last)}
    found = list(fill_between(phantom.cine.frames, keys, between, spacing=phantom.cine.spacing))
    shapes = interpolate(keys, between, spacing=phantom.cine.spacing)
    ours = np.mean([dice(one.mask == 1, truth[one.frame] == 1) for one in found])
    theirs = np.mean([dice(shapes[t] == 1, truth[t] == 1) for t in between])
    assert ours > 0.95
    assert ours > theirs
    wrong = [(one.mask == 1) != (truth[one.frame] == 1) for one in found]
    inside = sum((w & one.uncertain).sum() for w, one in zip(wrong, found, strict=True)) / sum(w.sum() for w in wrong)
    area = sum(one.uncertain.sum() for one in found) / sum(one.mask.sum() for one in found)
    assert inside > 2 * area  # errors lie there far more often than a random place does


def test_a_share_of_one_is_interpolation(heart) -> None:
    phantom, (first, last) = heart
    keys = {t: phantom.masks[t] for t in (first, last)}
    shapes = interpolate(keys, range(first, last + 1))
    for one in fill_between(phantom.cine.frames, keys, range(first, last + 1), shape_share=1.0):
        assert dice(one.mask == 1, shapes[one.frame] == 1) > 0.995


def test_other_classes_of_a_frame_stay(heart) -> None:
    phantom, (first, last) = heart
    other = np.zeros(phantom.masks[0].shape, np.uint8)
    other[:6, :6] = 3
    keys = {t: (phantom.masks[t] == 1).astype(np.uint8) for t in (first, last)}
    for one in fill_between(phantom.cine.frames, keys, [first + 1], onto={first + 1: other}):
        np.testing.assert_array_equal(one.mask == 3, other == 3)
        assert (one.mask == 1).any()

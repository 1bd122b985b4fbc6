"""Apical views other than the four-chamber one, and planes that are none: what makes none, then what they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.phantom import PhantomConfig, PhantomError, make_phantom, random_heart
from matae.phantom.config import VIEWS
from matae.phantom.planes import PLANES, make_plane

SMALL = (96, 96)


def test_a_view_or_plane_that_is_none_is_refused() -> None:
    with pytest.raises(PhantomError, match="no view A6C; give one of A4C"):
        replace(PhantomConfig(), view="A6C")
    with pytest.raises(PhantomError, match="no plane A4C; give one of PLAX"):
        make_plane(1, "A4C")


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"n_frames": 0}, {"shape": (8, 96)}, {"shape": (96,)}])
def test_an_absurd_plane_is_refused(wrong: dict) -> None:
    with pytest.raises(PhantomError, match=r"^Phantom: give .*\.$"):
        make_plane(**({"seed": 1, "plane": "PLAX"} | wrong))


def test_a_heart_has_the_same_ventricle_in_every_view_and_other_surroundings() -> None:
    made = {view: make_phantom(3, n_frames=1, shape=SMALL, config=random_heart(3, view=view)) for view in VIEWS}
    for view, one in made.items():
        assert one.cine.view == view
        assert one.volumes_ml == pytest.approx(made["A4C"].volumes_ml)
        assert one.config.pose.mirrored == (made["A4C"].config.pose.mirrored != (view == "A3C"))
    pictures = [one.cine.frames for one in made.values()]
    assert all(not np.array_equal(pictures[0], other) for other in pictures[1:])


def test_a_two_chamber_view_has_one_atrium_in_line_with_the_ventricle() -> None:
    config = replace(random_heart(3, view="A2C"), view="A2C")

    def aside(view: str) -> float:
        labels = make_phantom(3, n_frames=1, shape=SMALL, config=replace(config, view=view)).labels[0]
        ventricle, atrium = (np.argwhere(labels == value).mean(0) for value in (1, 3))
        return abs(float(atrium[1] - ventricle[1]))

    assert aside("A2C") < aside("A4C") + 1


def test_the_root_pushes_the_atrium_aside() -> None:
    config = random_heart(3, view="A5C")
    five = make_phantom(3, n_frames=1, shape=SMALL, config=config)
    four = make_phantom(3, n_frames=1, shape=SMALL, config=replace(config, view="A4C"))
    aside = np.argwhere(five.labels[0] == 3).mean(0)[1] - np.argwhere(four.labels[0] == 3).mean(0)[1]
    assert aside * (-1 if config.pose.mirrored else 1) > 0


@pytest.mark.parametrize("plane", PLANES)
def test_a_plane_is_an_echo_that_moves_and_is_the_same_again(plane: str) -> None:
    cine = make_plane(4, plane, n_frames=3, frame_rate=5.0, shape=SMALL)
    assert cine.view is None
    assert cine.frames.shape == (3, *SMALL)
    assert cine.frame_rate == pytest.approx(5.0)
    assert cine.frames.max() > 60
    assert not np.array_equal(cine.frames[0], cine.frames[1])
    again = make_plane(4, plane, n_frames=3, frame_rate=5.0, shape=SMALL)
    np.testing.assert_array_equal(cine.frames, again.frames)

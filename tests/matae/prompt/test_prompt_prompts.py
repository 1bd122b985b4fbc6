"""Prompts: what is no prompt is refused in words, and what is one comes back from JSON and lies on the grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matae.errors import MataeError
from matae.placement import Placement
from matae.prompt import PromptError, Prompts
from matae.prompt.prompts import MOST_CLICKS
from matae.segment.sector import sector_from_polygon

from .prompt_makers import MARKS, SHAPE, cine


def test_nothing_is_no_prompt() -> None:
    assert not Prompts()
    with pytest.raises(PromptError, match="Nothing was pointed at"):
        Prompts().check(SHAPE)


@pytest.mark.parametrize(
    "prompts",
    [
        Prompts(positive=((float("nan"), 3.0),)),
        Prompts(negative=((3.0, 80.5),)),
        Prompts(positive=((-1.0, 3.0),)),
        Prompts(box=(5.0, 5.0, 61.0, 30.0)),
        Prompts(box=(5.0, 5.0, 7.0, 30.0)),
        Prompts(box=(30.0, 5.0, 10.0, 30.0)),
        Prompts(positive=((3.0, 3.0),) * (MOST_CLICKS + 1)),
        Prompts(MARKS.shifted(-40, 0)),
    ],
)
def test_what_no_picture_has_is_refused(prompts: Prompts) -> None:
    with pytest.raises(PromptError):
        prompts.check(SHAPE)


@pytest.mark.parametrize(
    "values",
    [
        {"clicks": [[1, 2]]},
        {"landmarks": {"apex": [1, 2], "left": [3, 4]}},
        {"landmarks": [1, 2, 3]},
        {"landmarks": {"apex": [1, 2], "left": [1, 2], "right": [3, 9]}},
        {"box": [1, 2, 3]},
        {"box": 7},
        {"positive": [1, 2]},
        {"positive": [[10**400, 2]]},
        {"negative": [["a", 2]]},
        {"positive": None},
    ],
)
def test_json_that_is_no_prompt_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(MataeError):
        Prompts.from_json(values)


def test_prompts_come_back_from_json() -> None:
    given = Prompts.three(MARKS.apex, MARKS.left, MARKS.right).clicked((20.0, 41.0), inside=True)
    given = given.clicked((50.0, 10.0), inside=False)
    assert Prompts.from_json(given.to_json()) == given
    boxed = Prompts(box=(10.0, 20.0, 40.0, 60.0))
    assert Prompts.from_json(boxed.to_json()) == boxed


def test_the_hinge_points_may_be_clicked_in_either_order() -> None:
    first, second = (Prompts.three(MARKS.apex, a, b) for a, b in ((MARKS.left, MARKS.right), (MARKS.right, MARKS.left)))
    assert first == second
    assert first.landmarks is not None
    assert first.landmarks.left == MARKS.left


def test_prompts_lie_on_the_grid_where_the_picture_does_also_upside_down() -> None:
    clip = cine()
    corners = np.array([[0, 0], [0, SHAPE[1] - 1], [SHAPE[0] - 1, SHAPE[1] - 1], [SHAPE[0] - 1, 0]], float)
    given = Prompts(MARKS, (10.0, 20.0, 50.0, 60.0), ((20.0, 41.0),))
    for down in (False, True):
        place = Placement.of(clip, sector_from_polygon(corners, apex_down=down), 32)
        found = given.on_grid(place)
        expected = place.points(np.array([MARKS.apex, MARKS.left, MARKS.right]))
        np.testing.assert_allclose(found.landmarks[0].numpy(), expected, rtol=1e-5)
        top, left, bottom, right = found.box[0].tolist()
        assert top < bottom
        assert left < right
        assert torch.isfinite(found.positive).all()
        assert not torch.isfinite(found.negative).any()

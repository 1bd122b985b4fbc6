"""Corrections of a clip speak of the structures that somebody outlined in it, and of no other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from matae.learn.clips import Case


def case(*masks: np.ndarray) -> Case:
    nothing = SimpleNamespace()
    return Case(nothing, nothing, nothing, dict(enumerate(masks)), {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "expected"), [([0], (1,)), ([1], (1,)), ([3, 0], (1, 3)), ([0, 1, 2], (1, 2)), ([2, 3], (1, 2, 3))]
)
def test_a_structure_that_is_in_no_mask_of_a_clip_was_not_outlined_there(
    values: list[int], expected: tuple[int, ...]
) -> None:
    masks = [np.full((2, 2), value, np.uint8) for value in values]
    assert case(*masks).classes == expected

"""Prompts as maps: nothing gives nothing, a point is bright where it is, and the axis runs from base to apex."""

from __future__ import annotations

import torch

from matae.prompt.encode import CHANNELS, FOLD, TEMPLATE, PromptTensors, axis_grid, encode

GRID = 64
FLAT = torch.zeros(1, TEMPLATE, TEMPLATE)


def test_no_prompt_gives_maps_without_anything() -> None:
    shape = torch.randn(1, TEMPLATE, TEMPLATE)
    maps = encode(PromptTensors.none(1, 3), GRID, shape, shape)
    assert maps.shape == (1, CHANNELS, GRID // FOLD, GRID // FOLD)
    assert not maps.any()


def test_half_a_set_of_landmarks_is_none() -> None:
    prompts = PromptTensors.none(1)
    prompts.landmarks[0, :2] = torch.tensor([[10.0, 30.0], [50.0, 20.0]])
    maps = encode(prompts, GRID, FLAT + 3, FLAT)
    assert torch.isfinite(maps).all()
    assert not maps[:, 5:8].any()


def test_a_point_is_brightest_where_it_is() -> None:
    prompts = PromptTensors.none(2, 2)
    prompts.positive[0, 0] = torch.tensor([21.5, 41.5])
    prompts.negative[1, 1] = torch.tensor([5.5, 1.5])
    maps = encode(prompts, GRID, FLAT.expand(2, -1, -1), FLAT.expand(2, -1, -1))
    at = int(maps[0, 3].argmax())
    assert (at // 16, at % 16) == (5, 10)
    assert maps[0, 3].max() > 0.9
    assert not maps[0, 4].any()
    assert int(maps[1, 4].argmax()) == 16
    assert not maps[1, 3].any()


def test_the_axis_is_0_at_the_base_and_1_at_the_apex_and_right_is_positive() -> None:
    where = torch.arange(64, dtype=torch.float32)
    # The heart upright and upside down: what is right on the screen stays positive.
    for apex, base in ((10.0, 50.0), (50.0, 10.0)):
        points = torch.tensor([[[apex, 32.0], [base, 22.0], [base, 42.0]]])
        along, across = axis_grid(points, where)
        assert torch.isclose(along[0, int(apex), 32], torch.tensor(1.0))
        assert torch.isclose(along[0, int(base), 5], torch.tensor(0.0))
        assert torch.isclose(across[0, 30, 42], torch.tensor(0.25))


def test_the_mean_shape_lies_between_the_landmarks() -> None:
    shape = torch.full((1, TEMPLATE, TEMPLATE), -4.0)
    shape[0, TEMPLATE // 2 :] = 4.0  # towards the apex
    prompts = PromptTensors.none(1)
    prompts.landmarks[0] = torch.tensor([[6.0, 32.0], [56.0, 22.0], [56.0, 42.0]])
    map_ = encode(prompts, GRID, shape, FLAT)[0, 5]
    assert map_[3, 8] > 0.9
    assert map_[13, 8] < -0.9


def test_a_box_is_inside_where_it_is() -> None:
    prompts = PromptTensors.none(1)
    prompts.box[0] = torch.tensor([8.0, 16.0, 40.0, 48.0])
    map_ = encode(prompts, GRID, FLAT, FLAT)[0, 8]
    assert map_[5, 8] == 1
    assert map_[5, 1] == -1
    assert map_[14, 8] == -1

"""Pooled stages: mean and spread of each channel, of the deepest stages alone."""

from __future__ import annotations

import torch

from matae.nn.pooled import pooled


def test_a_stage_of_one_pixel_has_no_spread() -> None:
    assert pooled([torch.full((1, 2, 1, 1), 3.0)]).tolist() == [[3, 3, 0, 0]]


def test_means_of_all_stages_come_before_their_spreads() -> None:
    shallow, middle, deep = (torch.rand(2, channels, size, size) for channels, size in ((1, 8), (2, 4), (3, 2)))
    found = pooled([shallow, middle, deep], 2)
    assert found.shape == (2, 10)
    torch.testing.assert_close(found[:, :2], middle.mean((2, 3)))
    torch.testing.assert_close(found[:, 2:5], deep.mean((2, 3)))
    torch.testing.assert_close(found[:, 5:7], middle.std((2, 3), unbiased=False))
    torch.testing.assert_close(pooled([shallow, middle, deep]), torch.cat([found[:, 2:5], found[:, 7:]], 1))


def test_half_precision_is_summed_in_full() -> None:
    assert pooled([torch.full((1, 1, 64, 64), 60000.0).half()]).isfinite().all()

"""What is kept of a frame: features, beginning with empty pictures."""

from __future__ import annotations

import numpy as np
import pytest

from matae.errors import ModelError
from matae.worklist.looks import features


def picture(*, radius: float = 50.0, size: int = 224) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.where(np.hypot(rows - size / 2, columns - size / 2) < radius, 20, 160).astype(np.uint8)


def test_no_picture_has_no_features() -> None:
    assert features(np.zeros((0, 224, 224), np.uint8)).shape[0] == 0


def test_a_black_picture_has_features_that_are_numbers() -> None:
    found = features(np.zeros((1, 224, 224), np.uint8))
    assert np.isfinite(found).all()


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError):
        features(np.zeros((1, 224, 224), np.uint8), "no-such-model")


def test_pictures_that_are_alike_have_features_that_are() -> None:
    one, near, far = features(np.stack([picture(), picture(radius=52), picture(radius=8)])).astype(float)
    assert ((one - near) ** 2).sum() < ((one - far) ** 2).sum()
    again = features(picture()[None])[0]
    np.testing.assert_allclose(again.astype(float), one, atol=2e-3)  # whatever else is in the batch

"""The standard view told from the pictures: what is no echo gets none, a real four-chamber cine is called one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from matae.cine import Cine
from matae.demo import demo_path
from matae.errors import ModelError
from matae.models import find_model
from matae.read import open_cine
from matae.segment import find_sector
from matae.view import SURE, RecognisedView, recognise, recognise_view


@pytest.fixture(scope="module")
def echo() -> Cine:
    return open_cine(demo_path())


def test_what_is_no_echo_has_no_view() -> None:
    rng = np.random.default_rng(0)
    for frames in (np.zeros((2, 64, 64), np.uint8), rng.integers(0, 256, (2, 96, 96), dtype=np.uint8)):
        cine = Cine(frames, None, None, Path("noise"))
        assert recognise_view(cine, find_sector(cine)) is None


def test_a_real_four_chamber_cine_of_another_maker_is_called_one(echo: Cine) -> None:
    found = recognise_view(echo, find_sector(echo))
    assert found is not None
    assert (found.view, found.likelier) == ("A4C", "A4C")
    assert SURE <= found.probability <= 1


def test_one_frame_is_enough_and_the_same_clip_gets_the_same_answer(echo: Cine) -> None:
    still = Cine(echo.frames[:1], None, None, Path("still"))
    sector = find_sector(echo)
    found = recognise_view(still, sector)
    assert found == recognise_view(still, sector)
    assert found is not None
    assert found.likelier == "A4C"


def test_half_a_guess_is_no_view() -> None:
    assert RecognisedView("A2C", 0.7).view is None
    assert RecognisedView("A2C", SURE).view == "A2C"


def test_the_classifier_belongs_to_the_weights_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = find_model(recognise.MODEL).folder / recognise.WEIGHTS
    with safe_open(path, "numpy") as file:
        about, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert about["model_sha256"] == find_model(recognise.MODEL).card.sha256
    other = tmp_path / recognise.WEIGHTS
    save_file(tensors, other, about | {"model_sha256": "00" * 32})
    monkeypatch.setattr(recognise, "_path", lambda: other)
    recognise._loaded.cache_clear()
    with pytest.raises(ModelError, match="install napari-matae again"):
        recognise._loaded()
    recognise._loaded.cache_clear()

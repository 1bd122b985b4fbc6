"""Pictures without a heart get no mask rather than a wrong one, unless somebody says that they are of a heart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from matae.cine import Cine
from matae.demo import demo_cine
from matae.jobs import FileJob, JobSettings, segment_file
from matae.measure import MeasureOptions
from matae.measure.run import segment_and_measure
from matae.measure.seen_view import with_view
from matae.models import DEFAULT_MODEL
from matae.phantom import make_phantom
from matae.read import list_cines
from matae.segment import SegmentOptions, find_sector
from matae.view import no_heart, recognise, why_not_outlined

FAST = SegmentOptions(DEFAULT_MODEL, width="1/8", device="cpu", backend="torch")


def words() -> np.ndarray:
    picture = Image.new("L", (260, 200))
    pen = ImageDraw.Draw(picture)
    for row in range(5, 190, 14):
        pen.text((6, row), "ejection fraction 55 %", fill=220)
    return np.asarray(picture)


def clip(picture: np.ndarray, frames: int = 2) -> Cine:
    return Cine(np.stack([picture] * frames), None, None, Path("clip.npy"))


OTHERS = {
    "photograph": np.ascontiguousarray(data.rocket()[..., 1][:400:2, 100:500:2]),
    "noise": np.random.default_rng(0).integers(0, 256, (200, 240), dtype=np.uint8),
    "text": words(),
    "black": np.zeros((200, 240), np.uint8),
    "grey": np.full((200, 240), 90, np.uint8),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_echo_gets_no_outline_and_no_number(matae_home: Path, what: str) -> None:
    cine = clip(OTHERS[what])
    assert "do not look like an echo" in str(why_not_outlined(cine, find_sector(cine), DEFAULT_MODEL))
    measured, result = segment_and_measure(cine, FAST)
    assert not result.masks.any()
    assert not np.nan_to_num(result.area_px).any()
    assert any("nothing is outlined" in notice for notice in result.notices)
    assert measured.ef is None
    assert measured.to_json()["expected_dice"] == [None, None]
    assert "not-an-echo" in {flag.code for flag in measured.flags}


def test_hearts_are_outlined(matae_home: Path) -> None:
    for cine in (replace(demo_cine(), view=None), replace(make_phantom(1, n_frames=2).cine, view=None)):
        assert why_not_outlined(cine, find_sector(cine), DEFAULT_MODEL) is None


def test_whoever_states_a_view_gets_an_outline(matae_home: Path) -> None:
    cine = clip(OTHERS["photograph"])
    sector = find_sector(cine)
    assert why_not_outlined(replace(cine, view="A4C"), sector, DEFAULT_MODEL) is None
    measured, result = segment_and_measure(cine, FAST, MeasureOptions(view="A4C"), sector=sector)
    assert not any("nothing is outlined" in notice for notice in result.notices)
    assert "not-an-echo" not in {flag.code for flag in measured.flags}


def test_a_model_that_cannot_tell_and_a_damaged_classifier_outline_everything(
    matae_home: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cine = clip(OTHERS["photograph"])
    assert why_not_outlined(cine, find_sector(cine), tiny_model) is None
    monkeypatch.setattr(recognise, "_path", lambda: tmp_path / "absent.safetensors")
    recognise._loaded.cache_clear()
    assert no_heart.why_not_outlined(cine, find_sector(cine), DEFAULT_MODEL) is None
    recognise._loaded.cache_clear()


def test_the_command_line_writes_empty_masks_and_says_why(matae_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "photograph.png"
    Image.fromarray(OTHERS["photograph"]).save(path)
    (ref,) = list_cines(path)
    settings = JobSettings(tmp_path / "out", FAST, overlay=False)
    result = segment_file(FileJob(ref, settings))
    assert result.empty_frames == 1
    assert any("do not look like an echo" in notice for notice in result.notices)
    # Whoever states the view, as the sentence says, is not given the empty result that is there.
    stated = segment_file(FileJob(ref, replace(settings, view="A4C")))
    assert not stated.skipped
    assert not any("do not look like an echo" in notice for notice in stated.notices)
    assert json.loads(stated.files["record"].read_text())["view"] == "A4C"
    assert segment_file(FileJob(ref, replace(settings, view="A4C"))).skipped


def test_a_classifier_that_was_not_asked_is_not_quoted(matae_home: Path) -> None:
    cine = clip(OTHERS["black"])
    sector = find_sector(cine)
    for text in (why_not_outlined(cine, sector, DEFAULT_MODEL), with_view(cine, sector).flags[0].text):
        assert "do not look like an echo (unlike all that the model knows)" in str(text)

"""The side of the grid: what is none first, then the card's word, and masks that fit their frames on any of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from matae.errors import ModelError, SegmentError
from matae.models import find_model
from matae.nn.card import ModelCard
from matae.phantom import make_phantom
from matae.segment import Segmenter, SegmentOptions, find_sector, segment
from matae.segment.auto import Speeds, best_of, quicker
from matae.segment.backends import installed_backends
from matae.segment.grid import checked_grid, clip_grid, parse_grid

if TYPE_CHECKING:
    from pathlib import Path

    from matae.cine import Cine

SMALLER = {"64": {"pixels": 70}, "96": {"pixels": 80}}


@pytest.fixture(scope="module")
def cine() -> Cine:
    return make_phantom(4, n_frames=3, shape=(64, 72)).cine


@pytest.fixture
def checked(tiny_model: str) -> str:
    """Register the tiny network with a grid of 128, checked at two smaller ones."""
    path = find_model(tiny_model).folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"grid": 128, "grids": SMALLER}))
    return tiny_model


@pytest.mark.parametrize("text", ["", "small", "0", "-64", "64.0", "64x64"])
def test_what_is_no_grid_is_refused(text: str) -> None:
    with pytest.raises(SegmentError, match="is no grid; give auto, own, or the side"):
        parse_grid(text)


@pytest.mark.parametrize("side", [4, 8, 65, 100_000])
def test_a_grid_that_the_network_cannot_halve_is_refused_by_what_it_takes(side: int, tiny_model: str) -> None:
    card = replace(find_model(tiny_model).card, grid=128)
    step = card.divisor
    with pytest.raises(ModelError, match=f"multiple of {step} from {2 * step} to {32 * step}"):
        checked_grid(card, str(side))


@pytest.mark.parametrize(
    "grids", [{"x": {"pixels": 3}}, {"64": 3}, {"64": {}}, {"64": {"pixels": "3"}}, {"0": {"pixels": 3}}]
)
def test_a_card_with_grids_that_are_none_is_refused(grids: dict, tiny_model: str) -> None:
    path = find_model(tiny_model).folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"grids": grids}))
    with pytest.raises(ModelError, match=r"'grids' names .* which is no grid"):
        ModelCard.read(path)


def test_a_model_that_was_never_checked_keeps_its_own_and_says_so_of_others(cine: Cine, tiny_model: str) -> None:
    card = find_model(tiny_model).card
    assert clip_grid(card, cine, None) == card.grid
    assert checked_grid(card, "own") == (card.grid, "")
    assert checked_grid(card, "64") == (64, f"tiny was never checked at a grid of 64; its own is {card.grid}.")


def test_the_divisor_of_a_card_is_that_of_its_network(tiny_model: str) -> None:
    from matae.nn.checkpoint import build, load
    from matae.nn.published import PUBLISHED

    network, card = load(find_model(tiny_model).folder)
    assert card.divisor == network.divisor
    for name in PUBLISHED:
        known = ModelCard(name, name, {}, 112, ("left ventricular cavity",), "", "")
        assert build(known).divisor == known.divisor


def test_the_grid_is_the_smallest_that_the_card_allows_for_the_part_that_is_seen(checked: str, cine: Cine) -> None:
    card = find_model(checked).card
    box = find_sector(cine).box(cine.shape)
    assert max(box.height, box.width) <= 72
    assert clip_grid(card, cine, None) == 96  # 72 pixels
    assert [card.grid_for(pixels) for pixels in (1, 70, 71, 80, 81)] == [64, 64, 96, 96, 128]


@pytest.mark.parametrize("backend", installed_backends())
def test_masks_fit_their_frames_on_every_grid_and_the_record_names_it(backend: str, checked: str, cine: Cine) -> None:
    found = {}
    for grid in ("auto", "own", "64"):
        result = segment(cine, SegmentOptions(checked, "1", "cpu", backend, grid=grid))
        assert result.masks.shape == cine.frames.shape
        found[grid] = result
    part = find_sector(cine).box(cine.shape)
    auto = 64 if max(part.height, part.width) <= 70 else 96
    assert [found[grid].run["grid"] for grid in ("auto", "own", "64")] == [auto, 128, 64]
    assert not np.array_equal(found["own"].probability, found["64"].probability)


def test_one_segmenter_takes_clips_of_all_sizes(checked: str, cine: Cine) -> None:
    segmenter = Segmenter(SegmentOptions(checked, "1", "cpu", "torch"))
    large = make_phantom(4, n_frames=1, shape=(200, 220)).cine
    grids = [segment(each, segmenter=segmenter).run["grid"] for each in (large, cine, large)]
    assert grids[0] == grids[2] == 128
    assert grids[1] < 128


def test_auto_expects_more_of_a_smaller_grid_but_not_too_much(checked: str) -> None:
    card = find_model(checked).card
    speeds = Speeds({}, {"torch": {"1/2": 50.0, "1": 25.0}})
    options = SegmentOptions(checked, "auto", "cpu", "torch")
    own = best_of(speeds, options, (0.5, 1.0), 30.0)
    assert own.width == 0.5
    assert "width 1/2 on torch does 50 frames a second on this computer" in own.words
    chosen = best_of(speeds, options, (0.5, 1.0), 30.0, quicker(card.grid, 64))
    assert chosen.width == 1.0
    assert "width 1 on torch does about 50 frames a second at this grid on this computer" in chosen.words


def test_what_was_made_at_another_grid_is_made_again(checked: str, tmp_path: Path) -> None:
    from matae.jobs import JobSettings

    def key(grid: str) -> str:
        return JobSettings(tmp_path, SegmentOptions(checked, "1", "cpu", "torch", grid=grid)).key()

    before = {grid: key(grid) for grid in ("auto", "own", "64")}
    assert len(set(before.values())) == 3
    path = find_model(checked).folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"grids": {"96": {"pixels": 80}}}))
    assert key("auto") != before["auto"]
    assert [key(grid) for grid in ("own", "64")] == [before["own"], before["64"]]


def test_a_larger_grid_is_slower_by_its_pixels() -> None:
    assert quicker(224, 112) == 2.0
    assert quicker(224, 224) == 1.0
    assert quicker(112, 224) == 0.25


@pytest.mark.parametrize(("own", "grid"), [(224, 64), (224, 448), (128, 128)])
def test_a_speed_between_side_and_pixels_is_none_that_was_measured_wrongly(own: int, grid: int) -> None:
    speeds = Speeds({}, {"torch": {"1": 60.0}})
    shrunk = own / grid
    for rate in (60.0 * shrunk, 60.0 * shrunk**2):
        assert not speeds.is_off("torch", 1.0, rate, shrunk)
        assert not speeds.is_off("torch", 1.0, rate / 2.9, shrunk)
    assert speeds.is_off("torch", 1.0, 60.0 * min(shrunk, shrunk**2) / 3.1, shrunk)
    assert speeds.is_off("torch", 1.0, 60.0 * max(shrunk, shrunk**2) * 3.1, shrunk)


def test_what_a_run_did_is_said_as_it_was_and_of_its_grid(checked: str) -> None:
    from types import SimpleNamespace

    segmenter = Segmenter(SegmentOptions(checked, "1", "cpu", "torch", grid="64"))
    segmenter._speeds = Speeds({}, {"torch": {"1": 60.0}})
    segmenter._compare(SimpleNamespace(frames=300, seconds=10.0))
    assert segmenter.notices[-1].startswith(
        "The network did 30 frames a second at a grid of 64 where 60 were measured at 128; its speed is measured again"
    )


def test_one_that_is_kept_is_said_to_run_at_the_grid_of_the_next_clip(checked: str, cine: Cine) -> None:
    from matae.segment.kept import forget_kept, kept_segmenter

    forget_kept()
    options = SegmentOptions(checked, "1", "cpu", "torch")
    with kept_segmenter(options, grid=64) as first:
        assert segment(cine, segmenter=first).run["grid"] < 128
    with kept_segmenter(options, grid=128) as again:
        assert again is first
        assert again.describe()["grid"] == 128
    forget_kept()


def test_clips_of_all_sizes_share_a_model_where_their_grid_chooses_nothing(checked: str) -> None:
    from matae.segment.kept import forget_kept, kept_segmenter

    forget_kept()
    for options, grids in (
        (SegmentOptions(checked, "1", "cpu", "torch"), (None, 64, 128)),
        (SegmentOptions(checked, "auto", "cpu", "torch", grid="own"), (None, 64, 128)),
        (SegmentOptions(checked, "auto", "cpu", "torch"), (None, 128)),
    ):
        had = []
        for grid in grids:
            with kept_segmenter(options, grid=grid) as segmenter:
                had.append(segmenter)
        assert all(each is had[0] for each in had)
    forget_kept()


def test_a_model_that_goes_on_from_another_is_not_taken_for_checked(checked: str) -> None:
    from matae.train.config import TrainConfig
    from matae.train.run import _continued

    assert find_model(checked).card.grids == SMALLER
    _, card = _continued("next", TrainConfig(grid=64), checked)
    assert card.grids == {}
    assert "grids" not in card.dumps()


def test_the_command_line_takes_a_wrong_grid_for_wrong_use() -> None:
    import typer

    from matae.cli.options import check_grid

    assert [check_grid(text) for text in ("auto", "own", "192")] == ["auto", "own", "192"]
    with pytest.raises(typer.BadParameter, match="'small' is no grid"):
        check_grid("small")

"""Finding the sector: pictures with none, fans of every kind with screen furniture, and a real cine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.cine import Box, Cine
from matae.demo import demo_cine
from matae.errors import SegmentError
from matae.phantom.layout_plan import KINDS
from matae.phantom.layouts import make_layout
from matae.segment import Sector, find_sector, sector_from_polygon
from matae.segment.filled import filled_polygon
from matae.segment.outline import outline


def a_cine(frames: np.ndarray, region: Box | None = None) -> Cine:
    return Cine(np.ascontiguousarray(frames), None, None, Path("clip"), region=region)


def draw_fan(
    rows: int, columns: int, n_frames: int, *, half: float = 0.6, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return speckled frames of a fan with the apex at the top, and the pixels of the fan."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns].astype(float)
    dy, dx = y - 0.06 * rows, x - columns / 2
    radius, angle = np.hypot(dy, dx), np.arctan2(dx, dy)
    inside = (radius < 0.8 * rows) & (abs(angle) < half)
    cavity = ((dy - 0.35 * rows) / (0.2 * rows)) ** 2 + (dx / (0.1 * rows)) ** 2 < 1
    tissue = np.where(cavity, 4, 60 + 60 * rng.random((rows, columns)))
    frames = np.zeros((n_frames, rows, columns), np.uint8)
    for t in range(n_frames):
        wave = 1 + 0.3 * np.sin(radius / rows * 30 + 0.7 * t)
        frames[t] = inside * np.clip(tissue * wave + 6 * rng.random((rows, columns)), 0, 255)
    return frames, inside


def furnish(frames: np.ndarray) -> np.ndarray:
    """Add text, scale ticks and an ECG trace that moves under the fan."""
    frames = frames.copy()
    n_frames, rows, columns = frames.shape
    letters = np.random.default_rng(1).random((max(3, rows // 40), columns // 5)) > 0.5
    frames[:, 1 : 1 + letters.shape[0], 2 : 2 + letters.shape[1]] = 200 * letters
    for tick in range(10):
        frames[:, int(rows * (0.06 + 0.08 * tick)), -3:] = 220
    x = np.arange(columns)
    for t in range(n_frames):
        frames[t, (rows * (0.95 + 0.02 * np.sin(x / 7 + t))).astype(int), x] = 255
    return frames


def seconds_on_a_core(work: Callable[[], object]) -> float:
    """Return the least processor time of a few runs: what other programs do does not count."""

    def once() -> float:
        start = time.thread_time()
        work()
        return time.thread_time() - start

    return min(once() for _ in range(4))


def agrees(sector: Sector, inside: np.ndarray) -> bool:
    """Whether the sector covers the fan, and little more: the margin alone is 8 % of its area."""
    found = sector.mask(inside.shape)
    return bool((found & inside).sum() > 0.97 * inside.sum() and found.sum() < 1.2 * inside.sum())


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 1, 1), (5, 1, 40), (5, 40, 1), (5, 2, 3), (8, 112, 112), (1, 30, 40)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_constant_pictures_have_no_sector(shape: tuple[int, int, int], grey: int) -> None:
    cine = a_cine(np.full(shape, grey, np.uint8))
    sector = find_sector(cine)
    assert sector.source == "whole"
    assert not sector.apex_down
    assert sector.box(cine.shape) == Box(0, 0, *cine.shape)
    assert sector.mask(cine.shape).all()


@pytest.mark.parametrize("box", [Box(-5, -5, 900, 900), Box(10, 10, 5, 5), Box(50, 60, 70, 80), Box(0, 0, 0, 0)])
def test_a_region_outside_the_picture_is_cut_to_it(box: Box) -> None:
    cine = a_cine(np.zeros((4, 48, 48), np.uint8), box)
    assert find_sector(cine).box(cine.shape) == Box(0, 0, 48, 48)


def test_a_region_stated_by_the_file_is_used_where_nothing_moves() -> None:
    cine = a_cine(np.zeros((4, 48, 64), np.uint8), Box(4, 6, 40, 50))
    sector = find_sector(cine)
    assert sector.source == "file"
    assert sector.box(cine.shape) == Box(4, 6, 40, 50)


def test_a_picture_that_moves_everywhere_is_taken_whole() -> None:
    frames = np.random.default_rng(0).integers(20, 250, (12, 112, 112), dtype=np.uint8)
    assert find_sector(a_cine(frames)).source == "whole"


@pytest.mark.parametrize("size", [(112, 112), (112, 150), (240, 320), (600, 800), (1000, 1300)])
def test_a_fan_is_found_among_furniture(size: tuple[int, int]) -> None:
    frames, inside = draw_fan(*size, 12)
    frames = furnish(frames)
    find_sector(a_cine(frames[:, ::8, ::8]))  # first use imports scipy
    assert seconds_on_a_core(lambda: find_sector(a_cine(frames))) < 0.1  # 0.02 s on an idle core
    sector = find_sector(a_cine(frames))
    assert sector.source == "fan"
    assert not sector.apex_down
    assert agrees(sector, inside)
    assert sector.box(size).y1 < 0.92 * size[0]  # the trace is not part of it


@pytest.mark.parametrize("half", [0.45, 0.6, 0.75])
def test_the_apex_is_found_on_either_side(half: float) -> None:
    frames, inside = draw_fan(180, 240, 8, half=half)
    upright, turned = find_sector(a_cine(frames)), find_sector(a_cine(frames[:, ::-1]))
    assert (upright.apex_down, turned.apex_down) == (False, True)
    assert agrees(upright, inside)
    assert agrees(turned, inside[::-1])


@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_still_has_its_fan_too(n_frames: int) -> None:
    frames, inside = draw_fan(240, 320, n_frames)
    sector = find_sector(a_cine(frames))
    assert sector.source == "fan"
    assert agrees(sector, inside)


def test_a_fan_inside_a_region_is_placed_in_the_picture() -> None:
    frames, inside = draw_fan(160, 200, 8)
    framed, where = np.full((8, 220, 300), 90, np.uint8), np.zeros((220, 300), bool)
    framed[:, 30:190, 70:270], where[30:190, 70:270] = frames, inside
    assert agrees(find_sector(a_cine(framed, Box(30, 70, 190, 270))), where)


@cache
def real_cine() -> np.ndarray:
    import pydicom
    import pydicom.examples

    pixels = pydicom.dcmread(pydicom.examples.get_path("ybr_color")).pixel_array
    return pixels.mean(-1).astype(np.uint8)


@pytest.mark.parametrize("turned", [False, True])
def test_the_fan_of_a_real_cine_is_found(turned: bool) -> None:
    frames = real_cine()[:, ::-1] if turned else real_cine()
    sector = find_sector(a_cine(frames))
    y0, x0, y1, x1 = sector.box((240, 320))
    if turned:
        y0, y1 = 240 - y1, 240 - y0
    assert sector.source == "fan"
    assert sector.apex_down == turned
    np.testing.assert_allclose((y0, x0, y1, x1), (14, 36, 204, 305), atol=9)


@pytest.mark.parametrize(
    "points",
    [[], [[0, 0]], [[0, 0], [40, 40]], [[0, 0], [40, 0], [np.nan, 40]], [[0, 0, 0]] * 4, [[0, 0], [8, 0], [8, 8]]],
)
def test_an_outline_that_is_none_is_refused(points: list) -> None:
    with pytest.raises(SegmentError, match="draw it"):
        sector_from_polygon(points)


def test_a_drawn_outline_is_kept() -> None:
    sector = sector_from_polygon([[0, 0], [40, -20], [40, 30]], apex_down=True)
    assert (sector.source, sector.apex_down) == ("user", True)
    assert sector.box((30, 25)) == Box(0, 0, 30, 25)
    assert all(Sector(sector.polygon, source).describe() for source in ("fan", "outline", "file", "whole", "user"))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 6), st.integers(0, 99))
def test_no_picture_breaks_the_search(rows: int, columns: int, n_frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = (rng.random((n_frames, rows, columns)) ** 6 * 255).astype(np.uint8)
    sector = find_sector(a_cine(frames))
    box = sector.box((rows, columns))
    assert 0 <= box.y0 < box.y1 <= rows
    assert 0 <= box.x0 < box.x1 <= columns
    assert sector.mask((rows, columns))[box.y0 : box.y1, box.x0 : box.x1].any()


# Of ten frames some kinds are found below, by their seeds and whatever their grey levels.
@pytest.mark.parametrize("n_frames", [1, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_layout_is_found_or_called_unsure(kind: str, n_frames: int) -> None:
    # Of the kind "full", 3001 has a shadow to one side that nobody could tell from a side that is cut.
    layout = make_layout(kind, 3002 if kind == "full" else 3001, n_frames=n_frames)
    sector = find_sector(layout.cine)
    assert sector.confidence is not None
    assert 0 <= sector.confidence <= 1
    if sector.is_unsure:
        assert kind in {"dark", "full", "grey"}
        assert sector.source == "whole"
        assert sector.mask(layout.cine.shape).all()
    else:
        found = filled_polygon(layout.cine.shape, sector.polygon)
        assert max((found & exact).sum() / (found | exact).sum() for exact in layout.sectors) > 0.95
        assert sector.apex_down == layout.apex_down


@pytest.mark.parametrize("region", [None, Box(10, 12, 100, 150)])
def test_what_is_black_on_black_is_unsure_and_says_so(region: Box | None) -> None:
    sector = find_sector(a_cine(np.zeros((8, 120, 160), np.uint8), region))
    assert sector.is_unsure
    assert sector.confidence == 0
    (notice,) = sector.notices
    assert ("whole picture" if region is None else "all of the file's region") in notice
    assert "Adjust sector" in notice
    assert sector.describe().startswith("not found for sure, ")


def test_a_found_or_drawn_sector_has_nothing_to_say() -> None:
    frames, _ = draw_fan(180, 240, 8)
    found = find_sector(a_cine(frames))
    assert (found.is_unsure, found.notices) == (False, [])
    drawn = sector_from_polygon([[0, 0], [40, 0], [40, 30]])
    assert (drawn.confidence, drawn.is_unsure, drawn.notices) == (None, False, [])


def test_a_picture_that_moves_everywhere_is_sure() -> None:
    frames = np.random.default_rng(0).integers(20, 250, (12, 112, 112), dtype=np.uint8)
    assert find_sector(a_cine(frames)).confidence == 1


@pytest.mark.parametrize("seed", [1008, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1012, 1017))])
def test_what_a_dark_chamber_leaves_of_tissue_that_fills_a_picture_is_no_sector(seed: int) -> None:
    """A fan fits it well, and the border of the picture seemed to bear most of its outline out."""
    cine = make_layout("full", seed, n_frames=10).cine
    sector = find_sector(cine)
    assert (sector.source, sector.is_unsure, sector.apex_down) == ("whole", True, False)
    assert sector.mask(cine.shape).all()


@pytest.mark.parametrize("seed", [3002, 3023])
def test_tissue_that_fades_into_the_black_is_not_cut_by_a_window(seed: int) -> None:
    layout = make_layout("dark", seed, n_frames=10)
    sector = find_sector(layout.cine)
    assert (sector.source, sector.is_unsure) == ("outline", True)
    assert sector.confidence == pytest.approx(0.5)


def test_a_bar_of_buttons_is_no_sector() -> None:
    """Where the gain is so low that nothing else shows, the bar was the largest part and a confident fan."""
    frames = np.zeros((1, 582, 582), np.uint8)
    frames[0, 545:] = np.random.default_rng(0).integers(40, 90, (37, 582))
    assert find_sector(a_cine(frames)).is_unsure


def test_an_unsure_box_stands_the_way_up_that_was_seen() -> None:
    layout = make_layout("turned", 1017)
    found = find_sector(layout.cine)
    assert found.is_unsure
    assert found.apex_down
    assert found.mask(layout.cine.shape)[layout.sectors[0]].all()


def dim_fan_in_a_screen() -> tuple[Cine, np.ndarray]:
    """Return a still with one side of the fan faded into the black, and text around, and where its tissue shows."""
    frames, _ = draw_fan(256, 256, 1)
    fading = 0.25 / (1 + np.exp((np.arange(256) - 128) / 20))
    screen = np.zeros((1, 420, 560), np.uint8)
    screen[:, 80:336, 150:406] = frames * fading
    shown = screen[0] > 3
    screen[0, 20:28, 20:120] = 200 * (np.random.default_rng(1).random((8, 100)) > 0.5)
    return a_cine(screen), shown


def test_an_unsure_sector_on_a_screen_is_the_box_around_what_shows() -> None:
    cine, where = dim_fan_in_a_screen()
    found = find_sector(cine)
    assert found.is_unsure
    assert found.source == "outline"
    inside = found.mask(cine.shape)
    assert inside[where].all()
    assert inside.mean() < 0.45
    assert not inside[:30].any()
    (notice,) = found.notices
    assert "the box around what shows is used" in notice
    assert found.describe() == "not found for sure, the box around what shows is used"


def test_the_fan_of_the_demonstration_cine_is_sure() -> None:
    cine = demo_cine()
    sector = find_sector(cine)
    assert (sector.source, sector.is_unsure, sector.apex_down) == ("fan", False, False)
    np.testing.assert_allclose(sector.box(cine.shape), (14, 39, 202, 300), atol=3)


def variants(frames: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield frames a grey level darker and brighter, and rounded up or down at random, once for all and in each."""
    rng = np.random.default_rng(0)
    wide = frames.astype(np.int16)
    yield "darker", wide - 1
    yield "brighter", wide + 1
    yield "rounded", wide + rng.integers(0, 2, frames.shape[1:])
    yield "rounded in each frame", wide + rng.integers(0, 2, frames.shape)


@pytest.mark.parametrize(
    ("kind", "seed", "n_frames"),
    [
        ("demo", 0, 30), ("plain", 1000, 10), ("furniture", 1001, 1), ("wide", 1000, 1), ("curved", 1001, 1),
        ("zoomed", 1000, 10), ("dual", 1000, 1),
    ],
)  # fmt: skip
def test_a_grey_level_decides_nothing(kind: str, seed: int, n_frames: int) -> None:
    cine = demo_cine() if kind == "demo" else make_layout(kind, seed, n_frames=n_frames).cine
    sector = find_sector(cine)
    assert not sector.is_unsure
    inside = filled_polygon(cine.shape, sector.polygon)
    for name, frames in variants(cine.frames):
        other = find_sector(a_cine(np.clip(frames, 0, 255).astype(np.uint8)))
        assert not other.is_unsure, name
        found = filled_polygon(cine.shape, other.polygon)
        assert (found & inside).sum() / (found | inside).sum() > 0.98, name


def test_a_negative_has_no_sector() -> None:
    frames, _ = draw_fan(180, 240, 1)
    assert find_sector(a_cine(255 - frames)).confidence == 0


@pytest.mark.parametrize("quality", [40, 85])
def test_the_fan_of_a_real_cine_is_found_at_112_pixels_or_called_unsure(quality: int) -> None:
    """As clips of data sets are: cropped, scaled down, each frame a JPEG, which blacks the shaded sides out."""
    import io

    from PIL import Image

    frames = []
    for frame in real_cine()[::2, 8:218, 62:272]:
        buffer = io.BytesIO()
        Image.fromarray(frame).resize((112, 112), Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=quality)
        frames.append(np.array(Image.open(buffer)))
    sector = find_sector(a_cine(np.array(frames)))
    wanted = (0, 0, 112, 112) if sector.is_unsure else (3, 0, 103, 112)
    np.testing.assert_allclose(sector.box((112, 112)), wanted, atol=4)
    assert not sector.apex_down


def test_an_outline_is_closed_even_at_the_border() -> None:
    assert outline(np.zeros((4, 4))).shape == (0, 2)
    contour = outline(np.ones((4, 4)))
    np.testing.assert_array_equal(contour[0], contour[-1])
    assert contour.min() == -0.5
    assert contour.max() == 3.5


def test_a_rectangular_picture_on_a_black_screen_is_outlined() -> None:
    frames = np.zeros((12, 120, 200), np.uint8)
    frames[:, 20:100, 40:160] = np.random.default_rng(0).integers(20, 250, (12, 80, 120), dtype=np.uint8)
    sector = find_sector(a_cine(frames))
    assert sector.source == "outline"
    np.testing.assert_allclose(sector.box((120, 200)), (20, 40, 100, 160), atol=4)

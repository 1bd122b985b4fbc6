"""The pieces: names, cells, run lengths, placing, polygons, blanking, text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import cavity, dice, fan, heart
from hypothesis import assume, given
from hypothesis import strategies as st

from matae.cine import Box, Cine
from matae.errors import ExchangeError
from matae.exchange.encodings import rle
from matae.exchange.encodings.polygons import draw_polygon
from matae.exchange.encodings.tables import read_rows, row_text
from matae.exchange.export.burned_in_text import find_text
from matae.exchange.export.deidentify_pixels import blanking
from matae.exchange.names import Pseudonyms, check_cell, inner_path
from matae.exchange.placing import placement_from_json, placement_to_json
from matae.placement import Placement

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text(max_size=30), st.text(max_size=30))
def test_pseudonyms_are_stable_and_tell_apart(one: str, two: str) -> None:
    names = Pseudonyms(b"k" * 32)
    assert names.patient(one) == names.patient(one)
    assert (names.patient(one) == names.patient(two)) == (one == two)
    assert names.patient(one)[7:].isdigit()
    assert len(names.patient(one)) == 19
    assert names.patient(one) != Pseudonyms(b"j" * 32).patient(one)
    if one and two:
        assert (names.rater(one) == names.rater(two)) == (one == two)
    assert names.rater("") == names.model("") == ""
    uid = names.uid("image", one)
    assert len(uid) <= 64
    assert uid.startswith("2.25.")
    assert uid != names.uid("series", one)


@given(st.text(max_size=60))
def test_no_path_gets_out(name: str) -> None:
    from pathlib import Path

    root = Path("/data/root")
    try:
        inside = inner_path(name, "x")
    except ExchangeError:
        return
    assert Path(root, inside).resolve().is_relative_to(root)
    assert Path(root, inside) != root


@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=20)), min_size=1, max_size=5))
def test_no_text_we_write_is_run_by_a_spreadsheet(cells: list[object]) -> None:
    import csv
    import io

    (row,) = csv.reader(io.StringIO(row_text(cells), newline=""))
    assert len(row) == len(cells)
    for text, cell in zip(row, cells, strict=True):
        if isinstance(cell, str):
            assert not text.startswith(("=", "+", "-", "@", "\t", "\r", "|"))
            assert len(text) - len(cell) in {0, 1}
            assert not cell.isprintable() or text.endswith(cell)
        elif isinstance(cell, float) and np.isfinite(cell):
            assert float(text) == cell


def test_cells_for_people() -> None:
    assert check_cell("Müller 3", "x") == "Müller 3"
    for bad in ("=1", "a" * 201, "a\nb", "\x7f"):
        with pytest.raises(ExchangeError):
            check_cell(bad, "x")


def test_tables_are_read_a_row_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufefffoo,bar\n1,2\n\n3,4\n", encoding="utf-8")
    rows = read_rows(path, ["foo"])
    assert next(rows) == (2, {"foo": "1", "bar": "2"})
    assert list(rows) == [(4, {"foo": "3", "bar": "4"})]
    with pytest.raises(ExchangeError, match="needs the columns"):
        next(read_rows(path, ["foo"], exact=True))
    with pytest.raises(ExchangeError, match="cannot be read"):
        next(read_rows(tmp_path / "none.csv", ["foo"]))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_are_those_of_the_coco_api(rows: int, columns: int, seed: int, share: float) -> None:
    from pycocotools import mask as coco

    mask = np.random.default_rng(seed).random((rows, columns)) < share
    mine, theirs = rle.encode(mask), coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert mine["counts"] == theirs["counts"].decode()
    np.testing.assert_array_equal(rle.decode(mine, mask.shape, "x"), mask)
    edges = np.flatnonzero(np.diff(mask.ravel(order="F"))) + 1
    runs = np.diff([0, *edges, mask.size]).tolist()
    plain = {"size": [rows, columns], "counts": [0, *runs] if mask[0, 0] else runs}
    np.testing.assert_array_equal(rle.decode(plain, mask.shape, "x"), mask)


fits = st.builds(
    lambda rows, columns, y0, x0, aspect, size, flip: Placement(
        (rows, columns), Box(int(y0 * rows / 2), int(x0 * columns / 2), rows, columns), (1.0, aspect), size, flip
    ),
    st.integers(40, 300), st.integers(40, 300), st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 2.0),
    st.sampled_from([None, 112, 256]), st.booleans(),
)  # fmt: skip


@given(fits, st.floats(0, 300), st.floats(0, 300))
def test_points_go_there_and_back(fit: Placement, y: float, x: float) -> None:
    point = np.array([[y, x]])
    np.testing.assert_allclose(fit.native_points(fit.points(point.copy())), point, atol=1e-6)
    assert placement_from_json(placement_to_json(fit), "x") == fit


@given(fits)
def test_masks_keep_place_and_size_on_the_grid(fit: Placement) -> None:
    rows, columns = fit.shape
    middle = np.array([(fit.box.y0 + fit.box.y1) / 2, (fit.box.x0 + fit.box.x1) / 2])
    y, x = np.mgrid[:rows, :columns]
    half = np.array([fit.box.height, fit.box.width]) / 3
    native = ((((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2) < 1).astype(np.uint8)
    placed = fit.mask(native)
    assert placed.shape == fit.out_shape
    assume(np.ptp(np.argwhere(placed), axis=0).min() >= 6)  # a few pixels have no shape to keep
    centre = np.argwhere(placed).mean(0)
    np.testing.assert_allclose(centre, fit.points(np.argwhere(native).mean(0)[None])[0], atol=1.0)
    assert dice(fit.native_mask(placed), native) > 0.93
    # The picture goes where the mask goes.
    picture = fit.image(native * 200)
    assert dice(picture > 100, placed) > 0.93


def test_native_pixels_stay_as_they_are() -> None:
    fit = Placement((120, 160), Box(10, 20, 100, 120))
    frame, mask = heart(1)[0], cavity(0)
    assert fit.image(frame) is frame
    assert fit.mask(mask) is mask
    assert fit.pixel_size((0.5, 0.4)) == (0.5, 0.4)


def test_polygons_are_drawn_as_labelme_draws_them() -> None:
    inside = draw_polygon([[2, 1], [6, 1], [6, 4], [2, 4]], (10, 10), "x")
    assert inside.sum() == 5 * 4
    # A vertex that slipped over the edge by a pixel is cut, not refused.
    assert draw_polygon([[-1, -1], [5, 0], [5, 5]], (10, 10), "x").any()


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=8, unique=True))
def test_simple_polygons_pass_and_crossing_ones_do_not(points: list[tuple[int, int]]) -> None:
    from itertools import combinations

    def turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
        return int(np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])))

    sides = [(points[i], points[(i + 1) % len(points)]) for i in range(len(points))]
    crossing = any(
        turn(*one, two[0]) * turn(*one, two[1]) < 0 and turn(*two, one[0]) * turn(*two, one[1]) < 0
        for one, two in combinations(sides, 2)
        if not set(one) & set(two)
    )
    said = ""
    try:
        draw_polygon([list(point) for point in points], (41, 41), "x")
    except ExchangeError as error:
        said = str(error)
    assert ("crosses itself" in said) == crossing


def cine_of(frames: np.ndarray, tmp_path: Path, region: Box | None = None) -> Cine:
    return Cine(frames=frames, frame_times=None, spacing=None, source=tmp_path / "x.dcm", region=region)


def test_everything_outside_sector_and_region_is_black(tmp_path: Path) -> None:
    frames = heart()
    frames[:, :6] = 255
    frames[:, 110:, :40] = 255
    found = blanking(cine_of(frames, tmp_path, Box(6, 0, 120, 160)))
    left = found.frame(frames[0])
    assert not left[:6].any()
    assert not left[110:, :40].any()
    assert left[fan()][2000:].any()
    assert 0.3 < found.share < 0.8
    kept = left[fan()] == frames[0][fan()]
    assert kept.mean() > 0.98


def test_a_sector_outside_the_region_is_refused(tmp_path: Path) -> None:
    from matae.segment.sector import sector_from_polygon

    sector = sector_from_polygon([[0, 0], [0, 40], [40, 40], [40, 0]])
    with pytest.raises(ExchangeError, match="outside the ultrasound region"):
        blanking(cine_of(heart(), tmp_path, Box(80, 100, 120, 160)), sector)


def written(text: str, size: int, at: tuple[int, int], shape: tuple[int, int] = (240, 320)) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (shape[1], shape[0]))
    ImageDraw.Draw(picture).text(at, text, fill=255, font=ImageFont.load_default(size))
    return np.asarray(picture)


@pytest.mark.parametrize("size", [9, 12, 20])
@pytest.mark.parametrize("text", ["DOE JANE", "1961-04-02", "ID 48213"])
def test_letters_on_a_moving_heart_are_found(size: int, text: str) -> None:
    frames = heart(8, (240, 320))
    everywhere = np.ones((240, 320), bool)
    assert find_text(frames, everywhere) == []
    letters = written(text, size, (110, 90))
    (box, *more) = find_text(np.maximum(frames, letters), everywhere)
    rows, columns = np.nonzero(letters)
    assert not more
    assert box.y0 <= rows.min() + 3
    assert box.y1 >= rows.max() - 3
    assert box.x0 <= columns.min() + size
    assert box.x1 >= columns.max() - size
    assert find_text(np.maximum(frames, letters), letters == 0) == []


def test_a_bright_wall_is_no_text() -> None:
    frames = heart(8, (240, 320))
    y, x = np.mgrid[:240, :320]
    ring = np.abs(np.hypot(y - 120, x - 160) - 50) < 3
    frames[:, ring] = 250
    assert find_text(frames, np.ones((240, 320), bool)) == []

"""Several pictures in one frame: which of them is B-mode, and whose millimetres hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from read_makers import dataset, region, save

from matae.cine import B_MODE, Box, Cine, Region, Spacing
from matae.errors import MataeError, ReadError, SegmentError
from matae.read.dicom import read_dicom
from matae.segment import find_sector
from matae.segment.choice import choose_sector

SHAPE = (200, 400)
LEFT, RIGHT = Box(10, 10, 190, 190), Box(10, 210, 190, 390)


def moving(*boxes: Box, count: int = 6) -> Any:
    """Speckle that moves in some boxes of a picture that is still elsewhere."""
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(0, 200, (1, *SHAPE), dtype=np.uint8), count, axis=0)
    for y0, x0, y1, x1 in boxes:
        frames[:, y0:y1, x0:x1] = rng.integers(0, 200, (count, y1 - y0, x1 - x0), dtype=np.uint8)
    return frames


def item(box: Box, delta: float = 0.05, **elements: Any) -> Any:
    return region(box.x0, box.y0, box.x1 - 1, box.y1 - 1, delta, **elements)


def read(tmp_path: Path, frames: Any, items: list[Any]) -> Cine:
    return read_dicom(save(dataset(frames, SequenceOfUltrasoundRegions=items), tmp_path / "a.dcm"))


def part(box: Box) -> Any:
    where = np.zeros(SHAPE, bool)
    where[box.y0 : box.y1, box.x0 : box.x1] = True
    return where


@pytest.fixture
def dual(tmp_path: Path) -> Cine:
    return read(tmp_path, moving(LEFT, RIGHT), [item(RIGHT, 0.05), item(LEFT, 0.1)])


def test_no_regions_no_choice(tmp_path: Path) -> None:
    cine = read_dicom(save(dataset(moving()), tmp_path / "a.dcm"))
    assert cine.b_modes == ()
    assert cine.scaled_for(part(LEFT)) is cine
    with pytest.raises(ReadError, match=r"a\.dcm has 0 B-mode regions; there is no region 1"):
        cine.with_region(1)


def test_two_b_modes_ask_which(dual: Cine) -> None:
    assert (dual.region, dual.spacing) == (None, None)
    assert [r.box for r in dual.b_modes] == [LEFT, RIGHT]  # as one reads
    assert "1: x 10 to 189, y 10 to 189; 2: x 210 to 389, y 10 to 189); choose one (--region" in dual.warnings[0]
    with pytest.raises(SegmentError, match=r"a\.dcm shows 2 B-mode regions \(1: .*choose one with --region"):
        choose_sector(dual)


def test_one_chosen(dual: Cine) -> None:
    for number, box, size in ((1, LEFT, 1.0), (2, RIGHT, 0.5)):
        chosen = dual.with_region(number)
        assert (chosen.region, chosen.spacing) == (box, pytest.approx(Spacing(size, size)))
        assert chosen.warnings == ()
        low, high = choose_sector(chosen).polygon.min(0), choose_sector(chosen).polygon.max(0)
        assert (low >= (box.y0, box.x0)).all()
        assert (high <= (box.y1 - 1, box.x1 - 1)).all()
    for number in (0, 3):
        with pytest.raises(ReadError, match=f"has 2 B-mode regions; there is no region {number}"):
            dual.with_region(number)


def test_scale_of_the_picture_the_sector_lies_in(dual: Cine) -> None:
    assert dual.scaled_for(part(LEFT)).spacing == pytest.approx(Spacing(1, 1))
    assert dual.scaled_for(part(Box(50, 250, 120, 330))).spacing == pytest.approx(Spacing(0.5, 0.5))
    # A few pixels over the edge are no second picture.
    assert dual.scaled_for(part(Box(5, 205, 190, 395))).spacing == pytest.approx(Spacing(0.5, 0.5))
    assert dual.scaled_for(np.zeros(SHAPE, bool)) is dual
    across = dual.with_region(1).scaled_for(part(Box(10, 100, 190, 300)))
    assert across.spacing is None
    assert "lies across 2 B-mode regions" in across.spacing_note
    outside = dual.with_region(1).scaled_for(part(Box(0, 0, 9, 400)))
    assert outside.spacing is None
    assert "lies outside the B-mode region" in outside.spacing_note


def test_size_set_by_a_person_stays(dual: Cine) -> None:
    by_hand = replace(dual, spacing=Spacing(0.3, 0.3), spacing_note="Set by hand.")
    assert by_hand.scaled_for(part(LEFT)) is by_hand


def test_same_scale_in_both(tmp_path: Path) -> None:
    cine = read(tmp_path, moving(LEFT, RIGHT), [item(LEFT), item(RIGHT)])
    assert (cine.region, cine.spacing) == (None, pytest.approx(Spacing(0.5, 0.5)))
    assert cine.scaled_for(part(Box(10, 100, 190, 300))).spacing == cine.spacing


def test_the_only_one_that_moves_is_taken(tmp_path: Path) -> None:
    cine = read(tmp_path, moving(RIGHT), [item(LEFT, 0.1), item(RIGHT, 0.05)])
    sector = choose_sector(cine)
    assert sector.scaled(cine).spacing == pytest.approx(Spacing(0.5, 0.5))
    assert sector.box(SHAPE).x0 >= RIGHT.x0


@pytest.mark.parametrize(
    ("spatial", "data", "kind"),
    [
        (2, 1, "M-mode"),
        (3, 3, "spectral Doppler"),
        (3, 4, "spectral Doppler"),
        (4, 10, "waveform"),
        (5, 14, "graphics"),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_strips_never_enter_the_sector(tmp_path: Path, spatial: int, data: int, kind: str, beside: bool) -> None:
    """A spectrum below the picture, in a region of its own or within that of the picture."""
    strip = Box(130, 10, 190, 390)
    tissue = Box(10, 10, 120 if beside else 195, 390)
    other = item(strip, 0.5, RegionSpatialFormat=spatial, RegionDataType=data, PhysicalUnitsXDirection=4)
    cine = read(tmp_path, moving(Box(10, 10, 120, 390), strip), [other, item(tissue)])
    assert (cine.region, cine.spacing) == (tissue, pytest.approx(Spacing(0.5, 0.5)))
    assert [r.kind for r in cine.regions] == [B_MODE, kind]
    assert cine.warnings == ()
    assert find_sector(cine).polygon[:, 0].max() < strip.y0


def test_strip_where_no_b_mode_is_stated(tmp_path: Path) -> None:
    strip = Box(110, 0, 200, 400)
    other = item(strip, RegionSpatialFormat=3, RegionDataType=3)
    cine = read(tmp_path, moving(Box(10, 100, 100, 300), strip), [other])
    assert cine.spacing is None
    assert find_sector(cine).polygon[:, 0].max() < strip.y0


def test_colour_box_stays_in_its_picture(tmp_path: Path) -> None:
    box = Box(60, 60, 120, 140)
    cine = read(tmp_path, moving(LEFT), [item(LEFT), item(box, 0.05, RegionDataType=2)])
    assert [r.kind for r in cine.regions] == [B_MODE, "colour flow"]
    assert cine.region == LEFT
    found = find_sector(cine).box(SHAPE)
    assert found.height > 0.9 * LEFT.height
    assert found.width > 0.9 * LEFT.width


def test_picture_within_a_picture(tmp_path: Path) -> None:
    """A zoomed view set into a corner: what lies in it has its scale, what lies beside it the other."""
    inner = Box(110, 110, 180, 180)
    cine = read(tmp_path, moving(LEFT), [item(LEFT, 0.1), item(inner, 0.05)])
    assert cine.scaled_for(part(Box(120, 120, 170, 170))).spacing == pytest.approx(Spacing(0.5, 0.5))
    assert cine.scaled_for(part(Box(20, 20, 100, 100))).spacing == pytest.approx(Spacing(1, 1))


def test_one_place_stated_twice(tmp_path: Path) -> None:
    same = read(tmp_path, moving(LEFT), [item(LEFT), item(LEFT)])
    assert (same.region, same.spacing, same.warnings) == (LEFT, pytest.approx(Spacing(0.5, 0.5)), ())
    unlike = read(tmp_path, moving(LEFT), [item(LEFT), item(LEFT, 0.1)])
    assert (unlike.region, unlike.spacing) == (LEFT, None)
    assert "two pixel sizes for one" in unlike.spacing_note


def test_grey_bar_is_no_picture(tmp_path: Path) -> None:
    cine = read(tmp_path, moving(LEFT), [item(LEFT), item(Box(10, 395, 190, 399), 0.1)])
    assert (cine.region, cine.warnings) == (LEFT, ())


def test_measured_with_the_scale_of_the_picture_the_heart_lies_in(dual: Cine) -> None:
    from matae.measure import measure_cine

    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    volumes = {}
    for name, centre in (("left", 100), ("right", 300), ("across", 200)):
        masks = np.zeros(dual.frames.shape, np.uint8)
        for index in range(dual.n_frames):
            masks[index] = ((y - 100) / 70) ** 2 + ((x - centre) / 35) ** 2 < 1
        found = measure_cine(dual, masks)
        volumes[name] = found.volume[0]
        assert found.calibrated is (name != "across")
    # An ellipsoid of 70 and 35 half axes: pixels of 1 mm, of half that, and none.
    assert volumes["left"] == pytest.approx(4 / 3 * np.pi * 70 * 35**2 / 1000, rel=0.05)
    assert volumes["right"] == pytest.approx(volumes["left"] / 8, rel=0.01)
    assert volumes["across"] == pytest.approx(volumes["left"] * 1000, rel=0.01)


def test_regions_are_described_without_millimetres() -> None:
    bare = Region(B_MODE, LEFT, None, "No millimetres: none stated.")
    cine = Cine(moving(), None, None, Path("a"), regions=(bare,))
    assert cine.scaled_for(part(LEFT)).spacing_note == bare.note
    assert issubclass(SegmentError, MataeError)


def test_command_line_measures_in_the_region_of_the_mask_or_the_one_chosen(dual: Cine, tmp_path: Path) -> None:
    import json

    from typer.testing import CliRunner

    from matae.cli import app
    from matae.output import write_mask

    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    masks = np.zeros(dual.frames.shape, np.uint8)
    for index in range(dual.n_frames):
        size = (1, 0.9, 0.8, 0.7, 0.8, 0.9)[index]
        masks[index] = ((y - 100) / (70 * size)) ** 2 + ((x - 300) / (35 * size)) ** 2 < 1
    write_mask(tmp_path / "mask.nii.gz", masks, dual)
    given = ["measure", str(dual.source), "--mask", str(tmp_path / "mask.nii.gz"), "--frame-rate", "10"]
    for number, extra in enumerate(([], ["--region", "2"], ["--sector", "0,0,200,400"])):
        target = tmp_path / f"{number}.json"
        result = CliRunner().invoke(app, [*given, *extra, "--json", str(target)])
        assert result.exit_code == 0, result.output
        told = json.loads(target.read_text())
        assert told["edv_ml"] == pytest.approx(4 / 3 * np.pi * 70 * 35**2 / 8000, rel=0.05)
        assert told["calibration"].startswith("0.5 x 0.5 mm a pixel")
        assert "choose one" not in result.output
    result = CliRunner().invoke(app, [*given, "--region", "3", "--json", str(tmp_path / "x.json")])
    assert result.exit_code != 0
    result = CliRunner().invoke(app, ["measure", str(dual.source), "--json", str(tmp_path / "x.json")])
    assert result.exit_code != 0

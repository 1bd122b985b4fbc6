"""What may leave, to the letter: pseudonyms, names and cells from outside, and what is blanked."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import numpy as np
import pytest

from matae.cine import Box, Cine
from matae.errors import ExchangeError
from matae.exchange.export.deidentify_pixels import blanking
from matae.exchange.export.findings import find_in_picture
from matae.exchange.names import Pseudonyms, check_cell, check_release_name, check_text, inner_path
from matae.segment import Sector, sector_from_polygon

SECRET = b"k" * 32
NAMES = Pseudonyms(SECRET)


def digest(kind: str, value: str) -> bytes:
    return hmac.new(SECRET, f"{kind}\0{value}".encode(), hashlib.sha256).digest()


def test_pseudonyms_are_those_of_earlier_exports() -> None:
    """A patient who leaves again must be the same patient: what a name is made of never changes."""
    number = int.from_bytes(digest("patient", "Jane")[:8], "big") % 10**12
    assert NAMES.patient("Jane") == f"patient{number:012d}"
    assert NAMES.clip("Jane", "c1") == f"patient{number:012d}-{digest('clip', 'c1')[:5].hex()}"
    assert NAMES.key("c1") == digest("content", "c1").hex()
    assert NAMES.rater("anna") == f"rater-{digest('rater', 'anna')[:4].hex()}"
    assert NAMES.model("anna's") == f"model-{digest('model', 'anna' + chr(39) + 's')[:4].hex()}"
    assert NAMES.rater("") == NAMES.model("") == ""
    assert NAMES.uid("image", "x") == f"2.25.{int.from_bytes(digest('uid image', 'x')[:16], 'big')}"
    assert len(NAMES.uid("image", "x")) <= 64


def test_one_name_in_two_parts_of_the_data_has_nothing_in_common() -> None:
    found = {NAMES.patient("anna")[7:], NAMES.rater("anna")[6:], NAMES.model("anna")[6:], NAMES.key("anna")}
    assert len({name[:8] for name in found}) == 4
    assert NAMES.uid("image", "anna") != NAMES.uid("series", "anna")


def test_short_numbers_keep_their_zeros() -> None:
    assert all(re.fullmatch(r"patient\d{12}", NAMES.patient(str(number))) for number in range(200))
    assert any(NAMES.patient(str(number))[7] == "0" for number in range(200))


@pytest.mark.parametrize("name", ["a", "lv-spring", "A.b_9", "x" * 40, "com", "lpt", "0", "console"])
def test_names_of_releases_that_are_fine(name: str) -> None:
    assert check_release_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".hidden", "-x", "_x", "a/b", "a b", "x" * 41, "end.", "CON", "nul.txt", "com1", "Lpt9", "a\n", "ü"]
)
def test_names_of_releases_that_are_refused(name: str) -> None:
    with pytest.raises(ExchangeError, match="A release cannot be called '") as refused:
        check_release_name(name)
    assert "use 1 to 40 letters, digits, hyphens, underscores or dots." in str(refused.value)
    assert len(str(refused.value)) < 170


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "|"])
def test_a_cell_that_a_spreadsheet_would_run_is_refused(start: str) -> None:
    with pytest.raises(ExchangeError, match=r"row 3: .* begins like a spreadsheet formula; rename it there and here"):
        check_cell(f"{start}1+1", "row 3")
    assert check_cell(f"a{start if start.isprintable() else ''}1", "row 3").startswith("a")


@pytest.mark.parametrize("text", ["a\x00", "a\x1f", "a\x7f", "a\nb", "x" * 201])
def test_a_cell_that_no_person_can_read_is_refused(text: str) -> None:
    with pytest.raises(ExchangeError, match="row 3: a name has control characters or more than 200 letters; correct"):
        check_cell(text, "row 3")


@pytest.mark.parametrize("text", ["", "a", " ", "x" * 200, "é", "\x80", "a=b"])
def test_a_cell_that_is_fine(text: str) -> None:
    assert check_cell(text, "row 3") == text


def test_values_of_json_are_texts_or_whole_numbers() -> None:
    assert (check_text("a", "x"), check_text(7, "x"), check_text(0, "x")) == ("a", "7", "0")
    for value in (None, True, False, 1.5, [], {}, b"a"):
        with pytest.raises(ExchangeError, match="release: a name is missing or is none; export the data again"):
            check_text(value, "release")
    with pytest.raises(ExchangeError, match=r"^release: '-1' begins like a spreadsheet formula"):
        check_text(-1, "release")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/..", "../a", "a/./b", "a//b", "/a", "a/", "a\\b", "C:a", "a:b", "con", "a/NUL.png", "com3/x"],
)
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ExchangeError, match=r"row 3: '.*' does not stay inside the folder; use plain names"):
        inner_path(name, "row 3")


def test_a_path_that_stays_inside() -> None:
    assert inner_path("a/b.c/d", "x").parts == ("a", "b.c", "d")
    assert inner_path("..a/b..", "x").as_posix() == "..a/b.."
    with pytest.raises(ExchangeError, match=r"^row 3: '=a' begins like a spreadsheet formula"):
        inner_path("=a", "row 3")
    with pytest.raises(ExchangeError) as refused:
        inner_path("a\\" + "b" * 100, "x")
    assert "b" * 59 not in str(refused.value)


def a_cine(region: Box | None) -> Cine:
    return Cine(np.full((2, 80, 100), 90, np.uint8), None, None, Path("clip"), region=region)


SECTOR = sector_from_polygon([[10, 50], [70, 10], [70, 90]])


def test_only_the_sector_inside_the_stated_region_leaves() -> None:
    frame = np.full((80, 100), 90, np.uint8)
    whole = blanking(a_cine(None), SECTOR)
    assert whole.sector is SECTOR
    np.testing.assert_array_equal(whole.allowed, SECTOR.mask((80, 100)))
    np.testing.assert_array_equal(whole.frame(frame), np.where(whole.allowed, 90, 0))
    assert frame.min() == 90  # the original is not touched
    assert whole.share == pytest.approx(1 - whole.allowed.mean())
    inside = np.zeros((80, 100), bool)
    inside[20:60, 30:65] = True
    cut = blanking(a_cine(Box(20, 30, 60, 65)), SECTOR)
    np.testing.assert_array_equal(cut.allowed, whole.allowed & inside)
    # A region that reaches beyond the picture is that of the picture.
    np.testing.assert_array_equal(blanking(a_cine(Box(-5, -3, 200, 300)), SECTOR).allowed, whole.allowed)
    outside = np.zeros((80, 100), bool)
    outside[:60, :65] = True
    np.testing.assert_array_equal(blanking(a_cine(Box(-5, -3, 60, 65)), SECTOR).allowed, whole.allowed & outside)


def test_a_region_from_the_first_row_and_column_on_holds_them() -> None:
    corner = sector_from_polygon([[0, 0], [0, 60], [60, 0]])
    found = blanking(a_cine(Box(0, 0, 50, 50)), corner).allowed
    assert found[0, :45].all()
    assert found[:45, 0].all()


def test_nothing_left_is_refused() -> None:
    with pytest.raises(ExchangeError, match=r"^The sector lies outside the ultrasound region; draw it again, .*out\.$"):
        blanking(a_cine(Box(0, 0, 5, 5)), SECTOR)


def test_without_a_sector_it_is_found() -> None:
    assert blanking(a_cine(None)).sector.source == "whole"


@pytest.mark.parametrize("region", [None, Box(5, 6, 70, 90)])
def test_where_the_sector_is_unsure_a_person_looks_whatever_the_corners_are(region: Box | None) -> None:
    """The background is not black: text on it would be as easily read."""
    cine = a_cine(region)
    (finding,) = find_in_picture(cine, blanking(cine), (), "Clip 1")
    assert finding.needs_look
    assert finding.kind == "unblanked"
    what = "its whole picture" if region is None else "all of its ultrasound region"
    assert finding.sentence == f"Clip 1: the sector was not found for sure, so {what} would leave; look at it."
    assert find_in_picture(cine, blanking(cine, SECTOR), (), "Clip 1") == []


def test_all_of_a_box_around_an_unsure_sector_is_looked_at() -> None:
    cine = a_cine(None)
    box = Sector(np.array([[10.0, 10], [10, 60], [60, 60], [60, 10]]), "outline", confidence=0.3)
    blanked = blanking(cine, box)
    assert not blanked.allowed[:5].any()
    (finding,) = find_in_picture(cine, blanked, (), "Clip 1")
    assert finding.needs_look
    assert "all of a box around what shows would leave; look at it" in finding.sentence

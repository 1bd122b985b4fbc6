"""Earlier examinations in the report and in the JSON: none first, then what changed, without any date."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from matae.measure import measure_cine
from matae.measure.earlier import EarlierExamination, EarlierExaminations
from matae.measure.record import write_json
from matae.measure.report import render_report, write_report
from matae.phantom import make_phantom


@pytest.fixture(scope="module")
def measured():
    phantom = make_phantom(2, n_frames=40, frame_rate=33.0, shape=(96, 96))
    return measure_cine(phantom.cine, phantom.masks, sector=phantom.sector, model="phantom")


@pytest.fixture(scope="module")
def plain(measured) -> bytes:
    """Return the picture of a report without earlier examinations."""
    return render_report(measured, "png")[0]


def row(days: int | None, ef: float | None, *, change: float | None = None, **others) -> EarlierExamination:
    half = None if change is None else 11.3
    bounds = (None, None) if ef is None else (ef - 8, ef + 8)
    values = {"why_not": "", "edv_ml": 120.0, "esv_ml": 60.0, "la_ml": None, "is_now": days == 0} | others
    return EarlierExamination(days, f"clip-{days}", "A4C", ef, *bounds, change=change, half_width=half, **values)


def examinations(*rows: EarlierExamination) -> EarlierExaminations:
    return EarlierExaminations(rows, "-15 points since 50 % (412 days before).", "In the order of their days.")


def test_a_change_is_told_with_its_interval() -> None:
    assert row(400, 60.0).change_text == "–"
    assert row(400, 60.0).beyond is None
    assert row(0, 35.0, change=-15.0).change_text == "-15 points, beyond ±11"
    assert row(1, 55.0, change=5.0).change_text == "+5 points, within ±11"
    assert [row(days, 60.0).when for days in (0, 1, 412, None)] == [
        "this clip", "1 day before", "412 days before", "earlier",
    ]  # fmt: skip


def test_a_report_without_earlier_examinations_is_the_page_it_was(measured, plain) -> None:
    alone, _ = render_report(measured, "png", earlier=examinations(row(0, 35.0)))  # only this one
    assert plain == alone


def test_the_picture_is_longer_and_the_pdf_has_a_second_page(measured, plain, tmp_path) -> None:
    earlier = examinations(row(412, None, why_not="not reliable"), row(30, 50.0), row(0, 35.0, change=-15.0))
    longer, _ = render_report(measured, "png", earlier=earlier)
    one, two = (Image.open(io.BytesIO(data)) for data in (plain, longer))
    assert one.height < two.height < 1.6 * one.height  # the empty part of the second page is left out
    assert two.width == one.width
    below = np.asarray(two.convert("RGB"))[one.height + 120 :]
    assert np.any(np.all(below == (0xA3, 0x3B, 0x00), -1))  # a change beyond its interval is in the colour of alarm
    write_report(tmp_path / "page.pdf", measured, earlier=earlier)
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert pdf.count(b"/Type /Page ") == 2
    assert pdf == render_report(measured, "pdf", earlier=earlier)[0]  # no date in it: the same bytes again


def test_very_many_examinations_stay_on_the_page(measured, plain) -> None:
    many = [row(1000 - place, 50.0) for place in range(40)]
    whole, _ = render_report(measured, "png", earlier=examinations(*many, row(0, 35.0, change=-15.0)))
    assert Image.open(io.BytesIO(whole)).height <= 2 * Image.open(io.BytesIO(plain)).height


def test_the_json_has_them_and_no_date(measured, tmp_path) -> None:
    write_json(tmp_path / "plain.json", measured)
    assert "earlier_examinations" not in json.loads((tmp_path / "plain.json").read_text())
    earlier = examinations(row(412, 50.0), row(0, 35.0, change=-15.0))
    write_json(tmp_path / "m.json", measured, earlier=earlier)
    found = json.loads((tmp_path / "m.json").read_text())["earlier_examinations"]
    assert found["level"] == 0.9
    assert [one["days_before"] for one in found["examinations"]] == [412, 0]
    assert [one["beyond"] for one in found["examinations"]] == [None, True]
    assert found["examinations"][1]["half_width"] == 11.3

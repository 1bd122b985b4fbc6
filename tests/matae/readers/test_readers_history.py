"""Examinations of a person side by side: what is compared, what is not, and in which words."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import StoreError
from matae.readers import history_of
from matae.readers.history import ORDER_NOTE, _compared, earlier_for_report, history_with
from matae.store import Study
from matae.store.types import Examined, StoredMeasurement

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def examined(number: int, day: str | None, measured: StoredMeasurement | None) -> Examined:
    return Examined(f"c{number}", f"clip{number}", "A4C", day, _NOW, measured)


def ef(value: float, half: float = 8.0, **others: object) -> StoredMeasurement:
    return StoredMeasurement(value, value - half, value + half, view="A4C", **others)  # type: ignore[arg-type]


def test_a_subject_that_is_not_there_is_refused(tmp_path) -> None:
    with Study.create(tmp_path / "s.matae") as study, pytest.raises(StoreError, match="no subject p1"):
        history_of(study, "p1")
    assert CliRunner().invoke(app, ["study", "history", str(tmp_path / "s.matae"), "p1"]).exit_code == 1


def test_one_examination_has_nothing_to_compare_with() -> None:
    history = _compared("p1", [examined(0, "2025-01-01", None)])
    assert history.sentence(0) == "Ejection fraction not measured: not compared."
    history = _compared("p1", [examined(0, "2025-01-01", ef(50))])
    assert history.sentence(0) == "No earlier ejection fraction of this view may be compared."


def test_a_change_is_beyond_its_interval_only_where_that_holds_no_nought() -> None:
    history = _compared("p1", [examined(0, "2024-01-01", ef(60)), examined(1, "2025-01-01", ef(50)),
                               examined(2, "2026-01-01", ef(35))])  # fmt: skip
    one, two = history.examinations[1:]
    assert one.half_width == pytest.approx(math.hypot(8, 8))
    assert (one.change, one.beyond, two.change, two.beyond) == (-10, False, -15, True)
    assert history.sentence(2) == (
        "-15 points since 50 % on 2025-01-01, beyond the 90 % interval of the difference (±11 points)."
    )


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (ef(50, doubts=("cut-off",)), "not reliable"),
        (ef(50, stale=True), "changed since it was measured"),
        (ef(50, provisional=True), "interval not complete"),
        (StoredMeasurement(None), "not measured"),
    ],
)
def test_what_may_not_be_relied_on_is_never_compared(measured, why) -> None:
    history = _compared("p1", [examined(0, "2024-01-01", ef(60)), examined(1, "2025-01-01", measured),
                               examined(2, "2026-01-01", ef(30))])  # fmt: skip
    assert history.examinations[1].why_not == why
    assert history.examinations[1].change is None
    assert history.examinations[2].since == 0


def test_another_view_and_the_same_day_are_no_earlier_examination() -> None:
    other = StoredMeasurement(60.0, 52.0, 68.0, view="A2C")
    history = _compared("p1", [examined(0, "2024-01-01", other), examined(1, "2025-01-01", ef(50)),
                               examined(2, "2025-01-01", ef(30))])  # fmt: skip
    assert [e.since for e in history.examinations] == [None, None, None]


def test_without_days_the_order_of_the_study_is_taken_and_said() -> None:
    history = _compared("p1", [examined(0, None, ef(60)), examined(1, None, ef(30))])
    assert history.note == ORDER_NOTE
    assert "in clip0" in history.sentence(1)
    mixed = _compared("p1", [examined(0, "2024-01-01", ef(60)), examined(1, None, ef(30))])
    assert mixed.examinations[1].since is None
    assert "Clips without a day" in mixed.note


def test_the_command_lists_and_dates(tmp_path) -> None:
    from test_readers_agreement import make_cine

    target = str(tmp_path / "s.matae")
    with Study.create(target) as study:
        for seed, value in enumerate((60.0, 30.0)):
            study.add_cine(make_cine(seed), subject="p1")
            study.put_measurement(make_cine(seed).content_id, ef(value, edv_ml=100.0, la_ml=50.0))
    run = CliRunner().invoke
    for name, day in (("clip0", "2024-05-01"), ("clip1", "2026-05-01")):
        assert run(app, ["study", "day", target, name, day]).exit_code == 0
    said = run(app, ["study", "history", target, "p1"]).output
    assert "-30 points since 60 % on 2024-05-01, beyond" in said
    facts = json.loads(run(app, ["study", "history", target, "p1", "--json"]).stdout)
    assert [e["beyond_interval"] for e in facts["examinations"]] == [None, True]
    assert facts["examinations"][0]["ef_interval90"] == [52.0, 68.0]


def test_a_report_says_how_long_before_and_no_day() -> None:
    history = _compared("p1", [examined(0, "2024-12-31", ef(60)), examined(1, "2026-01-01", ef(40)),
                               examined(2, "2026-02-01", ef(70))])  # fmt: skip
    assert earlier_for_report(history, "c0") is None  # nothing was before it
    assert earlier_for_report(history, "elsewhere") is None
    found = earlier_for_report(history, "c1")
    assert [(row.days_before, row.is_now) for row in found.rows] == [
        (366, False),
        (0, True),
    ]  # what came later is not in it
    assert (
        found.sentence
        == "-20 points since 60 % (366 days before), beyond the 90 % interval of the difference (±11 points)."
    )
    assert found.rows[1].beyond
    assert "20" not in found.note
    unsure = _compared("p1", [examined(0, None, ef(60, doubts=("cut-off",))), examined(1, None, ef(40))])
    rows = earlier_for_report(unsure, "c1").rows
    assert (rows[0].ef, rows[0].edv_ml, rows[0].why_not, rows[0].when) == (None, None, "not reliable", "earlier")


def test_what_is_measured_now_counts_in_place_of_what_is_stored(tmp_path) -> None:
    from test_readers_agreement import make_cine

    with Study.create(tmp_path / "s.matae", rater="anna") as study:
        one, two = make_cine(0), make_cine(1)
        assert history_with(study, one.content_id, ef(50)) is None  # not in the study
        study.add_cine(one)
        assert history_with(study, one.content_id, ef(50)) is None  # of nobody
        study.set_subject(one.content_id, "p1")
        study.add_cine(two, subject="p1")
        for cine, day, value in ((one, "2024-01-01", 60.0), (two, "2025-01-01", 58.0)):
            study.set_recorded(cine.content_id, day)
            study.put_measurement(cine.content_id, ef(value))
        history = history_with(study, two.content_id, ef(30))
        assert [e.clip.measurement.ef for e in history.examinations] == [60, 30]
        assert history.examinations[1].change == -30

"""The forecast: too little to go by, known curves, and what must hold of any."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learn_makers import BASE

from matae.learn import RetrainOptions, Verdict
from matae.learn.folders import VERDICT, runs_home
from matae.learn.forecast import Forecast, LearntFrom, earlier_points, forecast, forecast_sentence
from matae.learn.paired import compare
from matae.learn.plan import Plan, code_of
from matae.learn.verdict import BETTER, NOT_COMPARABLE, MinutesSaved, Side
from matae.store import Study

points = st.lists(st.builds(LearntFrom, st.integers(1, 2000), st.floats(0, 1)), min_size=0, max_size=9)


def power(n: int, a: float = 0.6, b: float = 0.4) -> LearntFrom:
    return LearntFrom(n, 1 - a * n**-b)


@pytest.mark.parametrize(
    "few",
    [
        [], [power(10)], [power(10), power(20)], [power(10)] * 5, [power(10), power(20), power(20)],
        [power(10), power(20), LearntFrom(0, 0.5)], [power(10), power(20), LearntFrom(30, math.nan)],
    ],
)  # fmt: skip
def test_too_little_to_go_by(few: list[LearntFrom]) -> None:
    assert forecast(few) is None


def test_a_power_law_is_gone_on_with_exactly() -> None:
    found = forecast([power(n) for n in (10, 20, 50)])
    assert found is not None
    assert (found.n_frames, found.more, found.n_points) == (50, 20, 3)
    assert found.now == pytest.approx(power(50).dice)
    assert found.then == pytest.approx(power(70).dice)
    assert found.low == pytest.approx(found.then, abs=1e-6)
    assert found.high == pytest.approx(found.then, abs=1e-6)
    assert forecast_sentence(replace(found, now=0.91, then=0.92, low=0.912, high=0.927)) == (
        "20 more corrected frames should bring the Dice of held-out patients from 0.910 to 0.920 (90 % interval 0.912 "
        "to 0.927, from 3 earlier retrainings of this study)."
    )


def test_scatter_widens_the_interval_and_more_points_narrow_it() -> None:
    def wide(found: Forecast | None) -> float:
        assert found is not None
        return found.high - found.low

    some = [LearntFrom(10, 0.85), LearntFrom(20, 0.86), LearntFrom(40, 0.90)]
    assert wide(forecast(some)) > 0.01
    more = [*some, LearntFrom(14, 0.857), LearntFrom(28, 0.88), LearntFrom(34, 0.887)]
    assert wide(forecast(more)) < wide(forecast(some))


def test_the_order_of_retrainings_changes_no_digit() -> None:
    third, alike = 0.6255882019388473, 0.12740047723441264
    some = [LearntFrom(1, 0.0), LearntFrom(2, 0.0), *(LearntFrom(3, dice) for dice in (third, alike, alike))]
    assert forecast(some) == forecast(some[::-1])


def test_a_curve_that_falls_promises_nothing() -> None:
    found = forecast([LearntFrom(10, 0.92), LearntFrom(20, 0.91), LearntFrom(40, 0.90)])
    assert found is not None
    assert found.then == found.now == pytest.approx(0.90)
    assert "should not change the Dice of held-out patients, 0.900" in forecast_sentence(found)


@given(points, st.integers(1, 500))
def test_what_holds_of_any(some: list[LearntFrom], more: int) -> None:
    found = forecast(some, more)
    assert (found is None) is (len({p.n_frames for p in some}) < 3)
    if found is None:
        return
    assert 0 <= found.now <= found.low <= found.then <= found.high <= 1
    assert found == forecast(some[::-1], more)
    further = forecast(some, more + 50)
    assert further is not None
    assert further.then >= found.then
    assert found.n_frames == max(p.n_frames for p in some)
    assert forecast_sentence(found).endswith("earlier retrainings of this study).")


def keep(study: Study, name: str, n: int, dice: float, **plan: object) -> None:
    held = Side("held-out", ("val",), 6, 6, {"dice": compare("dice", [0.7] * 6, [dice] * 6, list("abcdef"))}, ())
    own = replace(held, n_frames=n)
    outcome = plan.pop("outcome", BETTER)
    verdict = Verdict(name, BASE, held, own, None, False, MinutesSaved(None, 0, "No."), str(outcome), "It is.")
    folder = runs_home() / name
    Plan(replace(RetrainOptions(base=BASE, name=name), **plan), code_of(study)).write(folder)
    (folder / VERDICT).write_text(json.dumps(verdict.to_json()))


def test_a_studys_own_verdicts_of_the_same_kind_are_its_points(empty_study: Study, matae_home: object) -> None:
    options = RetrainOptions(base=BASE)
    assert earlier_points(empty_study, options) == []
    for name, n in (("one", 10), ("two", 20), ("three", 40)):
        keep(empty_study, name, n, power(n).dice)
    keep(empty_study, "full", 80, 0.99, kind="full")
    keep(empty_study, "other", 80, 0.99, base="matae-lv")
    keep(empty_study, "odd", 80, 0.99, outcome=NOT_COMPARABLE)
    (runs_home() / "three" / "extra").mkdir()
    found = earlier_points(empty_study, options)
    assert sorted((p.n_frames, round(p.dice, 6)) for p in found) == [(n, round(power(n).dice, 6)) for n in (10, 20, 40)]
    (runs_home() / "one" / VERDICT).write_text("{")
    assert len(earlier_points(empty_study, options)) == 2

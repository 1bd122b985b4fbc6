"""Records from JSON: what is of another type is refused and named, what a newer version adds is passed over."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from matae.records import RecordError, load_record


@dataclass(frozen=True)
class Inner:
    name: str
    ends: tuple[float, float] | None = None


@dataclass(frozen=True)
class Outer:
    n: int
    share: float
    on: bool
    inner: dict[str, Inner]
    rest: tuple[Inner, ...] = ()


GOOD = {"n": 3, "share": 1, "on": True, "inner": {"a": {"name": "x", "ends": [0, 1.5]}}, "rest": [{"name": "y"}]}
MADE = Outer(3, 1.0, True, {"a": Inner("x", (0.0, 1.5))}, (Inner("y"),))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"n": None}, "n"),
        ({"n": "3"}, "n"),
        ({"n": 3.5}, "n"),
        ({"n": True}, "n"),
        ({"share": "1"}, "share"),
        ({"on": 1}, "on"),
        ({"inner": []}, "inner"),
        ({"inner": {"a": {}}}, "inner.a.name"),
        ({"rest": [{"name": "y"}, {"name": 7}]}, "rest.1.name"),
    ],
)
def test_what_is_of_another_type_is_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(RecordError) as caught:
        load_record(Outer, GOOD | change)
    assert caught.value.place == place
    assert str(caught.value).startswith(f"{place}: ")


@pytest.mark.parametrize("values", [None, [], 1, "x", {}, {"n": 3}])
def test_what_is_no_record_is_refused(values: object) -> None:
    with pytest.raises(RecordError):
        load_record(Outer, values)


@pytest.mark.parametrize("values", [{1, 2}, object()])
def test_what_is_no_json_is_refused(values: object) -> None:
    with pytest.raises(RecordError, match="no JSON"):
        load_record(Outer, values)


def test_a_record_comes_back_as_it_went() -> None:
    made = load_record(Outer, GOOD)
    assert made == MADE
    assert type(made.share) is float
    assert load_record(Outer, json.loads(json.dumps(asdict(made)))) == made


def test_keys_of_a_newer_version_are_passed_over() -> None:
    assert load_record(Outer, GOOD | {"newer": 1}) == MADE


def test_pydantic_is_loaded_with_the_first_record_only() -> None:
    code = (
        "import sys, matae.records, matae.learn.verdict, matae.learn.plan, matae.cli\n"
        "assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

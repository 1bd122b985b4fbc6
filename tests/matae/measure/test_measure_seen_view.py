"""A view that nobody states is that of the pictures; one that the pictures contradict makes the number doubtful."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measure_makers import beating

from matae import view
from matae.cine import Cine
from matae.measure import MeasureOptions, measure_cine
from matae.measure.seen_view import RECOGNISED, WRONG_VIEW, with_view
from matae.segment import find_sector
from matae.view import RecognisedView

AREAS = 1 - 0.45 * np.sin(np.linspace(0, np.pi, 41)) ** 2


def clip(stated: str | None) -> tuple[Cine, np.ndarray]:
    cine, masks = beating(AREAS, rate=40.0)
    return replace(cine, view=stated), masks


def looks_like(monkeypatch: pytest.MonkeyPatch, found: RecognisedView | None) -> None:
    monkeypatch.setattr(view, "recognise_view", lambda *_: found)


@pytest.mark.parametrize("found", [None, RecognisedView("A2C", 0.8)])
@pytest.mark.parametrize("stated", [None, "A4C", "A3C"])
def test_nothing_is_said_where_nothing_is_sure(
    monkeypatch: pytest.MonkeyPatch, found: RecognisedView | None, stated: str | None
) -> None:
    looks_like(monkeypatch, found)
    cine, _ = clip(stated)
    assert with_view(cine, find_sector(cine)) == (cine, ())


@pytest.mark.parametrize(("stated", "chosen"), [("A3C", None), ("A4C", "A4C"), (None, "A4C"), ("A2C", None)])
def test_a_person_a_view_without_a_rival_and_an_agreeing_file_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, stated: str | None, chosen: str | None
) -> None:
    looks_like(monkeypatch, RecognisedView("A2C", 0.999))
    cine, _ = clip(stated)
    assert with_view(cine, find_sector(cine), chosen=chosen) == (cine, ())


def test_a_file_is_believed_against_pictures_that_are_not_quite_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    looks_like(monkeypatch, RecognisedView("A2C", 0.93))
    cine, _ = clip("A4C")
    assert with_view(cine, find_sector(cine)) == (cine, ())
    unsaid, _ = clip(None)
    assert with_view(unsaid, find_sector(unsaid))[0].view == "A2C"


def test_a_view_that_nobody_states_is_that_of_the_pictures_until_a_person_chooses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks_like(monkeypatch, RecognisedView("A2C", 0.999))
    cine, masks = clip(None)
    seen, said = with_view(cine, find_sector(cine))
    measured = measure_cine(seen, masks, remarks=said)
    assert measured.view == "A2C"
    (flag,) = (flag for flag in measured.flags if flag.code == RECOGNISED)
    assert (flag.level, flag.text) == (
        "note", "The pictures look like A2C (99 % sure); choose the view if they are not."
    )  # fmt: skip
    assert measured.doubts == ()
    assert "view-unknown" not in {flag.code for flag in measured.flags}
    chosen = measured.updated(view="A4C")
    assert chosen.view == "A4C"
    assert RECOGNISED not in {flag.code for flag in chosen.flags}


def test_a_file_that_the_pictures_contradict_makes_the_number_doubtful_until_a_person_chooses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks_like(monkeypatch, RecognisedView("A2C", 0.97))
    cine, masks = clip("A4C")
    seen, said = with_view(cine, find_sector(cine))
    measured = measure_cine(seen, masks, remarks=said)
    assert measured.view == "A4C"
    (doubt,) = measured.doubts
    assert doubt.code == WRONG_VIEW
    assert "The file says A4C, but the pictures look like an apical two-chamber view (97 % sure)" in doubt.text
    assert measured.updated(view="A4C").doubts == ()
    assert measure_cine(cine, masks, MeasureOptions(view="A2C"), remarks=said).doubts == ()

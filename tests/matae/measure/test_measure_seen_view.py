"""A view that nobody states is that of the pictures; one that the pictures contradict makes the number doubtful."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measure_makers import beating

from matae import view
from matae.cine import Cine
from matae.demo import demo_path
from matae.measure import MeasureOptions, measure_cine, seen_view
from matae.measure.run import segment_and_measure
from matae.measure.seen_view import RECOGNISED, WRONG_VIEW, view_in_words, with_view
from matae.read import open_cine
from matae.segment import SegmentOptions, find_sector
from matae.view import GRADES, KINDS, RecognisedView, recognise

AREAS = 1 - 0.45 * np.sin(np.linspace(0, np.pi, 41)) ** 2


def clip(stated: str | None) -> tuple[Cine, np.ndarray]:
    cine, masks = beating(AREAS, rate=40.0)
    return replace(cine, view=stated), masks


def shows(kind: str, probability: float, *, grade: str = "good", known: bool = True) -> RecognisedView:
    rest = next(other for other in KINDS if other != kind)
    kinds = {name: {kind: probability, rest: 1 - probability}.get(name, 0.0) for name in KINDS}
    return RecognisedView(kinds, {name: float(name == grade) for name in GRADES}, known)


def looks_like(monkeypatch: pytest.MonkeyPatch, found: RecognisedView) -> None:
    monkeypatch.setattr(view, "recognise_view", lambda *_: found)


@pytest.mark.parametrize("found", [shows("A2C", 0.8), shows("A2C", 0.99, known=False), shows("other apical", 0.9)])
@pytest.mark.parametrize("stated", [None, "A4C", "A3C"])
def test_nothing_is_said_where_nothing_is_sure(
    monkeypatch: pytest.MonkeyPatch, found: RecognisedView, stated: str | None
) -> None:
    looks_like(monkeypatch, found)
    cine, _ = clip(stated)
    assert with_view(cine, find_sector(cine)) == (cine, (), found)


@pytest.mark.parametrize(("stated", "chosen"), [("A3C", None), ("A4C", "A4C"), (None, "A4C"), ("A2C", None)])
def test_a_person_a_view_without_a_rival_and_an_agreeing_file_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, stated: str | None, chosen: str | None
) -> None:
    looks_like(monkeypatch, shows("A2C", 0.999))
    cine, _ = clip(stated)
    assert with_view(cine, find_sector(cine), chosen=chosen)[:2] == (cine, ())


def test_a_file_is_believed_against_pictures_that_are_not_quite_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    looks_like(monkeypatch, shows("A2C", 0.93))
    cine, _ = clip("A4C")
    assert with_view(cine, find_sector(cine))[:2] == (cine, ())
    unsaid, _ = clip(None)
    assert with_view(unsaid, find_sector(unsaid)).cine.view == "A2C"


def test_a_view_that_nobody_states_is_that_of_the_pictures_until_a_person_chooses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks_like(monkeypatch, shows("A2C", 0.999))
    cine, masks = clip(None)
    seen = with_view(cine, find_sector(cine))
    measured = measure_cine(seen.cine, masks, remarks=seen.flags, seen=seen.view)
    assert (measured.view, measured.view_source) == ("A2C", "pictures")
    assert view_in_words(measured.view, measured.view_source) == "A2C, recognised from the pictures"
    (flag,) = (flag for flag in measured.flags if flag.code == RECOGNISED)
    assert (flag.level, flag.text) == (
        "note", "The pictures look like A2C (99 % sure); choose the view if they are not."
    )  # fmt: skip
    assert measured.doubts == ()
    assert "view-unknown" not in {flag.code for flag in measured.flags}
    assert measured.to_json()["seen"]["kinds"]["A2C"] == 0.999
    chosen = measured.updated(view="A4C")
    assert (chosen.view, chosen.view_source) == ("A4C", "person")
    assert RECOGNISED not in {flag.code for flag in chosen.flags}


def test_who_says_which_view_it_is() -> None:
    cine, masks = clip("A4C")
    assert measure_cine(cine, masks).view_source == "file"
    assert measure_cine(cine, masks, MeasureOptions(view="A2C")).view_source == "person"
    assert measure_cine(replace(cine, view=None), masks).view_source is None
    assert view_in_words(None, None) == "not stated"
    assert view_in_words("A4C", "file") == "A4C, stated by the file"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (shows("A2C", 0.97), "an apical two-chamber view (97 % sure)"),
        (shows("other apical", 0.97), "another apical view (three-chamber or five-chamber) (97 % sure)"),
    ],
)
def test_a_file_that_the_pictures_contradict_makes_the_number_doubtful_until_a_person_chooses(
    monkeypatch: pytest.MonkeyPatch, found: RecognisedView, words: str
) -> None:
    looks_like(monkeypatch, found)
    cine, masks = clip("A4C")
    seen = with_view(cine, find_sector(cine))
    measured = measure_cine(seen.cine, masks, remarks=seen.flags)
    assert measured.view == "A4C"
    (doubt,) = measured.doubts
    assert doubt.code == WRONG_VIEW
    assert f"The file says A4C, but the pictures look like {words}" in doubt.text
    assert measured.updated(view="A4C").doubts == ()
    assert measure_cine(cine, masks, MeasureOptions(view="A2C"), remarks=seen.flags).doubts == ()


def test_pictures_contradict_the_place_of_a_clip_as_they_do_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    looks_like(monkeypatch, shows("A2C", 0.97))
    cine, masks = clip(None)
    seen = with_view(replace(cine, view="A4C"), find_sector(cine), assumed=True)
    measured = measure_cine(cine, masks, MeasureOptions(assumed="A4C"), remarks=seen.flags)
    assert (measured.view, measured.view_source) == ("A4C", "person")
    (doubt,) = measured.doubts
    assert "It was named as A4C, but the pictures look like an apical two-chamber view" in doubt.text
    stated, _ = clip("A2C")
    assert measure_cine(stated, masks, MeasureOptions(assumed="A4C")).view == "A2C"  # the file's word is before it


@pytest.mark.parametrize("stated", [None, "A4C", "A3C"])
@pytest.mark.parametrize(("kind", "code"), [("not apical", "not-apical"), ("not an echo", "not-an-echo")])
def test_where_no_heart_is_seen_the_number_is_not_reliable_until_a_person_chooses(
    monkeypatch: pytest.MonkeyPatch, stated: str | None, kind: str, code: str
) -> None:
    looks_like(monkeypatch, shows(kind, 0.96, known=False))
    cine, masks = clip(stated)
    seen = with_view(cine, find_sector(cine))
    assert seen.cine is cine
    measured = measure_cine(cine, masks, remarks=seen.flags)
    assert [doubt.code for doubt in measured.doubts] == [code]
    assert measured.ef is not None  # stays for whoever wants it, in grey
    assert measured.updated(view="A4C").doubts == ()
    looks_like(monkeypatch, shows(kind, 0.75))
    assert with_view(cine, find_sector(cine)).flags == ()


def test_another_apical_view_that_nobody_states_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    looks_like(monkeypatch, shows("other apical", 0.97))
    cine, masks = clip(None)
    seen = with_view(cine, find_sector(cine))
    measured = measure_cine(seen.cine, masks, remarks=seen.flags)
    assert (measured.view, [doubt.code for doubt in measured.doubts]) == (None, ["other-apical"])


@pytest.mark.parametrize(
    ("stated", "code"), [(None, RECOGNISED), pytest.param("A2C", WRONG_VIEW, marks=pytest.mark.slow)]
)
def test_a_real_cine_is_measured_as_what_it_shows(
    matae_home: Path, monkeypatch: pytest.MonkeyPatch, stated: str | None, code: str
) -> None:
    monkeypatch.setattr(
        seen_view, "CONTRADICTS", seen_view.CONTRADICTS - 0.1
    )  # the classifier is 91 % sure of this cine
    cine = replace(open_cine(demo_path()), view=stated)
    cine = replace(cine, frames=cine.frames[::3], frame_times=None)
    measured, _ = segment_and_measure(cine, SegmentOptions(width="1/8", device="cpu"))
    assert code in {flag.code for flag in measured.flags}
    assert measured.view == (stated or "A4C")
    assert (WRONG_VIEW in {doubt.code for doubt in measured.doubts}) == (stated == "A2C")
    chosen, _ = segment_and_measure(cine, SegmentOptions(width="1/8", device="cpu"), MeasureOptions(view="A4C"))
    assert {RECOGNISED, WRONG_VIEW}.isdisjoint({flag.code for flag in chosen.flags})


def test_a_damaged_classifier_costs_the_view_alone(
    matae_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "view.safetensors").write_bytes(b"not tensors")
    monkeypatch.setattr(recognise, "_path", lambda: tmp_path / "view.safetensors")
    recognise._loaded.cache_clear()
    cine, masks = clip(None)
    seen, said, found = with_view(cine, find_sector(cine))
    recognise._loaded.cache_clear()
    assert seen is cine
    assert found is None
    (flag,) = said
    assert (flag.code, flag.level) == ("view-unreadable", "note")
    assert "install napari-matae again" in flag.text
    assert measure_cine(seen, masks, remarks=said).ef is not None

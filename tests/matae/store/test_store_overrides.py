"""What people set of a cine: sector, flip, pixel size, view and frame rate, with every version."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from store_makers import make_cine
from test_store_hardening import VERSIONED

import matae.segment
from matae.cine import Box, Region, Spacing
from matae.segment import sector_from_polygon
from matae.store import ConflictError, OverrideName, StoreError, Study, applied
from matae.store.applied import SPACING_NOTE, cine_with, sector_with
from matae.store.schema import OverrideRevision
from matae.store.types import Overrides, UnsureSector

FAN = ((1.5, 3.0), (20.0, 1.0), (20.0, 28.25))


def test_nothing_is_set_at_first(study, cine) -> None:
    assert study.overrides(cine.content_id) == Overrides()
    assert study.audit()[-1].event != "override set"


def test_what_was_set_comes_back_with_its_version_and_every_earlier_one_stays(study, other, cine) -> None:
    identity = cine.content_id
    study.set_override(identity, OverrideName.SECTOR, FAN)
    study.set_override(identity, OverrideName.APEX_DOWN, True)
    study.set_override(identity, OverrideName.SPACING, Spacing(0.3, 0.25))
    study.set_override(identity, OverrideName.VIEW, "A2C")
    study.set_override(identity, OverrideName.FRAME_RATE, 47.5)
    study.set_override(identity, OverrideName.APEX_DOWN, False)
    found = other.overrides(identity)
    assert (found.sector, found.apex_down, found.spacing) == (FAN, False, Spacing(0.3, 0.25))
    assert (found.view, found.frame_rate) == ("A2C", 47.5)
    assert found.revisions[OverrideName.APEX_DOWN] == 2
    assert [entry.event for entry in study.audit()][-6:] == ["override set"] * 6
    assert study.check() == []


def test_an_unsure_sector_comes_back_unsure_until_it_is_drawn(study, other, cine) -> None:
    unsure = UnsureSector(((0.0, 0.0), (0.0, 30.5), (20.0, 30.5), (20.0, 0.0)), "file")
    study.set_override(cine.content_id, OverrideName.SECTOR, unsure)
    found = other.overrides(cine.content_id)
    assert found.sector == unsure
    sector = sector_with(cine, replace(found, apex_down=True))
    assert (sector.is_unsure, sector.source, sector.apex_down) == (True, "file", True)
    assert "all of the file's region is used" in sector.notices[0]
    study.set_override(cine.content_id, OverrideName.SECTOR, unsure.outline)
    drawn = other.overrides(cine.content_id)
    assert drawn.revisions[OverrideName.SECTOR] == 2
    assert not sector_with(cine, drawn).is_unsure


def test_height_and_weight_come_back_and_count_where_the_file_says_nothing(study, other, cine) -> None:
    from matae.measure.person import person_of

    for name, value, why in (
        (OverrideName.HEIGHT, 1.8, "give centimetres between"),  # metres
        (OverrideName.HEIGHT, "tall", "A height is a number"),
        (OverrideName.WEIGHT, 0, "give kilograms between"),
        (OverrideName.WEIGHT, math.nan, "A weight is a number"),
    ):
        with pytest.raises(StoreError, match=why):
            study.set_override(cine.content_id, name, value)
    study.set_override(cine.content_id, OverrideName.HEIGHT, 180)
    study.set_override(cine.content_id, OverrideName.WEIGHT, 75.5)
    found = other.overrides(cine.content_id)
    assert (found.height_cm, found.weight_kg) == (180, 75.5)
    shown = cine_with(cine, found)
    assert shown.frames is cine.frames
    assert person_of(shown.info).body_surface_m2 == pytest.approx(0.007184 * 180**0.725 * 75.5**0.425)
    assert "height_cm" not in cine.info  # what the file states stays what it is
    study.set_override(cine.content_id, OverrideName.WEIGHT, None)
    assert person_of(cine_with(cine, other.overrides(cine.content_id)).info).weight_kg is None


def test_the_same_value_again_is_no_new_version_and_none_takes_it_away(study, cine) -> None:
    study.set_override(cine.content_id, OverrideName.SECTOR, None)
    assert study.overrides(cine.content_id).revisions == {}
    study.set_override(cine.content_id, OverrideName.SECTOR, FAN)
    before = study.sequence
    assert study.set_override(cine.content_id, OverrideName.SECTOR, np.array(FAN)).revisions == {"sector": 1}
    assert len(study.audit(cine.content_id)) == 2  # the cine was added, the sector was set
    assert study.set_override(cine.content_id, OverrideName.SECTOR, None).sector is None
    assert study.sequence >= before


def test_who_was_slower_is_told(study, other, cine) -> None:
    study.set_override(cine.content_id, OverrideName.VIEW, "A4C", expected=0)
    with pytest.raises(ConflictError, match="Somebody else set the view") as caught:
        other.set_override(cine.content_id, OverrideName.VIEW, "A2C", expected=0)
    assert caught.value.theirs[0].view == "A4C"
    assert other.set_override(cine.content_id, OverrideName.VIEW, "A2C", expected=1).view == "A2C"


def test_what_was_refused_stays_among_the_versions(study, other, cine) -> None:
    identity = cine.content_id
    study.set_override(identity, OverrideName.VIEW, "A4C", expected=0)
    since = study.sequence
    for _ in range(2):  # the connection was lost before the answer came: the same change comes a second time
        with pytest.raises(ConflictError, match="yours is kept"):
            other.set_override(identity, OverrideName.VIEW, "A2C", expected=0)
    found = study.overrides(identity)
    assert (found.view, found.revisions) == ("A4C", {OverrideName.VIEW: 1})
    versions = study.override_versions(identity)
    assert [(v.value, v.revision, v.shown) for v in versions] == [("A4C", 1, True), ("A2C", 2, False)]
    assert {v.rater for v in versions} == {study.rater, other.rater}
    assert study.changes_since(since)[1] == []  # nothing that is shown has changed
    assert [entry.event for entry in study.audit(identity)][-2:] == ["override set", "override refused"]
    # Whoever saw what counts goes on from there, whatever was refused meanwhile.
    assert study.set_override(identity, OverrideName.VIEW, "A3C", expected=1).revisions == {OverrideName.VIEW: 3}
    with pytest.raises(ConflictError):
        other.set_override(identity, OverrideName.VIEW, None, expected=1)
    assert study.overrides(identity).view == "A3C"
    assert study.check() == []


def test_others_hear_of_it(study, other, cine) -> None:
    since = other.sequence
    study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
    _, changes = other.changes_since(since)
    assert [(change.kind, change.content_id, change.own) for change in changes] == [
        ("override", cine.content_id, False)
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sector", []), ("sector", [(0, 0), (1, 1)]), ("sector", [(0, 0, 0)] * 3), ("sector", [(0, math.nan)] * 3),
        ("sector", UnsureSector(((0, 0),), "file")), ("sector", UnsureSector(FAN, "user")),
        ("sector", 5), ("spacing", (0.3, -0.3)), ("spacing", (0.3,)), ("spacing", ("a", "b")),
        ("spacing", (0.3, math.inf)), ("view", "  "), ("frame_rate", 0), ("frame_rate", "fast"), ("frame_rate", 5000),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(study, cine, name, value) -> None:
    with pytest.raises(StoreError):
        study.set_override(cine.content_id, OverrideName(name), value)
    assert study.overrides(cine.content_id) == Overrides()


def test_what_a_later_version_set_is_told_and_not_passed_over(study, cine) -> None:
    study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
    with study._writing() as writing:  # as a later version may: a name that this one does not have
        row = writing.connection.execute(select(OverrideRevision.__table__)).mappings().one()
        writing.connection.execute(insert(OverrideRevision).values({**row, "name": "heart_rate"}))
    for ask in (study.overrides, study.override_versions):
        with pytest.raises(StoreError, match=r"A later version .* set the heart rate .* open the study"):
            ask(cine.content_id)


def test_they_go_with_their_subject(study, cine) -> None:
    study.set_override(cine.content_id, OverrideName.VIEW, "A4C")
    study.forget_subject("p1")
    assert study.check() == []
    study.add_cine(cine)
    assert study.overrides(cine.content_id) == Overrides()


def test_they_are_guarded_like_labels() -> None:
    assert "overrides" in VERSIONED


finite = st.floats(-1e6, 1e6)


@pytest.fixture(scope="module")
def one_study(tmp_path_factory, empty_study_file):
    target = shutil.copy(empty_study_file, tmp_path_factory.mktemp("exact") / "s.matae")
    with Study.open(target) as study:
        study.add_cine(make_cine())
        yield study


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(finite, finite), min_size=3, max_size=20),
    st.booleans(),
    st.tuples(st.floats(1e-3, 10), st.floats(1e-3, 10)),
)
def test_every_value_comes_back_to_the_last_bit(one_study, polygon, down, spacing) -> None:
    identity = make_cine().content_id
    one_study.set_override(identity, OverrideName.SECTOR, polygon)
    one_study.set_override(identity, OverrideName.APEX_DOWN, down)
    one_study.set_override(identity, OverrideName.SPACING, spacing)
    found = one_study.overrides(identity)
    assert found.sector == tuple(polygon)
    assert found.apex_down is down
    assert found.spacing == spacing


# --- a cine as people set it -------------------------------------------------------------------------------


def test_a_cine_without_overrides_is_the_same_object() -> None:
    cine = make_cine()
    assert cine_with(cine, Overrides()) is cine


def test_what_was_set_replaces_what_the_file_states_and_the_pixels_stay() -> None:
    cine = make_cine()
    found = cine_with(cine, Overrides(spacing=Spacing(1.0, 2.0), view="A2C", frame_rate=12.5))
    assert (found.spacing, found.spacing_note, found.view) == (Spacing(1.0, 2.0), SPACING_NOTE, "A2C")
    assert found.frame_rate == pytest.approx(12.5)
    assert found.frames is cine.frames
    assert found.content_id == cine.content_id


def test_a_flip_alone_turns_the_sector_that_is_found() -> None:
    from matae.phantom import make_phantom

    cine = make_phantom(seed=0, n_frames=4, shape=(96, 96)).cine
    found = sector_with(cine, Overrides())
    flipped = sector_with(cine, Overrides(apex_down=not found.apex_down))
    assert flipped.apex_down is not found.apex_down
    np.testing.assert_array_equal(flipped.polygon, found.polygon)
    drawn = sector_with(cine, Overrides(sector=((5, 5), (5, 90), (90, 50))))
    assert drawn.source == "user"
    assert drawn.apex_down is found.apex_down


def test_the_same_picture_is_looked_at_once_and_another_or_another_part_anew(monkeypatch) -> None:
    looked = []

    def look(cine):
        looked.append(cine)
        return sector_from_polygon(np.array([(5.0, 5), (5, 90 + len(looked)), (90, 50)]))

    monkeypatch.setattr(applied, "_found", {})
    monkeypatch.setattr(applied, "_KEPT", 3)
    monkeypatch.setattr(matae.segment, "find_sector", look)
    cine, other = make_cine(1, shape=(100, 120)), make_cine(2, shape=(100, 120))
    first = sector_with(cine, Overrides()).polygon
    first[:] = 0  # whoever got it may do with it what they like
    again = sector_with(replace(cine, view="A2C"), Overrides(apex_down=True))
    assert (len(looked), again.apex_down, again.polygon[1].tolist()) == (1, True, [5, 91])
    assert sector_with(other, Overrides()).polygon[1].tolist() == [5, 92]
    part = replace(cine, region=Box(0, 0, 100, 60))
    assert sector_with(part, Overrides()).polygon[1].tolist() == [5, 93]
    assert len(looked) == 3
    sector_with(replace(other, region=Box(0, 0, 100, 60)), Overrides())  # the oldest is forgotten for it
    sector_with(cine, Overrides())
    assert len(looked) == 5
    assert len(applied._found) == 3


def test_a_sector_keeps_off_the_strip_that_one_file_states_of_the_same_pixels_and_another_does_not(monkeypatch) -> None:
    monkeypatch.setattr(applied, "_found", {})
    cine = make_cine(1, shape=(100, 120))
    assert np.ptp(sector_with(cine, Overrides()).polygon[:, 0]) > 70
    trace = replace(cine, regions=(Region("waveform", Box(70, 0, 100, 120)),))
    assert sector_with(trace, Overrides()).polygon[:, 0].max() < 70
    assert np.ptp(sector_with(cine, Overrides()).polygon[:, 0]) > 70

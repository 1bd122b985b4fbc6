"""A rescue study comes back into its study: under its owner's name, never over another's, never twice."""

from __future__ import annotations

import numpy as np
import pytest
from store_makers import disc, make_cine, stroke
from typer.testing import CliRunner

from matae.cli import app
from matae.store import Edit, FrameStatus, StoreError, Study
from matae.store.merging import Merge


@pytest.fixture
def rescue(tmp_path, cine):
    with Study.create(tmp_path / "rescue.matae", rater="anna") as made:
        made.add_cine(cine)
        yield made


@pytest.fixture
def identity(cine) -> str:
    return cine.content_id


def outcomes(items) -> dict[str, str]:
    return {item.what: item.outcome for item in items}


def test_an_empty_rescue_study_has_nothing_to_merge(study, rescue, target) -> None:
    before = study.sequence
    merge = Merge.plan(rescue, target)
    assert merge.items == []
    assert merge.carry_out() == []
    assert study.sequence == before


def test_a_study_is_not_merged_into_itself(rescue) -> None:
    with pytest.raises(StoreError, match="rescue study itself"):
        Merge.plan(rescue, rescue.target)


def test_what_the_study_has_not_is_added_under_its_owners_name(study, rescue, target, identity) -> None:
    study.put_proposals(identity, {1: disc()}, model="m", width="1")
    rescue.put_edits(identity, [Edit(0, stroke(1), 0, seconds=4.0)], note="brush")
    rescue.put_edits(identity, [Edit(1, stroke(2), 0, FrameStatus.ACCEPTED)])
    rescue.put_proposals(identity, {3: disc()}, model="m", width="1/2", model_sha256="ab", implied={3: 0.8})
    rescue.set_landmarks(identity, 0, {"apex": (1, 2)})
    rescue.set_marks(identity, ed=0, es=2)
    rescue.set_override(identity, "view", "A2C")
    before = study.sequence
    merge = Merge.plan(rescue, target)
    assert study.sequence == before  # a plan changes nothing
    assert outcomes(merge.carry_out()) == {
        "frame 1": "added", "frame 2": "on top", "frame 4, a model's": "added", "landmarks of frame 1": "added",
        "end-diastole and end-systole": "added", "the view": "added",
    }  # fmt: skip
    infos = study.frames(identity)
    assert (infos[0].status, infos[0].rater, infos[0].seconds) == (FrameStatus.EDITED, "anna", 4.0)
    assert infos[1].status is FrameStatus.ACCEPTED
    assert (infos[3].status, infos[3].width, infos[3].implied) == (FrameStatus.MACHINE, "1/2", 0.8)
    np.testing.assert_array_equal(study.mask(identity, 1), stroke(2))
    assert study.landmarks(identity)[0].points == {"apex": (1, 2)}
    assert (study.marks(identity).es, study.marks(identity).rater) == (2, "anna")
    assert study.overrides(identity).view == "A2C"
    assert study.check() == []
    assert Merge.plan(rescue, target).items == []


@pytest.mark.parametrize("on_top", [False, True])
def test_where_two_people_changed_the_same_both_stay(rescue, other, study, target, identity, *, on_top: bool) -> None:
    other.put_edits(identity, [Edit(0, stroke(7), 0)])
    other.set_landmarks(identity, 0, {"apex": (3, 3)})
    other.set_marks(identity, ed=1, es=3)
    other.set_override(identity, "view", "A4C")
    rescue.put_edits(identity, [Edit(0, stroke(1), 0)])
    rescue.set_landmarks(identity, 0, {"apex": (1, 2)})
    rescue.set_marks(identity, ed=0, es=2)
    rescue.set_override(identity, "view", "A2C")
    merge = Merge.plan(rescue, target, on_top=on_top)
    wanted = "on top" if on_top else "beside"
    assert set(outcomes(merge.items).values()) == {wanted}
    assert merge.carry_out() == merge.items
    shown, kept = (stroke(1), stroke(7)) if on_top else (stroke(7), stroke(1))
    np.testing.assert_array_equal(study.mask(identity, 0), shown)
    assert any(np.array_equal(version.mask(), kept) for version in study.history(identity, 0))
    assert study.landmarks(identity)[0].points["apex"] == ((1, 2) if on_top else (3, 3))
    assert study.marks(identity).ed == (0 if on_top else 1)
    assert study.overrides(identity).view == ("A2C" if on_top else "A4C")
    assert {version.value for version in study.override_versions(identity)} == {"A2C", "A4C"}
    assert study.check() == []
    again = Merge.plan(rescue, target).items  # the mask is there; what is beside is said again, and not kept twice
    assert "frame 1" not in outcomes(again)
    before = len(study.override_versions(identity))
    Merge.plan(rescue, target).carry_out()
    assert len(study.override_versions(identity)) == before


def test_a_later_stroke_of_the_same_person_goes_on_top(study, rescue, target, identity) -> None:
    assert study.rater == rescue.rater == "anna"
    study.put_edits(identity, [Edit(0, stroke(1), 0)])
    rescue.put_edits(identity, [Edit(0, stroke(2), 0), Edit(1, stroke(2), 0)])
    study.put_edits(identity, [Edit(1, stroke(3), 0)])  # drawn anew since
    assert outcomes(Merge.plan(rescue, target).carry_out()) == {"frame 1": "on top", "frame 2": "beside"}
    np.testing.assert_array_equal(study.mask(identity, 0), stroke(2))
    np.testing.assert_array_equal(study.mask(identity, 1), stroke(3))


def test_a_change_between_plan_and_merge_is_kept_and_said(study, other, rescue, target, identity) -> None:
    rescue.put_edits(identity, [Edit(0, stroke(1), 0)])
    merge = Merge.plan(rescue, target)
    other.put_edits(identity, [Edit(0, stroke(5), 0)])
    assert outcomes(merge.carry_out()) == {"frame 1": "beside"}
    np.testing.assert_array_equal(study.mask(identity, 0), stroke(5))


def test_pixels_that_the_study_does_not_know_are_refused(study, rescue, target) -> None:
    stranger = make_cine(9, source="/d/other.avi")
    rescue.add_cine(stranger)
    rescue.put_edits(stranger.content_id, [Edit(0, stroke(1), 0)])
    (item,) = Merge.plan(rescue, target).carry_out()
    assert item.outcome == "refused"
    assert "open the clip with the study first" in item.why
    assert not study.has_cine(stranger.content_id)


# --- the command line ------------------------------------------------------------------------------------------


def test_the_command_says_first_and_does_then(study, rescue, target, identity) -> None:
    rescue.put_edits(identity, [Edit(0, stroke(1), 0)])
    asked = ["study", "merge", rescue.target, "--into", target]
    run = CliRunner()
    dry = run.invoke(app, [*asked, "--dry-run"])
    assert (dry.exit_code, study.frames(identity)) == (0, {})
    assert "frame 1: added" in dry.stdout
    assert run.invoke(app, asked, input="n\n").exit_code == 1
    assert study.frames(identity) == {}
    done = run.invoke(app, [*asked, "--yes"])
    assert done.exit_code == 0, done.output
    assert "merged: 1 added, 0 on top, 0 beside" in done.stdout
    assert study.frames(identity)[0].rater == "anna"
    again = run.invoke(app, [*asked, "--yes"])
    assert (again.exit_code, "lacks nothing" in again.stdout) == (0, True)


def test_the_command_fails_where_something_is_refused(study, rescue, target) -> None:
    rescue.add_cine(make_cine(9, source="/d/other.avi"))
    said = CliRunner().invoke(app, ["study", "merge", rescue.target, "--into", target, "--yes"])
    assert said.exit_code == 1
    assert "not merged" in said.stdout


def test_a_study_that_is_not_there_is_said(rescue, tmp_path) -> None:
    said = CliRunner().invoke(app, ["study", "merge", rescue.target, "--into", str(tmp_path / "none.matae")])
    assert said.exit_code != 0
    assert not (tmp_path / "none.matae").exists()

"""Which network proposed a mask goes with the mask: by runs at other widths, when they are taken back, opened again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, update
from store_makers import disc, make_cine, stroke

from matae.store import Edit, FrameStatus, Study
from matae.store.label_rows import heads_of, numbers_of
from matae.store.late import are_stored, late_frames
from matae.store.proposals import NOTHING, Proposal, judgement_of, which_of
from matae.store.schema import Revision as RevisionRow
from matae.store.types import Origin

WIDE, NARROW = Origin("m", "1", "aa" * 32), Origin("m", "1/2", "aa" * 32)
MACHINE, EDITED, ACCEPTED = FrameStatus.MACHINE, FrameStatus.EDITED, FrameStatus.ACCEPTED


def propose(study: Study, identity: str, masks, origin: Origin, implied: float | None = None) -> None:
    said = {} if implied is None else dict.fromkeys(masks, implied)
    study.put_proposals(identity, masks, **origin._asdict(), implied=said)


def judged(study: Study, identity: str, frame: int = 0) -> tuple[Origin | None, float | None]:
    info = study.frames(identity)[frame]
    return info.origin, info.implied


def test_a_version_that_says_nothing_and_a_frame_without_proposals() -> None:
    assert judgement_of(None, "", "", "", None) is None
    assert judgement_of("person", "", "", "", None) is None
    assert judgement_of("machine", "", "", "", None) == NOTHING
    assert which_of((), 1) is None
    assert which_of([Proposal(1, 7, NOTHING)], None) is None
    assert which_of([Proposal(1, 7, NOTHING)], 8) is None


def test_of_no_frames_and_of_more_than_a_database_takes_values_the_rows_are_found(study, cine) -> None:
    identity = cine.content_id
    propose(study, identity, {0: disc(), 3: disc()}, WIDE)
    with study._reading() as connection:
        key = study._cine(connection, identity).id
        for frames, found in (((), []), ((0, 1), [0]), (range(300_000), [0, 3])):
            assert sorted(heads_of(connection, key, frames)) == sorted(numbers_of(connection, key, frames)) == found
        heads = heads_of(connection, key, range(300_000))
        assert late_frames(connection, key, [], heads, None) == []
        mask = disc()
        of_before = [Edit(t, mask, 0) for t in range(300_000)]
        assert late_frames(connection, key, of_before, heads, None) == []  # a model is never in the way of a person
        assert late_frames(connection, key, [Edit(0, disc(), 9)], heads, None) == [0]
    with study._writing() as writing:
        assert not are_stored(writing, key, [Edit(0, disc(), 1)], heads, {0: heads[0].mask_id})
        writing.audit("test", details={})


def test_a_mask_that_a_person_drew_has_no_network(study, cine) -> None:
    study.put_edits(cine.content_id, [Edit(0, disc())])
    assert judged(study, cine.content_id) == (None, None)


def test_the_proposal_that_was_meant_is_shown_again_where_two_have_its_mask(study, cine) -> None:
    """Both widths left the frame empty; what they say of it is not the same."""
    identity = cine.content_id
    for mask, origin, implied in ((disc(), WIDE, 0.9), (stroke(2), WIDE, 0.7), (disc(), NARROW, 0.6)):
        propose(study, identity, {0: mask}, origin, implied)
    edit = Edit(0, disc(), 3, MACHINE, origin=WIDE, implied=0.9)
    (back,) = study.put_edits(identity, [edit], note="undo")
    assert (back.origin, back.implied, back.width, back.edited, back.newer_proposal) == (WIDE, 0.9, "1", False, False)
    (forth,) = study.put_edits(identity, [Edit(0, disc(), back.revision, MACHINE, origin=NARROW, implied=0.6)])
    assert (forth.origin, forth.implied, forth.width) == (NARROW, 0.6, "1/2")
    (unsaid,) = study.put_edits(identity, [Edit(0, stroke(2), forth.revision, MACHINE)])
    assert (unsaid.origin, unsaid.implied) == (WIDE, 0.7)


def test_a_run_that_was_taken_back_says_nothing_of_a_frame_that_is_accepted_then(study, cine) -> None:
    identity = cine.content_id
    propose(study, identity, {0: disc(4)}, WIDE, 0.9)
    propose(study, identity, {0: disc(5)}, NARROW, 0.6)
    (back,) = study.put_edits(identity, [Edit(0, disc(4), 2, MACHINE)], note="undo")
    study.put_edits(identity, [Edit(0, disc(4), back.revision, ACCEPTED)])
    assert judged(study, identity) == (WIDE, 0.9)
    np.testing.assert_array_equal(study.proposal(identity, 0), disc(4))
    propose(study, identity, {0: disc(6)}, NARROW, 0.5)  # beside what the person accepted
    assert judged(study, identity) == (WIDE, 0.9)
    study.put_edits(identity, [Edit(0, disc(7), study.frames(identity)[0].revision)])
    assert judged(study, identity) == (NARROW, 0.5)
    assert study.check() == []


def test_a_judgement_taken_back_says_which_proposal_is_there(study, cine) -> None:
    identity = cine.content_id
    propose(study, identity, {0: disc(4)}, WIDE, 0.9)
    study.set_status(identity, [0], ACCEPTED)
    (info,) = study.set_status(identity, [0], MACHINE)
    assert (info.status, info.origin, info.implied) == (MACHINE, WIDE, 0.9)
    assert study.history(identity, 0)[-1].origin == WIDE


def test_a_judgement_taken_back_shows_the_proposal_that_was_judged_where_two_have_its_mask(study, cine) -> None:
    identity = cine.content_id
    for mask, origin, implied in ((disc(4), WIDE, 0.9), (disc(5), NARROW, 0.6), (disc(4), NARROW, 0.5)):
        propose(study, identity, {0: mask}, origin, implied)
    study.put_edits(identity, [Edit(0, disc(4), 3, MACHINE, origin=WIDE, implied=0.9)], note="undo")
    study.set_status(identity, [0], ACCEPTED)
    (info,) = study.set_status(identity, [0], MACHINE)
    assert (info.status, info.origin, info.implied) == (MACHINE, WIDE, 0.9)


def test_a_reading_that_is_chosen_keeps_the_proposals_that_its_reader_saw(study, cine, target) -> None:
    """They took a run back and accepted what was there before, which the labels never showed."""
    identity = cine.content_id
    propose(study, identity, {0: disc(4), 1: disc(4), 2: disc(4)}, WIDE, 0.9)
    study.set_blind(True)
    study.put_edits(identity, [Edit(1, disc(9), 1)])  # the first reader
    study.finish_reading(identity)
    with Study.open(target, rater="bela", as_reader=True) as other:
        propose(other, identity, {0: disc(5), 2: disc(5)}, NARROW, 0.6)
        propose(other, identity, {2: disc(4)}, NARROW, 0.5)
        back = [Edit(t, disc(4), number, MACHINE, origin=WIDE, implied=0.9) for t, number in ((0, 2), (2, 3))]
        first, _ = other.put_edits(identity, back, note="undo")
        other.put_edits(identity, [Edit(0, disc(4), first.revision, ACCEPTED), Edit(1, disc(3), 1)])
        other.finish_reading(identity)
        seen = other.frames(identity)
    study.adjudicate(identity, "bela")
    chosen = study.frames(identity)
    assert {t: (i.status, i.origin, i.implied, i.width, i.edited) for t, i in chosen.items()} == {
        0: (ACCEPTED, WIDE, 0.9, "1", False), 1: (EDITED, WIDE, 0.9, "1", True), 2: (MACHINE, WIDE, 0.9, "1", False),
    }  # fmt: skip
    assert {t: (i.origin, i.implied) for t, i in seen.items()} == {t: (i.origin, i.implied) for t, i in chosen.items()}
    np.testing.assert_array_equal(study.proposal(identity, 0), disc(4))
    assert study.check() == []


def test_a_study_in_which_an_earlier_program_took_a_run_back(study, cine) -> None:
    """Its versions do not say which proposal they show: the newest with that mask it is."""
    identity = cine.content_id
    propose(study, identity, {0: disc(4)}, WIDE, 0.9)
    propose(study, identity, {0: disc(5)}, NARROW, 0.6)
    with study._writing() as writing:
        for statement in _guards(writing.connection):
            writing.connection.exec_driver_sql(statement)
        writing.audit("test", details={})
    study.put_edits(identity, [Edit(0, disc(4), 2, MACHINE)], note="undo")
    with study._writing() as writing:
        writing.connection.execute(
            update(RevisionRow).where(RevisionRow.kind == "person")
            .values(model="", width="", model_sha256="", implied_dice=None)
        )  # fmt: skip
        writing.audit("test", details={})
    with study._writing() as writing:
        if writing.connection.dialect.name == "postgresql":  # the tests after this one have the same tables
            writing.connection.exec_driver_sql("ALTER TABLE revisions ENABLE TRIGGER USER")
        writing.audit("test", details={})
    assert judged(study, identity) == (WIDE, 0.9)


def _guards(connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'revisions'"
        )
        return [f"DROP TRIGGER {name}" for (name,) in names.all()]
    return ["ALTER TABLE revisions DISABLE TRIGGER USER"]


def test_whoever_reads_blind_beside_another_takes_back_runs_of_their_own(study, cine, target) -> None:
    identity = cine.content_id
    propose(study, identity, {0: disc(4), 1: disc(4)}, WIDE, 0.9)
    study.set_blind(True)
    study.put_edits(identity, [Edit(1, disc(9), 1)])  # the first reader
    with Study.open(target, rater="bela", as_reader=True) as other:
        propose(other, identity, {0: disc(5)}, NARROW, 0.6)
        (back,) = other.put_edits(identity, [Edit(0, disc(4), 2, MACHINE, origin=WIDE, implied=0.9)], note="undo")
        assert (back.status, back.origin, back.implied, back.width) == (MACHINE, WIDE, 0.9, "1")
        (kept,) = other.put_edits(identity, [Edit(0, disc(4), back.revision, ACCEPTED)])
        assert (kept.status, kept.origin, kept.implied, kept.edited) == (ACCEPTED, WIDE, 0.9, False)
    assert judged(study, identity) == (NARROW, 0.6)  # what the other reader took back is theirs


_STEP = st.tuples(
    st.sampled_from(["run", "draw", "accept", "back"]), st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_STEP, min_size=1, max_size=12))
def test_whatever_happens_a_frame_says_what_the_proposal_it_shows_said(tmp_path_factory, steps) -> None:
    """Against a model: three frames, three masks for all networks alike, every run with a word of its own."""
    cine = make_cine(4, n_frames=3)
    shown: dict[int, tuple[int, Origin | None, float | None, FrameStatus]] = {}
    made: dict[int, list[tuple[int, Origin, float]]] = {}
    with Study.create(tmp_path_factory.mktemp("s") / "s.matae", rater="anna") as study:
        identity = cine.content_id
        study.add_cine(cine, subject="p")
        for number, (what, frame, mask, choice) in enumerate(steps):
            info = study.frames(identity).get(frame)
            revision = 0 if info is None else info.revision
            if what == "run":
                origin, implied = (WIDE, NARROW)[choice % 2], number / 100
                propose(study, identity, {frame: stroke(mask)}, origin, implied)
                if frame not in shown or shown[frame][3] is MACHINE:
                    made.setdefault(frame, []).append((mask, origin, implied))
                    shown[frame] = (mask, origin, implied, MACHINE)
            elif what == "draw":
                study.put_edits(identity, [Edit(frame, stroke(10 + mask), revision)])
                shown[frame] = (10 + mask, None, None, EDITED)
            elif what == "accept" and frame in shown and shown[frame][3] is MACHINE:
                study.put_edits(identity, [Edit(frame, stroke(shown[frame][0]), revision, ACCEPTED)])
                shown[frame] = (*shown[frame][:3], ACCEPTED)
            elif what == "back" and made.get(frame) and frame in shown:
                number_of, origin, implied = made[frame][choice % len(made[frame])]
                edit = Edit(frame, stroke(number_of), revision, MACHINE, origin=origin, implied=implied)
                study.put_edits(identity, [edit], note="undo")
                shown[frame] = (number_of, origin, implied, MACHINE)
        for frame, (mask, origin, implied, status) in shown.items():
            info = study.frames(identity)[frame]
            assert info.status is status
            np.testing.assert_array_equal(study.mask(identity, frame), stroke(mask))
            if status is not EDITED:
                assert (info.origin, info.implied) == (origin, implied)
                assert not info.edited
        assert study.check() == []


@pytest.mark.parametrize("step", ["taken back", "sent a second time", "late"])
def test_a_whole_long_clip_is_written_in_some_questions(tmp_path, step) -> None:
    """40,000 frames at once took over three minutes: each was asked for by itself."""
    n = 1200
    cine = make_cine(5, n_frames=n, shape=(4, 32))
    first = {t: stroke(t, cine.shape) for t in range(n)}
    with Study.create(tmp_path / "s.matae", rater="anna") as study:
        identity = cine.content_id
        study.add_cine(cine, subject="p")
        propose(study, identity, first, WIDE, 0.9)
        propose(study, identity, {t: stroke(n + t, cine.shape) for t in range(n)}, NARROW, 0.6)
        edits = [Edit(t, first[t], 1 if step == "late" else 2, MACHINE) for t in range(n)]
        if step == "sent a second time":
            study.put_edits(identity, edits, note="undo")
        asked: list[str] = []
        event.listen(study._engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
        infos = study.put_edits(identity, edits, note="undo")
        assert len(asked) < 30
        assert {(info.origin, info.implied, info.status) for info in infos} == {(WIDE, 0.9, MACHINE)}
        assert {len(study.history(identity, t)) for t in (0, n - 1)} == {3}

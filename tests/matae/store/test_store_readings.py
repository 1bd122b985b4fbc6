"""Readings of several raters: kept apart where the study is blind, compared when all have finished, and one counts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from store_makers import disc, make_cine

from matae.errors import ConflictError
from matae.store import Edit, FrameStatus, StoreError, Study
from matae.store.merging import Merge
from matae.store.types import StoredMeasurement


@pytest.fixture
def anna(target: str, cine):
    """Open the study, blind and with a model's masks, as the first reader."""
    with Study.open(target, rater="anna", as_reader=True) as opened:
        opened.set_blind(True)
        sure = dict.fromkeys(range(3), 0.9)
        opened.put_proposals(cine.content_id, {t: disc(4) for t in range(3)}, model="m", width="1", implied=sure)
        yield opened


@pytest.fixture
def bela(target: str, anna: Study):
    with Study.open(target, rater="bela", as_reader=True) as opened:
        yield opened


def draw(study: Study, cine, frame: int, size: float, status: FrameStatus = FrameStatus.EDITED) -> None:
    known = study.frames(cine.content_id)
    revision = known[frame].revision if frame in known else 0
    study.put_edits(cine.content_id, [Edit(frame, disc(size), revision, status)], note="brush")


def area(study: Study, cine, frame: int) -> int:
    mask = study.mask(cine.content_id, frame)
    return 0 if mask is None else int(mask.sum())


def test_a_study_of_before_is_not_blind_and_a_clip_nobody_read_has_no_reading(study, cine) -> None:
    assert not study.is_blind
    assert study.readings(cine.content_id) == []
    assert study.clips_read() == {}
    assert study.raters_read() == {}
    assert study.hidden_from("anna") == frozenset()
    assert study.adjudication(cine.content_id) is None
    assert study.undecided(cine.content_id) == []
    assert study.may_compare(cine.content_id)
    with pytest.raises(StoreError, match="no reader nobody"):
        study.adjudicate(cine.content_id, "nobody")
    with pytest.raises(StoreError, match="no reading of yours"):
        study.finish_reading(cine.content_id)


def test_blind_readers_see_the_model_and_themselves(anna, bela, cine) -> None:
    draw(anna, cine, 0, 8)
    anna.set_marks(cine.content_id, ed=1, es=2)
    anna.set_landmarks(cine.content_id, 0, {"apex": (1, 2)})
    assert area(bela, cine, 0) == int(disc(4).sum())
    assert bela.frames(cine.content_id)[0].status is FrameStatus.MACHINE
    assert (bela.marks(cine.content_id).ed, bela.landmarks(cine.content_id)) == (0, {})
    draw(bela, cine, 0, 6)
    bela.set_marks(cine.content_id, ed=0, es=4)
    out = np.zeros((6, 24, 32), np.uint8)
    infos = bela.load_masks(cine.content_id, out)
    assert [int(out[t].sum()) for t in (0, 1, 3)] == [int(disc(6).sum()), int(disc(4).sum()), 0]
    assert (infos[0].rater, infos[0].edited) == ("bela", True)
    assert area(anna, cine, 0) == int(disc(8).sum())
    assert anna.frames(cine.content_id)[0].rater == "anna"
    assert (anna.marks(cine.content_id).es, bela.marks(cine.content_id).es) == (2, 4)
    assert [(r.rater, r.frames, r.blind) for r in anna.readings(cine.content_id)] == [
        ("anna", (0,), True), ("bela", (0,), True),
    ]  # fmt: skip
    assert [step[0].rater for step in bela.steps(cine.content_id)] == ["", "bela"]
    anna.put_proposals(cine.content_id, {0: disc(5), 1: disc(5)}, model="m", width="1", implied={0: 0.5, 1: 0.6})
    for who in (anna, bela):  # a person took frame 1: the newest proposal of it waits beside
        assert [info.implied for info in who.frames(cine.content_id).values()] == [0.5, 0.6, 0.9]
    assert anna.check() == []


def test_what_others_read_is_hidden_until_all_have_finished_or_one_was_chosen(anna, bela, cine) -> None:
    assert anna.hidden_from("anna") == frozenset()  # nobody has read anything
    draw(anna, cine, 0, 8)
    assert anna.hidden_from("anna") == frozenset()  # only her own
    assert anna.hidden_from("bela") == anna.hidden_from("somebody new") == frozenset({cine.content_id})
    draw(bela, cine, 0, 6)
    assert anna.raters_read() == {"anna": 1, "bela": 1}
    anna.finish_reading(cine.content_id)
    assert anna.hidden_from("anna") == bela.hidden_from("bela") == frozenset({cine.content_id})
    bela.finish_reading(cine.content_id)
    assert anna.hidden_from("anna") == bela.hidden_from("cora") == frozenset()
    bela.adjudicate(cine.content_id, "anna")
    draw(bela, cine, 1, 5)  # a correction of what counts: everybody sees it
    assert bela.hidden_from("cora") == frozenset()


def test_a_second_reading_goes_on_from_itself(anna, bela, cine, target) -> None:
    draw(anna, cine, 0, 8)
    draw(bela, cine, 0, 6)
    draw(bela, cine, 0, 7, FrameStatus.ACCEPTED)
    with Study.open(target, rater="bela", as_reader=True) as window:
        draw(window, cine, 0, 5)
    with pytest.raises(ConflictError):  # another window of the same reader was faster
        bela.put_edits(cine.content_id, [Edit(0, disc(9), 1)])
    assert area(bela, cine, 0) == int(disc(5).sum())
    revision = bela.frames(cine.content_id)[0].revision
    bela.set_status(cine.content_id, [0], FrameStatus.ACCEPTED, expected={0: revision})
    assert bela.frames(cine.content_id)[0].status is FrameStatus.ACCEPTED
    assert bela.set_status(cine.content_id, [1], FrameStatus.ACCEPTED)[0].status is FrameStatus.ACCEPTED
    assert anna.frames(cine.content_id)[1].status is FrameStatus.MACHINE
    # A first stroke that is undone leaves the model's mask, and a model that runs again replaces it.
    draw(bela, cine, 2, 7)
    bela.put_edits(cine.content_id, [Edit(2, disc(4), bela.frames(cine.content_id)[2].revision, FrameStatus.MACHINE)])
    assert bela.put_proposals(cine.content_id, {t: disc(3) for t in range(3)}, model="n", width="1") == [0, 1]
    assert area(bela, cine, 2) == int(disc(3).sum())
    assert bela.readings(cine.content_id)[1].frames == (0, 1)


def test_readings_are_shown_when_all_have_finished_and_not_changed_after(anna, bela, cine) -> None:
    draw(anna, cine, 0, 8)
    anna.finish_reading(cine.content_id)
    assert not bela.may_compare(cine.content_id)
    draw(bela, cine, 0, 6)
    assert not bela.may_compare(cine.content_id)
    with pytest.raises(StoreError, match="not finished"):
        anna.adjudicate(cine.content_id, "anna")
    bela.finish_reading(cine.content_id)
    assert anna.may_compare(cine.content_id)
    for change in (
        lambda: draw(bela, cine, 0, 7),
        lambda: anna.set_status(cine.content_id, [0], FrameStatus.ACCEPTED),
        lambda: bela.set_marks(cine.content_id, ed=0, es=1),
        lambda: bela.finish_reading(cine.content_id, finished=False),
    ):
        with pytest.raises(StoreError, match="adjudicate"):
            change()


def test_nobody_in_particular_reads_nothing_blind(anna, cine, target) -> None:
    draw(anna, cine, 0, 8)
    with Study.open(target, as_reader=True) as nobody:
        assert area(nobody, cine, 0) == int(disc(4).sum())
        with pytest.raises(StoreError, match="id of a rater"):
            draw(nobody, cine, 0, 5)


def read_twice(anna: Study, bela: Study, cine) -> None:
    draw(anna, cine, 0, 8, FrameStatus.ACCEPTED)
    draw(anna, cine, 1, 8, FrameStatus.ACCEPTED)
    draw(bela, cine, 0, 6, FrameStatus.ACCEPTED)
    bela.set_marks(cine.content_id, ed=0, es=4)
    bela.set_landmarks(cine.content_id, 0, {"apex": (3, 4)})
    bela.put_measurement(cine.content_id, StoredMeasurement(55.0, 50.0, 60.0, method="disks"))
    anna.finish_reading(cine.content_id)
    bela.finish_reading(cine.content_id)


def test_the_reading_that_is_chosen_counts_and_the_others_stay(anna, bela, cine, target) -> None:
    read_twice(anna, bela, cine)
    assert anna.undecided(cine.content_id) == ["anna", "bela"]
    with Study.open(target, rater="cora", as_reader=True) as cora:
        chosen = cora.adjudicate(cine.content_id, "bela")
        assert (chosen.chosen, chosen.by) == ("bela", "cora")
        assert cora.undecided(cine.content_id) == []
        assert area(cora, cine, 0) == int(disc(6).sum())
        assert cora.frames(cine.content_id)[1].status is FrameStatus.MACHINE  # bela did not judge it
        assert (cora.marks(cine.content_id).es, cora.landmarks(cine.content_id)[0].points["apex"].y) == (4, 3)
        kept = cora.measurement(cine.content_id)
        assert (kept.ef, kept.stale) == (55.0, False)
        draw(cora, cine, 0, 9)  # going on from it corrects what counts, and is no third reading
        assert area(cora, cine, 0) == int(disc(9).sum())
        assert [(r.rater, r.frames) for r in cora.readings(cine.content_id)] == [("anna", (0, 1)), ("bela", (0,))]
        assert {t: int(m.sum()) for t, m in cora.reading_masks(cine.content_id, "anna").items()} == {
            0: int(disc(8).sum()), 1: int(disc(8).sum()),
        }  # fmt: skip
        cora.adjudicate(cine.content_id, "anna")
        assert area(cora, cine, 1) == int(disc(8).sum())
        assert cora.check() == []


def test_equal_readings_need_nobody_to_choose(anna, bela, cine) -> None:
    draw(anna, cine, 0, 6, FrameStatus.ACCEPTED)
    draw(bela, cine, 0, 6, FrameStatus.ACCEPTED)
    assert bela.undecided(cine.content_id) == []


def test_blind_is_refused_where_readers_have_seen_each_other(study, other, cine) -> None:
    draw(study, cine, 0, 8)
    draw(other, cine, 0, 6)
    assert [reading.blind for reading in study.readings(cine.content_id)] == [False, False]
    with pytest.raises(StoreError, match="saw each other's labels"):
        study.set_blind(True)


def test_blind_readings_end_only_when_adjudicated(anna, bela, cine) -> None:
    read_twice(anna, bela, cine)
    with pytest.raises(StoreError, match="adjudicate them first"):
        anna.set_blind(False)
    anna.adjudicate(cine.content_id, "anna")
    anna.set_blind(False)
    assert not anna.is_blind


def test_a_measurement_belongs_to_the_reading(anna, bela, cine) -> None:
    draw(anna, cine, 0, 8)
    draw(bela, cine, 0, 6)
    revisions = {t: info.revision for t, info in anna.frames(cine.content_id).items()}
    assert anna.put_measurement(cine.content_id, StoredMeasurement(60.0), revisions=revisions)
    assert not bela.put_measurement(cine.content_id, StoredMeasurement(40.0), revisions=revisions)
    own = {t: info.revision for t, info in bela.frames(cine.content_id).items()}
    assert bela.put_measurement(cine.content_id, StoredMeasurement(50.0, doubts=("foreshortened",)), revisions=own)
    assert [s.measurement(cine.content_id).ef for s in (anna, bela)] == [60.0, 50.0]
    assert [row.measurement.ef for row in bela.worklist()] == [50.0]
    assert [r.measurement.ef for r in anna.readings(cine.content_id)] == [60.0, 50.0]
    draw(bela, cine, 0, 7)
    assert bela.measurement(cine.content_id).stale


def test_a_forgotten_subject_takes_its_readings_along(anna, bela, cine) -> None:
    from sqlalchemy import text

    read_twice(anna, bela, cine)
    anna.adjudicate(cine.content_id, "bela")
    assert anna.forget_subject("p1") == 1
    with anna._reading() as connection:
        for table in ("readings", "adjudications", "revisions", "marks", "landmarks"):
            assert connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one() == 0
    assert anna.check() == []


def test_a_copy_holds_the_readings(anna, bela, cine, tmp_path) -> None:
    read_twice(anna, bela, cine)
    with Study.open(anna.backup(tmp_path / "copy.matae"), rater="bela", as_reader=True) as copy:
        assert copy.is_blind
        assert [r.rater for r in copy.readings(cine.content_id)] == ["anna", "bela"]
        assert area(copy, cine, 0) == int(disc(6).sum())


def test_a_rescued_reading_goes_back_into_that_reading(anna, bela, cine, target, tmp_path) -> None:
    draw(anna, cine, 0, 8)
    draw(bela, cine, 0, 6)
    with Study.create(tmp_path / "rescue.matae", rater="bela") as rescue:
        rescue.add_cine(cine)
        rescue.put_edits(cine.content_id, [Edit(1, disc(7)), Edit(0, disc(9))], note="brush")
        merge = Merge.plan(rescue, target)
        assert {item.what: item.outcome for item in merge.items} == {"frame 1": "on top", "frame 2": "on top"}
        merge.carry_out()
    assert [area(bela, cine, t) for t in (0, 1)] == [int(disc(9).sum()), int(disc(7).sum())]
    assert [area(anna, cine, t) for t in (0, 1)] == [int(disc(8).sum()), int(disc(4).sum())]


def test_examinations_come_by_day_then_as_they_were_added(study) -> None:
    with pytest.raises(StoreError, match="no subject p9"):
        study.examined("p9")
    cines = [make_cine(seed) for seed in range(3)]
    for cine in cines:
        study.add_cine(cine, subject="p2")
    study.set_recorded(cines[0].content_id, "2026-03-01")
    study.set_recorded(cines[2].content_id, "2024-03-01")
    with pytest.raises(StoreError, match="no date"):
        study.set_recorded(cines[1].content_id, "yesterday")
    study.put_measurement(cines[0].content_id, StoredMeasurement(50.0, la_ml=61.0))
    found = study.examined("p2")
    assert [e.day for e in found] == ["2024-03-01", "2026-03-01", None]
    assert (found[1].measurement.ef, found[1].measurement.la_ml) == (50.0, 61.0)
    study.set_recorded(cines[0].content_id, None)
    assert study.examined("p2")[1].day is None


def test_the_day_of_a_file_is_kept_once_it_states_one(study) -> None:
    from dataclasses import replace

    cine = make_cine(4)
    study.add_cine(cine, subject="p3")
    study.add_cine(replace(cine, recorded="2025-01-02"))
    study.add_cine(cine)
    assert [e.day for e in study.examined("p3")] == ["2025-01-02"]


_SECOND_READER = """
import os, sys
sys.path.insert(0, {here!r})
from store_makers import stroke
from matae.store import Edit, Study
with Study.open({target!r}, rater="bela", as_reader=True) as study:
    step, revision = 0, study.frames({identity!r})[0].revision
    while True:
        revision = study.put_edits({identity!r}, [Edit(0, stroke(step), revision)])[0].revision
        os.write(1, b"%d\\n" % step)
        step += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_second_reading_survives_a_kill(anna, cine, target) -> None:
    """What a killed second reader was told is stored is there, as its own reading, and the first one is untouched."""
    draw(anna, cine, 0, 8)
    here = str(Path(__file__).parent)
    code = _SECOND_READER.format(here=here, target=target, identity=cine.content_id)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    told = [int(process.stdout.readline()) for _ in range(5)]
    process.kill()
    told += [int(line) for line in process.stdout.read().split() if line]
    process.wait(300)
    process.stdout.close()
    with Study.open(target, rater="bela", as_reader=True) as bela:
        stored = bela.mask(cine.content_id, 0)
        step = sum(int(bit) << place for place, bit in enumerate(stored[0, :16]))
        assert step in {told[-1], told[-1] + 1}  # the one under way may be in
        assert [r.rater for r in bela.readings(cine.content_id)] == ["anna", "bela"]
        assert bela.check() == []
    assert area(anna, cine, 0) == int(disc(8).sum())

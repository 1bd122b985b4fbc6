"""Folders into a queue, the queue into the study: by real processes, paused, killed and gone on with."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import OutputError
from matae.read import open_cine
from matae.segment import SegmentOptions
from matae.store import ClipStatus, Edit, FrameStatus, QueuedClip, Study
from matae.worklist import COLUMNS, WorkSettings, add_paths, as_records, work_off, write_csv
from matae.worklist import run as worklist_run
from matae.worklist.segmenting import StudyOutcome, segment_into

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

OPTIONS = SegmentOptions(model="tiny", width="1", device="cpu")


def make_clips(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:48, :64]
    fan = np.abs(columns - 32) < 4 + 0.7 * rows
    found = []
    for number in range(count):
        frames = np.random.default_rng(number).integers(20, 200, (6, 48, 64)) * fan
        np.save(folder / f"clip{number}.npy", frames.astype(np.uint8))
        found.append(folder / f"clip{number}.npy")
    return found


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return make_clips(tmp_path / "in", 3)


@pytest.fixture
def study(tmp_path: Path, tiny_model: str) -> Iterator[Study]:
    with Study.create(tmp_path / "study.matae", rater="anna") as made:
        yield made


def test_nothing_to_add_and_nothing_to_do(study: Study, tmp_path: Path) -> None:
    done = add_paths(study, [tmp_path / "not there"])
    assert (done.added, done.known, len(done.failures)) == (0, 0, 1)
    assert "does not exist" in done.failures[0].message
    assert list(work_off(study, WorkSettings(OPTIONS))) == []
    assert as_records(study.worklist()) == []


def test_a_folder_is_segmented_measured_and_listed_and_a_broken_clip_says_why(
    study: Study, clips: list[Path], tmp_path: Path, started_pools: None
) -> None:
    (clips[0].parent / "broken.npy").write_bytes(b"\x93NUMPY no array")
    added = add_paths(study, [clips[0].parent])
    assert added.added == 4
    assert added.sentence == "4 clips added to the queue."
    assert add_paths(study, [clips[0].parent]).known == 4
    assert {row.status for row in study.worklist()} == {ClipStatus.WAITING}
    done = list(work_off(study, WorkSettings(OPTIONS)))
    assert len(done) == 4
    assert done[-1].counts.done == 3
    (failed,) = [one for one in done if one.problem]
    assert failed.path.name == "broken.npy"
    rows = {row.stem: row for row in study.worklist()}
    assert rows["clip1"].status is ClipStatus.SEGMENTED
    assert (rows["clip1"].n_labelled, rows["clip1"].by) == (6, "")
    assert rows["broken"].status is ClipStatus.FAILED
    assert rows["broken"].note == failed.problem
    measured = rows["clip1"].measurement
    assert measured is not None
    assert (measured.model, measured.width, measured.rater, measured.stale) == ("tiny", "1", "", False)
    assert study.flags(rows["clip1"].content_id)
    n = write_csv(tmp_path / "out" / "list.csv", study.worklist())
    with (tmp_path / "out" / "list.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert n == len(read) == 4
    assert tuple(read[0]) == COLUMNS
    assert str(clips[0].parent) not in (tmp_path / "out" / "list.csv").read_text("utf-8")
    assert {line["status"] for line in read} == {"segmented", "failed"}


def test_the_same_measurement_as_the_command_line_makes(study: Study, clips: list[Path]) -> None:
    from matae.measure import MeasureOptions
    from matae.measure.run import segment_and_measure

    cine = open_cine(clips[0])
    outcome = segment_into(study, cine, OPTIONS)
    measured, result = segment_and_measure(cine, OPTIONS, MeasureOptions(view=cine.view))
    assert outcome.ef == (None if measured.ef is None else pytest.approx(measured.ef.value))
    masks = np.zeros(cine.frames.shape, np.uint8)
    study.load_masks(cine.content_id, masks)
    np.testing.assert_array_equal(masks, result.masks)
    assert segment_into(study, cine, OPTIONS).skipped


def test_a_persons_frames_stay_and_nothing_is_measured_for_them(study: Study, clips: list[Path]) -> None:
    cine = open_cine(clips[0])
    study.add_cine(cine, subject="p1")
    mine = np.zeros(cine.shape, np.uint8)
    mine[20:30, 20:40] = 1
    study.put_edits(cine.content_id, [Edit(2, mine, 0, FrameStatus.ACCEPTED)])
    study.set_override(cine.content_id, "view", "A2C")
    assert segment_into(study, cine, OPTIONS).skipped
    segment_into(study, cine, OPTIONS, again=True)
    np.testing.assert_array_equal(study.mask(cine.content_id, 2), mine)
    assert study.frames(cine.content_id)[2].status is FrameStatus.ACCEPTED
    assert study.measurement(cine.content_id) is None
    (row,) = study.worklist()
    assert (row.status, row.by, row.view) == (ClipStatus.IN_REVIEW, "anna", "A2C")


@pytest.mark.parametrize(("stated", "chosen"), [(None, None), ("A4C", None), ("A4C", "A2C")])
def test_only_the_view_that_a_person_chose_counts_as_chosen(
    study: Study, clips: list[Path], monkeypatch: pytest.MonkeyPatch, stated: str | None, chosen: str | None
) -> None:
    from matae.measure import run

    asked = []
    real = run.segment_and_measure
    monkeypatch.setattr(run, "segment_and_measure", lambda *a, **k: (asked.append(a[2].view), real(*a, **k))[1])
    cine = replace(open_cine(clips[0]), view=stated)
    study.add_cine(cine, subject="p1")
    if chosen is not None:
        study.set_override(cine.content_id, "view", chosen)
    segment_into(study, cine, OPTIONS)
    assert asked == [chosen]  # the file's word can be doubted, a person's not
    stored = study.measurement(cine.content_id)
    assert stored is not None
    assert stored.view == (chosen or stated)


def test_paused_it_finishes_what_is_under_way_and_goes_on_later(study: Study, clips: list[Path]) -> None:
    add_paths(study, clips)
    first = len(list(work_off(study, WorkSettings(OPTIONS), paused=lambda: study.queue_counts().done > 0)))
    assert 1 <= first <= 2  # the next may have been begun when the first ended
    assert study.queue_counts().waiting == 3 - first
    assert study.queue_counts().taken == 0
    assert len(list(work_off(study, WorkSettings(OPTIONS)))) == 3 - first
    assert study.queue_counts().done == 3


def test_a_program_that_is_killed_forgets_nothing_and_the_next_goes_on(study: Study, tmp_path: Path) -> None:
    add_paths(study, make_clips(tmp_path / "many", 3))
    code = (
        "from matae.store import Study\nfrom matae.worklist import work_off, WorkSettings\n"
        "from matae.segment import SegmentOptions\n"
        "if __name__ == '__main__':\n"
        f"    with Study.open({study.target!r}) as study:\n"
        "        options = SegmentOptions(model='tiny', width='1', device='cpu')\n"
        "        for done in work_off(study, WorkSettings(options, lease_s=1.0)):\n"
        "            print(done.path.name, flush=True)\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code, "utf-8")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    assert process.stdout.readline().startswith("clip")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 60
    while study.queue_counts().taken and time.monotonic() < deadline:
        time.sleep(0.1)  # a lease of one second runs out by the clock alone
    assert study.queue_counts().waiting >= 1
    list(work_off(study, WorkSettings(OPTIONS)))
    assert study.queue_counts().done == 3
    assert {row.status for row in study.worklist()} == {ClipStatus.SEGMENTED}
    assert study.check() == []


def test_the_table_is_not_written_where_it_cannot_be(study: Study, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_csv(tmp_path / "file" / "list.csv", study.worklist())


def test_the_commands_and_what_the_next_frame_is_chosen_by(study: Study, clips: list[Path], tmp_path: Path) -> None:
    run = CliRunner().invoke
    target = study.target
    done = run(app, ["study", "add", target, str(clips[0].parent)])
    assert (done.exit_code, done.stdout.strip()) == (0, "3 clips added to the queue.")
    done = run(app, ["study", "segment", target, "--model", "tiny", "--width", "1", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "3 done, 0 failed, 0 waiting"
    done = run(app, ["study", "worklist", target, "--json"])
    records = json.loads(done.stdout)
    assert [record["clip"] for record in records] == ["clip0", "clip1", "clip2"]
    assert {record["status"] for record in records} == {"segmented"}
    done = run(app, ["study", "worklist", target])
    assert len(done.stdout.splitlines()) == 3
    assert "segmented" in done.stdout
    done = run(app, ["study", "worklist", target, "--csv", str(tmp_path / "list.csv")])
    assert done.exit_code == 0
    assert (tmp_path / "list.csv").read_text("utf-8").count("\n") == 4
    done = run(app, ["study", "add", target, str(tmp_path / "nothing")])
    assert done.exit_code == 1
    # What was segmented has what the next frame is chosen by.
    rows = {row.stem: row.content_id for row in study.worklist()}
    for content_id in rows.values():
        looks = study.looks(content_id)
        assert list(looks) == list(study.flags(content_id))
        for look in looks.values():
            assert look.model == "matae-lv 0.25"
            assert look.vector.shape == (128,)
            assert np.linalg.norm(look.vector.astype(float)) == pytest.approx(1, abs=0.01)
            assert 0 <= look.expected_dice <= 1
    nothing = run(app, ["study", "next", target])
    assert nothing.exit_code == 0
    assert "study patient" in nothing.stderr
    study.set_subjects({content_id: f"p-{stem}" for stem, content_id in rows.items()})
    said = run(app, ["study", "next", target, "--n", "4"])
    assert said.stdout.count("no frame of this patient yet") + said.stdout.count("No frame of this patient yet") == 3
    records = json.loads(run(app, ["study", "next", target, "--n", "4", "--json"]).stdout)
    assert len({record["subject"] for record in records[:3]}) == 3
    assert records[0]["phase"] in ("ED", "ES")
    assert records[0]["frame"] == records[0]["index"] + 1
    assert str(clips[0].parent) not in said.stdout + json.dumps(records)
    assert run(app, ["study", "next", target, "--n", "0"]).exit_code == 2
    clips[1].unlink()  # a clip that cannot be opened is not proposed
    left = json.loads(run(app, ["study", "next", target, "--json"]).stdout)
    assert {record["clip"] for record in left} == {"clip0", "clip2"}


def test_again_takes_up_what_the_queue_has_done_and_goes_on_where_it_was_broken_off(
    study: Study, clips: list[Path]
) -> None:
    assert study.redo_done() == 0
    add_paths(study, clips[:2])
    run = ["study", "segment", study.target, "--model", "tiny", "--width", "1", "--device", "cpu"]
    for expected in ("segmented", "segmented"):  # the second time they are done, and done anew
        said = CliRunner().invoke(app, [*run, "--again"])
        assert said.exit_code == 0, said.output
        assert said.stdout.count(f": {expected} (") == 2, said.output
    assert CliRunner().invoke(app, run).stdout.splitlines() == ["2 done, 0 failed, 0 waiting"]
    assert study.redo_done() == 2
    first = study.take_next()
    assert first is not None
    assert first.again
    study.finish_queued(first.id, content_id=open_cine(first.path).content_id)
    assert study.redo_done() == 0  # one of two waits still
    second = study.take_next()
    assert second is not None
    assert (second.again, second.path) == (True, clips[1])
    assert [row.status for row in study.worklist()] == [ClipStatus.SEGMENTED] * 2
    # Asked for together, what failed hides nothing of what is done.
    study.finish_queued(second.id, note="It could not be read.")
    said = CliRunner().invoke(app, [*run, "--again", "--retry"])
    assert said.stdout.count(": segmented (") == 2, said.output


def test_again_after_a_lone_retry_does_all_that_is_done_and_says_what_it_goes_on_with(
    study: Study, clips: list[Path]
) -> None:
    add_paths(study, clips[:2])
    run = ["study", "segment", study.target, "--model", "tiny", "--width", "1", "--device", "cpu"]
    assert CliRunner().invoke(app, run).exit_code == 0
    assert study.redo_done() == 2
    taken = study.take_next()
    assert taken is not None
    study.finish_queued(taken.id, note="It could not be read.")
    said = CliRunner().invoke(app, [*run, "--again"])
    assert "1 clip of an --again that was not finished first" in said.stderr
    assert said.stdout.count(": segmented (") == 1, said.output
    assert study.retry_failed() == 1  # as a --retry that is stopped before it does anything
    said = CliRunner().invoke(app, [*run, "--again"])
    assert said.stdout.count(": segmented (") == 2, said.output
    assert "not finished" not in said.stderr


def test_what_a_clip_has_to_say_is_said(study: Study, clips: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    add_paths(study, clips[:1])
    clip = study.take_next(seconds=60)
    assert clip is not None
    content_id = study.add_cine(open_cine(clip.path)).content_id
    outcome = StudyOutcome(clip.path, content_id, 4, None, notices=("Nothing was outlined.",))
    done = worklist_run._finished(study, {clip.path: clip}, outcome)
    assert done.notices == outcome.notices
    monkeypatch.setattr("matae.worklist.work_off", lambda *_, **__: iter([done]))
    said = CliRunner().invoke(app, ["study", "segment", study.target])
    assert said.exit_code == 0
    assert f"{clip.path.name}: Nothing was outlined." in said.stderr


class OnServer:
    """A study as if it were on a server, which notes what is asked of its queue."""

    target = "server://study"

    def __init__(self, study: Study, last: int, then: Callable[[], None]) -> None:
        self._study, self._last, self._then = study, last, then
        self.calls: list[int] = []
        self.back: list[int] = []

    def take_next(self, *, seconds: float, after: int = 0, without: Collection[int] = ()) -> QueuedClip | None:
        self.calls.append(len(without))
        return self._study.take_next(seconds=seconds, after=after, without=without)

    def give_back_taken(self, number: int | None = None) -> None:
        self._study.give_back_taken(number)
        if number is not None:
            self.back.append(number)
            if number == self._last:
                self._then()


def test_clips_that_are_elsewhere_are_skipped_in_time_that_grows_as_they_do(study: Study, tmp_path: Path) -> None:
    asked = {}
    for n in (10, 40):
        study.clear_queue(waiting=True)
        study.enqueue(QueuedClip(tmp_path / f"none{i}.dcm") for i in range(n))
        with Study.open(study.target) as other:
            first = other.take_next()
            assert first is not None
            server: Any = OnServer(study, first.id + n - 1, other.give_back_taken)  # it waits again, behind us
            assert list(work_off(server)) == []
            assert sorted(server.back) == list(range(first.id, first.id + n))
            asked[n] = (len(server.calls), sum(server.calls))
    assert asked == {n: (n + 3, (n - 1) + n) for n in asked}

"""A worklist on a server: added, claimed and worked off from several computers, each with files of its own."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from store_server import Server

from matae.cli import app
from matae.segment import SegmentOptions
from matae.store import ClipStatus, Study
from matae.worklist import WorkSettings, add_paths, as_records, work_off

SETTINGS = WorkSettings(SegmentOptions(model="tiny", width="1", device="cpu"))


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs the extra postgresql", exc_type=ImportError)
    pytest.importorskip("pwd", reason="PostgreSQL is started as another user, which Windows does otherwise")
    try:
        made = Server()
    except RuntimeError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def target(server, tiny_model) -> str:
    url = server.new_database()
    Study.create(url).close()
    return url


def make_clips(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:48, :64]
    fan = np.abs(columns - 32) < 4 + 0.7 * rows
    for number in range(count):
        frames = np.random.default_rng(number).integers(20, 200, (6, 48, 64)) * fan
        np.save(folder / f"clip{number}.npy", frames.astype(np.uint8))
    return folder


def test_an_empty_worklist_on_a_server(target) -> None:
    with Study.open(target, rater="anna") as study:
        assert study.worklist() == []
        assert list(work_off(study, SETTINGS)) == []


def test_added_worked_off_and_claimed_as_in_a_file(target, tmp_path) -> None:
    folder = make_clips(tmp_path / "in", 2)
    with Study.open(target, rater="anna") as anna, Study.open(target, rater="bela") as bela:
        assert add_paths(anna, [folder]).added == 2
        assert add_paths(bela, [folder]).known == 2  # whoever adds them again
        done = list(work_off(bela, SETTINGS))
        assert [one.problem for one in done] == ["", ""]
        assert {row.status for row in anna.worklist()} == {ClipStatus.SEGMENTED}
        content_id = done[0].content_id
        anna.claim(content_id)
        (row,) = [row for row in bela.worklist() if row.content_id == content_id]
        assert [claim.rater for claim in row.claims] == ["anna"]
        assert len(as_records(bela.worklist())) == 2


def test_two_computers_never_get_the_same_clip(target, tmp_path) -> None:
    make_clips(tmp_path / "in", 12)
    with Study.open(target) as study:
        add_paths(study, [tmp_path / "in"])
    taken: list[str] = []
    begin = threading.Barrier(3)

    def work() -> None:
        with Study.open(target) as mine:
            begin.wait(60)
            while (clip := mine.take_next()) is not None:
                taken.append(clip.path.name)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(taken) == len(set(taken)) == 12


def test_a_clip_whose_file_is_on_another_computer_is_left_to_that(target, tmp_path) -> None:
    folder = make_clips(tmp_path / "in", 2)
    with Study.open(target, rater="anna") as study:
        add_paths(study, [folder])
        (folder / "clip0.npy").rename(tmp_path / "elsewhere.npy")
        done = list(work_off(study, SETTINGS))
        assert [(one.path.name, one.problem) for one in done] == [("clip1.npy", "")]
        counts = study.queue_counts()
        assert (counts.waiting, counts.taken, counts.failed, counts.done) == (1, 0, 0, 1)
    said = CliRunner().invoke(app, ["study", "segment", target, "--model", "tiny", "--device", "cpu"])
    assert said.exit_code == 0, said.output
    assert "segment them where their files are" in said.output
    (tmp_path / "elsewhere.npy").rename(folder / "clip0.npy")  # the computer that has it
    with Study.open(target, rater="bela") as there:
        assert [one.problem for one in work_off(there, SETTINGS)] == [""]
        assert there.queue_counts().waiting == 0


def test_what_is_left_to_another_computer_is_free_for_it_at_once(target, tmp_path) -> None:
    folder = make_clips(tmp_path / "in", 3)
    taken = []
    with Study.open(target, rater="anna") as study:
        add_paths(study, [folder])
        for path in folder.iterdir():
            path.unlink()

        def paused() -> bool:
            taken.append(study.queue_counts().taken)
            return False

        assert list(work_off(study, SETTINGS, paused=paused)) == []
    assert taken == [0, 0, 0, 0]  # while the rest is still being gone through


def test_in_a_file_a_clip_that_is_gone_has_failed_and_the_sentence_says_so(tmp_path, tiny_model) -> None:
    folder = make_clips(tmp_path / "in", 1)
    with Study.create(tmp_path / "study.matae", rater="anna") as study:
        add_paths(study, [folder])
        (folder / "clip0.npy").unlink()
        (done,) = work_off(study, SETTINGS)
        assert done.problem == "clip0.npy is not where it was; bring it back, or add it from where it is now."
        assert study.queue_counts().failed == 1

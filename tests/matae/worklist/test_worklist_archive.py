"""Clips of an archive into the queue of a study: none, stopped, paused, refused, gone, and what is there already."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "clinic"))

from clinic_makers import phantom_dataset, save

from matae.clinic.listing import clip_of
from matae.errors import OutputError, PacsError
from matae.phantom import make_phantom
from matae.store import Study
from matae.worklist import fetch_into


class Held:
    """An archive in memory: it gives the bytes it holds, and says what it does not have."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.asked, self.gone = files, [], False

    def check(self) -> None:
        if self.gone:
            raise PacsError("archive cannot be reached; check that it runs.")

    def fetch(self, study_uid: str, series_uid: str, instance_uid: str) -> bytes:
        self.asked.append(instance_uid)
        if self.gone or instance_uid not in self.files:
            raise PacsError(f"archive gave no instance {instance_uid}; list the study again.")
        return self.files[instance_uid]


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(2, n_frames=6, frame_rate=20.0, shape=(48, 48))


@pytest.fixture
def held(phantom, tmp_path):
    made = [phantom_dataset(phantom) for _ in range(3)]
    paths = [save(one, tmp_path / f"scanner{number}.dcm") for number, one in enumerate(made)]
    archive = Held({str(one.SOPInstanceUID): path.read_bytes() for one, path in zip(made, paths, strict=True)})
    return archive, [clip_of(one) for one in made]


@pytest.fixture
def study(tmp_path):
    with Study.create(tmp_path / "study.sqlite", rater="anna") as made:
        yield made


def waiting(study: Study) -> int:
    return study.queue_counts().waiting


def test_nothing_chosen_is_nothing_done(study, held, tmp_path) -> None:
    archive, _ = held
    done = fetch_into(study, archive, [], tmp_path / "got")
    assert (done.asked, done.added, done.stopped) == (0, 0, False)
    assert archive.asked == []
    assert not (tmp_path / "got").exists()


def test_each_is_in_the_queue_as_soon_as_it_came_and_none_is_fetched_twice(study, held, tmp_path) -> None:
    archive, clips = held
    seen = []
    done = fetch_into(
        study, archive, clips, tmp_path / "got", progress=lambda n, total: seen.append((n, waiting(study)))
    )
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert done.sentence == "3 of 3 clips added to the queue."
    again = fetch_into(study, archive, clips, tmp_path / "got")
    assert again.sentence == "0 of 3 clips added to the queue, 3 there already."
    assert len(archive.asked) == 3
    assert io.BytesIO((tmp_path / "got" / f"{clips[0].instance_uid}.dcm").read_bytes()).read(132)[128:] == b"DICM"


def test_what_came_before_it_was_stopped_stays(study, held, tmp_path) -> None:
    archive, clips = held
    done = fetch_into(study, archive, clips, tmp_path / "got", should_stop=lambda: len(archive.asked) == 1)
    assert done.sentence == "Stopped: 1 of 3 clips added to the queue."
    assert waiting(study) == 1
    assert fetch_into(study, archive, clips, tmp_path / "got").added == 2


def test_a_pause_begins_no_other_clip_and_can_be_stopped(study, held, tmp_path) -> None:
    archive, clips = held
    asked = []

    def paused() -> bool:
        asked.append(len(archive.asked))
        return len(asked) < 4

    assert fetch_into(study, archive, clips, tmp_path / "got", paused=paused).added == 3
    assert asked[:4] == [0, 0, 0, 0]
    stopped = fetch_into(study, archive, clips, tmp_path / "got", paused=lambda: True, should_stop=lambda: True)
    assert stopped.stopped


def test_one_that_cannot_be_had_does_not_stop_the_others(study, held, tmp_path) -> None:
    archive, clips = held
    del archive.files[clips[1].instance_uid]
    done = fetch_into(study, archive, clips, tmp_path / "got")
    assert (done.added, [uid for uid, _ in done.failures]) == (2, [clips[1].instance_uid])
    assert done.sentence.startswith("2 of 3 clips added to the queue, 1 could not be fetched. archive gave no instance")


def test_an_archive_that_is_gone_is_said_once(study, held, tmp_path) -> None:
    archive, clips = held
    archive.gone = True
    with pytest.raises(PacsError, match="cannot be reached"):
        fetch_into(study, archive, clips, tmp_path / "got")
    assert len(archive.asked) == 1


def test_a_folder_that_cannot_be_written_to_is_said_once_and_nothing_else_is_fetched(study, held, tmp_path) -> None:
    archive, clips = held
    (tmp_path / "got").write_text("a file")
    with pytest.raises(OutputError, match="is a file or lies below one; choose a folder"):
        fetch_into(study, archive, clips, tmp_path / "got")
    assert len(archive.asked) == 1
    assert waiting(study) == 0

"""What is judged already is kept: damaged and foreign journals first, then a run that goes on where it was."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from evaluate_makers import save_network, write_camus_folder, write_echonet_folder, write_index_folder
from PIL import Image

import matae.evaluate.pool
from matae.errors import OutputError
from matae.evaluate import evaluate
from matae.evaluate.job import Answer
from matae.evaluate.journal import Journal, journal_of, stamp_of
from matae.evaluate.judge import Judged
from matae.labelled import open_labelled
from matae.metrics.score import ClassScore, FrameScore

if TYPE_CHECKING:
    from pathlib import Path

STAMPS = [f"1:{number}" for number in range(9)]


def an_answer(hd95: float = 0.1 + 0.2) -> Answer:
    score = FrameScore("a", "p", "ED", "A4C", "", (0.3, 1 / 3), "found", (ClassScore(1, 2, 3, 4, hd95, 1e-17),), 2 / 3)
    return Answer(([Judged(score, apex_down=False, volumes=(None, 1 / 7))],), "", ("said",), ({"width": "1"},))


@pytest.mark.parametrize("foreign", [b"\x00" * 10, b"a list of names\n", b"{}\n", b'{"judged by": "another"}\n'])
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "figures.judged.jsonl"
    path.write_bytes(foreign)
    for again in (False, True):
        with pytest.raises(OutputError, match="is none of this program's; move it"):
            Journal(path, "key", STAMPS, again=again)
    assert path.read_bytes() == foreign


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        Journal(tmp_path / "gone" / "figures.judged.jsonl", "key", STAMPS)


def test_answers_come_back_to_the_last_digit(tmp_path: Path) -> None:
    path = journal_of(tmp_path / "figures.json")
    assert path.name == "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)) as journal:
        assert not journal.known
        journal.add(3, an_answer())
        journal.add(1, an_answer(math.nan))
        journal.add(2, Answer(left_out="no clip"))
    with closing(Journal(path, "key", STAMPS)) as journal:
        assert not journal.is_of_others
        assert journal.known[3] == an_answer()
        assert math.isnan(journal.known[1].judged[0][0].score.classes[0].hd95)
        assert journal.known[2] == Answer(left_out="no clip")


@pytest.mark.parametrize("damage", [b'{"number": 7, "ans', b"\xff\xfe\n", b'{"number": 8, "answer": {"judged": 3}}\n'])
def test_what_is_damaged_is_judged_again(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)) as journal:
        journal.add(0, an_answer())
    with path.open("ab") as file:
        file.write(damage)
    for expected in ({0}, {0, 1}):
        with closing(Journal(path, "key", STAMPS)) as journal:
            assert set(journal.known) == expected
            journal.add(1, an_answer())


def test_a_first_line_that_was_being_written(tmp_path: Path) -> None:
    path = tmp_path / "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)):
        pass
    path.write_bytes(path.read_bytes()[:12])
    with closing(Journal(path, "key", STAMPS)) as journal:
        journal.add(0, an_answer())
    with closing(Journal(path, "key", STAMPS)) as journal:
        assert set(journal.known) == {0}


def test_answers_of_other_settings_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)) as journal:
        journal.add(0, an_answer())
    with closing(Journal(path, "another", STAMPS)) as journal:
        assert not journal.known
        assert journal.is_of_others
        journal.add(0, an_answer())
    with closing(Journal(path, "another", STAMPS, again=True)) as journal:
        assert not journal.known
        assert not journal.is_of_others


class EndedError(Exception):
    pass


def test_a_run_goes_on_where_it_was_ended(tmp_path: Path, matae_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, model = write_index_folder(tmp_path / "data"), save_network(matae_home, "net")
    asked: dict[str, Any] = {"model": model, "width": "all", "split": "all", "device": "cpu"}
    whole = evaluate(folder, **asked)
    journal = tmp_path / "figures.judged.jsonl"

    def end(done: int, total: int) -> None:
        if done == 4:
            raise EndedError

    with pytest.raises(EndedError):
        evaluate(folder, **asked, journal=journal, progress=end)
    judged: list[str] = []
    answer = matae.evaluate.pool.answer
    monkeypatch.setattr(
        matae.evaluate.pool, "answer", lambda ref, *others: judged.append(ref.id) or answer(ref, *others)
    )
    said: list[str] = []
    done: list[tuple[int, int]] = []
    found = evaluate(folder, **asked, journal=journal, notify=said.append, progress=lambda *counts: done.append(counts))
    assert len(judged) == 2
    assert done == [(5, 6), (6, 6)]
    assert "4 of 6 were judged before and are kept; --again judges them anew." in said
    for width, figures in whole["widths"].items():
        same = found["widths"][width]
        assert json.dumps(figures | {"run": None}) == json.dumps(same | {"run": None})
        assert figures["run"] | {"seconds": 0} == same["run"] | {"seconds": 0}
    # The other sector, and the other weights, are other figures.
    evaluate(folder, **asked, sector="whole", journal=journal, notify=said.append)
    assert "What was judged before is of other data, settings or weights; all is judged anew." in said
    assert len(judged) == 8
    evaluate(folder, **asked, sector="whole", journal=journal, again=True)
    assert len(judged) == 14


def test_a_last_line_that_lacks_its_end_alone(tmp_path: Path) -> None:
    """What is written next must not be written onto it: both would be lost."""
    path = tmp_path / "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)) as journal:
        journal.add(0, an_answer())
        journal.add(1, an_answer())
    path.write_bytes(path.read_bytes()[:-1])
    with closing(Journal(path, "key", STAMPS)) as journal:
        assert set(journal.known) == {0}
        journal.add(2, an_answer())
    with closing(Journal(path, "key", STAMPS)) as journal:
        assert set(journal.known) == {0, 2}


def test_what_was_judged_of_other_files_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)) as journal:
        journal.add(0, an_answer())
        journal.add(1, an_answer())
    now = [STAMPS[0], "2:1", *STAMPS[2:]]
    with closing(Journal(path, "key", now)) as journal:
        assert (set(journal.known), journal.changed) == ({0}, {1})
        journal.add(1, an_answer(7.0))
    with closing(Journal(path, "key", now)) as journal:
        assert (set(journal.known), journal.changed) == ({0, 1}, set())
        assert journal.known[1] == an_answer(7.0)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of a file")
def test_a_full_disk_is_said_and_costs_one_answer(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "figures.judged.jsonl"
    with closing(Journal(path, "key", STAMPS)) as journal:
        journal.add(0, an_answer())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(OutputError), closing(Journal(path, "key", STAMPS)) as journal:
            journal.add(1, an_answer())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with closing(Journal(path, "key", STAMPS)) as journal:
        assert set(journal.known) == {0}


LAYOUTS = {
    "index": (write_index_folder, ("images/p0_ED.png", "masks/p0_ED.png", "index.csv")),
    "camus": (write_camus_folder, [f"patient0001/patient0001_4CH_ED{part}.nii.gz" for part in ("", "_gt")]),
    "echonet": (write_echonet_folder, ("VolumeTracings.csv",)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_changes_is_noticed(tmp_path: Path, layout: str) -> None:
    write, names = LAYOUTS[layout]
    folder = write(tmp_path / "data")
    for name in names:
        ref = open_labelled(folder).refs[0]
        before = stamp_of(ref)
        assert stamp_of(ref) == before
        os.utime(folder / name, ns=(1, 1))
        assert stamp_of(ref) != before, name
    assert all(path.exists() or path.suffix == ".raw" for path in ref.files)


def test_a_mask_that_is_corrected_in_between_counts(tmp_path: Path, matae_home: Path) -> None:
    folder, model = write_index_folder(tmp_path / "data"), save_network(matae_home, "net")
    asked: dict[str, Any] = {"model": model, "split": "all", "device": "cpu"}
    journal = tmp_path / "figures.judged.jsonl"
    evaluate(folder, **asked, journal=journal)
    mask = folder / "masks" / "p0_ED.png"
    with Image.open(mask) as picture:
        Image.fromarray(np.roll(np.asarray(picture), 9, 1)).save(mask)
    said: list[str] = []
    found = evaluate(folder, **asked, journal=journal, notify=said.append)
    assert "The files of 1 that were judged before have changed; they are judged anew." in said
    assert "5 of 6 were judged before and are kept; --again judges them anew." in said
    anew = evaluate(folder, **asked)
    assert json.dumps(found | {"run": None}) == json.dumps(anew | {"run": None})

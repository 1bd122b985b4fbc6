"""Going on where a run was: what counts as done, and what does not."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cluster_makers import jobs_of, make_clips, save_tiny

import matae.jobs.segmenting
from matae.cluster import run_jobs
from matae.cluster.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

LEDGER = ".matae-done.jsonl"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which clips are opened."""
    found: list[str] = []
    real = matae.jobs.segmenting.segment_file

    def noted(job: Any, progress: Any = None) -> Any:
        found.append(job.ref.path.name)
        return real(job, progress)

    monkeypatch.setattr(matae.jobs.segmenting, "segment_file", noted)
    return found


def skipped(outcomes: list[Any]) -> list[str]:
    return sorted(outcome.source.name for outcome in outcomes if outcome.skipped)


NAMES = [f"clip{n}.npy" for n in range(4)]


def test_a_second_run_opens_nothing(tiny_model: str, clips: list[Path], out: Path, opened: list[str]) -> None:
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == []
    files = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    opened.clear()
    again = list(run_jobs(jobs_of(clips, out)))
    assert skipped(again) == NAMES
    assert not opened
    assert all(outcome.files["mask"].is_file() for outcome in again)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == files


def test_without_the_ledger_the_records_tell(tiny_model: str, clips: list[Path], out: Path, opened: list[str]) -> None:
    list(run_jobs(jobs_of(clips, out)))
    (out / LEDGER).unlink()
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name != LEDGER} == times


def test_a_damaged_ledger_costs_no_result(tiny_model: str, clips: list[Path], out: Path) -> None:
    list(run_jobs(jobs_of(clips, out)))
    ledger = out / LEDGER
    whole = ledger.read_bytes()
    # The last: its line was being written when the computer went down.
    for damaged in (whole[40:], b"\xff\xfe not json\n" + whole[40:], b'{"clip": "' + whole[40:], whole[:-20]):
        ledger.write_bytes(damaged)
        assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES
        assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES


def test_what_changed_is_done_again(tiny_model: str, clips: list[Path], out: Path, opened: list[str]) -> None:
    list(run_jobs(jobs_of(clips, out)))
    np.save(clips[1], np.load(clips[1])[::-1])  # of the same size
    os.utime(clips[1], ns=(1, 1))
    next(out.glob("clip2_mask*")).unlink()
    opened.clear()
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == ["clip0.npy", "clip3.npy"]
    assert opened == ["clip1.npy", "clip2.npy"]


def test_a_touched_file_is_opened_and_kept(tiny_model: str, clips: list[Path], out: Path, opened: list[str]) -> None:
    list(run_jobs(jobs_of(clips, out)))
    os.utime(clips[0], ns=(1, 1))
    opened.clear()
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES
    assert opened == ["clip0.npy"]


def test_other_settings_are_done_anew_and_so_are_the_first_then(tiny_model: str, clips: list[Path], out: Path) -> None:
    list(run_jobs(jobs_of(clips, out)))
    assert skipped(list(run_jobs(jobs_of(clips, out, sector="whole")))) == []
    assert skipped(list(run_jobs(jobs_of(clips, out, sector="whole")))) == NAMES
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == []  # replaced meanwhile


def test_a_single_clip_that_was_done_otherwise_meanwhile(tiny_model: str, clips: list[Path], out: Path) -> None:
    list(run_jobs(jobs_of(clips, out)))
    list(run_jobs(jobs_of(clips[:1], out, sector="whole")))  # one alone leaves no line in the ledger
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES[1:]


def test_other_weights_are_other_results(tiny_model: str, matae_home: Path, clips: list[Path], out: Path) -> None:
    import torch

    list(run_jobs(jobs_of(clips, out)))
    folder = matae_home / "models" / "tiny"
    for file in folder.iterdir():
        file.unlink()
    with torch.random.fork_rng():
        save_tiny(folder, "tiny", seed=1)
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == []


def test_all_anew_when_asked(tiny_model: str, clips: list[Path], out: Path, opened: list[str]) -> None:
    list(run_jobs(jobs_of(clips, out)))
    opened.clear()
    assert skipped(list(run_jobs(jobs_of(clips, out, again=True)))) == []
    assert sorted(opened) == NAMES


def test_a_mask_that_a_person_edited_is_done_and_kept(tiny_model: str, clips: list[Path], out: Path) -> None:
    list(run_jobs(jobs_of(clips, out)))
    mask = out / "clip0_mask.nii.gz"
    mask.write_bytes(b"corrected")
    (out / LEDGER).unlink()
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES
    assert mask.read_bytes() == b"corrected"


def test_a_mask_from_before_its_record_was_about_to_be_replaced(tiny_model: str, clips: list[Path], out: Path) -> None:
    list(run_jobs(jobs_of(clips, out)))
    (out / "clip0_mask.nii.gz").write_bytes(b"of an earlier run")
    os.utime(out / "clip0_mask.nii.gz", ns=(1, 1))
    (out / LEDGER).unlink()
    assert skipped(list(run_jobs(jobs_of(clips, out)))) == NAMES[1:]


def test_equal_names_keep_their_own(tiny_model: str, tmp_path: Path, out: Path) -> None:
    first, second = make_clips(tmp_path / "a", 1), make_clips(tmp_path / "b", 1, n_frames=6)
    jobs = jobs_of([*first, *second], out)
    assert all(job.distinguish for job in jobs)
    list(run_jobs(jobs))
    assert len(skipped(list(run_jobs(jobs)))) == 2
    (out / LEDGER).unlink()
    assert len(skipped(list(run_jobs(jobs)))) == 2
    assert len(list(out.glob("*.json"))) == 2


def test_the_ledger_names_no_file(tiny_model: str, tmp_path: Path, out: Path) -> None:
    clips = make_clips(tmp_path / "Miller^Anna", 2)
    list(run_jobs(jobs_of(clips, out)))
    assert b"Miller" not in (out / LEDGER).read_bytes()


def test_an_entry_of_another_clip_is_none_of_this(tiny_model: str, clips: list[Path], out: Path) -> None:
    jobs = jobs_of(clips, out)
    list(run_jobs(jobs[:2]))
    ledger = Ledger(out)
    try:
        assert len(ledger) == 2
        assert ledger.find(jobs[0]) is not None
        assert ledger.find(jobs[2]) is None
        assert ledger.find(replace(jobs[0], settings=replace(jobs[0].settings, flip="vertical"))) is None
    finally:
        ledger.close()

"""Clips on two real workers and in processes: broken clips, killed workers, other versions; nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from cluster_makers import jobs_of, make_clips, measures_of

from matae.cluster import run_jobs
from matae.cluster.worker import Identity, Refusal, work
from matae.errors import MataeError
from matae.jobs import Failure

if TYPE_CHECKING:
    from pathlib import Path


def split(outcomes: list[Any]) -> tuple[list[Any], list[Failure]]:
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    return [outcome for outcome in outcomes if not isinstance(outcome, Failure)], failures


def written(out: Path) -> dict[str, int]:
    """Return each file of the results and when it was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.iterdir() if not path.name.startswith(".")}


def hidden(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if path.name.startswith(".")}


def test_no_scheduler_answers(shared_home: Path, clips: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.cluster.scheduler._CONNECT_SECONDS", 0.5)
    with pytest.raises(MataeError, match=r"No dask scheduler answers at tcp://127\.0\.0\.1:1 .*start one with"):
        list(run_jobs(jobs_of(clips, out), scheduler="tcp://127.0.0.1:1"))
    assert not written(out)


def test_no_worker_comes(shared_home: Path, clips: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr("matae.cluster.scheduler.DaskPool.patience", 0.2)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address="127.0.0.1:0", host="tcp://127.0.0.1"
        ) as empty,
        pytest.raises(MataeError, match=r"There is no worker at .*dask worker"),
    ):
        list(run_jobs(jobs_of(clips, out), scheduler=empty.scheduler_address))


def test_a_scheduler_that_goes_away_is_said_and_what_is_done_is_kept(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr("matae.cluster.scheduler._CONNECT_SECONDS", 0.5)
    jobs = measures_of(make_clips(tmp_path / "in", 12), out)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", host="tcp://127.0.0.1"
    ) as short:
        run = run_jobs(jobs, scheduler=short.scheduler_address)
        next(run)
        short.close()
        with pytest.raises(MataeError, match=r"The dask scheduler at .* is gone; start it and run this again"):
            list(run)
    again = list(run_jobs(jobs))
    assert len(again) == 12
    assert any(outcome.skipped for outcome in again)


def test_another_version_is_refused(
    cluster: Any, clips: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matae.cluster.scheduler.DaskPool.patience", 0.2)
    monkeypatch.setattr("matae.cluster.worker.__version__", "99.1")  # here; the workers run what is installed
    said: list[str] = []
    with pytest.raises(MataeError, match=r"All 2 workers of .* are refused"):
        list(run_jobs(jobs_of(clips, out), scheduler=cluster.scheduler_address, notify=said.append))
    assert len(said) == 2
    assert all("runs napari-matae 0" in text and "this is 99.1" in text for text in said)
    assert not written(out)


def test_other_weights_are_refused(cluster: Any, clips: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.cluster.scheduler.DaskPool.patience", 0.2)
    here = Identity.here("tiny")
    other = Identity(here.version, "tiny", "0" * 64)
    monkeypatch.setattr(Identity, "here", lambda _: other)
    said: list[str] = []
    with pytest.raises(MataeError, match="refused"):
        list(run_jobs(jobs_of(clips, out), scheduler=cluster.scheduler_address, notify=said.append))
    assert all("other weights" in text for text in said)


def test_a_folder_the_workers_do_not_see_is_said(
    cluster: Any, clips: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from matae.cluster import scheduler

    monkeypatch.setattr("matae.cluster.scheduler.DaskPool.patience", 0.2)
    kept = scheduler.look
    monkeypatch.setattr(scheduler, "look", lambda model, token: kept(model, tmp_path / "elsewhere" / token.name))
    said: list[str] = []
    with pytest.raises(MataeError, match="refused"):
        list(run_jobs(jobs_of(clips, out), scheduler=cluster.scheduler_address, notify=said.append))
    assert all("does not see" in text for text in said)


def test_a_killed_worker_costs_its_clips_another_try(cluster: Any, tmp_path: Path, out: Path) -> None:
    clips = make_clips(tmp_path / "in", 6)
    (tmp_path / "in" / "bad.npy").write_bytes(b"\x93NUMPY broken")
    jobs = measures_of([*clips, tmp_path / "in" / "bad.npy"], out)
    said: list[str] = []
    run = run_jobs(jobs, scheduler=cluster.scheduler_address, notify=said.append)
    outcomes = [next(run)]
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)  # it has others of the clips
    outcomes += run
    done, failures = split(outcomes)
    assert [failure.source.name for failure in failures] == ["bad.npy"]
    assert sorted(result.source.name for result in done) == [clip.name for clip in clips]
    assert any("is lost; the clip is tried again" in text for text in said)
    assert {path.name for path in out.glob("*.json")} == {f"clip{n}_measure.json" for n in range(6)}
    assert not any(name.startswith(".matae-run") for name in hidden(out))
    # The second run opens nothing but what failed.
    before = written(out)
    again, failures = split(list(run_jobs(jobs, scheduler=cluster.scheduler_address)))
    assert [failure.source.name for failure in failures] == ["bad.npy"]
    assert all(result.skipped for result in again)
    assert len(again) == 6
    assert written(out) == before


def test_processes_of_this_machine(tmp_path: Path, out: Path) -> None:
    import multiprocessing

    clips = make_clips(tmp_path / "in", 5)
    (tmp_path / "in" / "bad.npy").write_bytes(b"\x93NUMPY broken")
    run = run_jobs(measures_of([*clips, tmp_path / "in" / "bad.npy"], out), processes=2)
    outcomes = [next(run) for _ in range(3)]  # by then both have begun: ending before is a fault
    mine = [child for child in multiprocessing.active_children() if child.name.startswith("clips")]
    assert len(mine) == 2
    os.kill(mine[0].pid or 0, signal.SIGKILL)
    done, failures = split([*outcomes, *run])
    assert [failure.source.name for failure in failures] == ["bad.npy"]
    assert len(done) == 5
    assert not any(child.name.startswith("clips") for child in multiprocessing.active_children())
    # They give what one process gives.
    alone = tmp_path / "alone"
    list(run_jobs(measures_of(clips, alone)))
    for clip in clips:
        found = [json.loads((folder / f"{clip.stem}_measure.json").read_text("utf-8")) for folder in (out, alone)]
        assert found[0] == found[1]
        assert found[0]["ef_percent"] is not None


def test_what_a_worker_lacks_is_no_fault_of_the_clip(shared_home: Path, clips: list[Path], out: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has what should be missing")
    job = jobs_of(clips, out)[0]
    options = replace(job.settings.options, device="cuda")
    answer = work(replace(job, settings=replace(job.settings, options=options)))
    assert isinstance(answer, Refusal)
    assert "no CUDA GPU" in answer.reason


def test_weights_that_were_replaced_meanwhile_are_refused(shared_home: Path, clips: list[Path], out: Path) -> None:
    here = Identity.here("tiny")
    answer = work(jobs_of(clips, out)[0], replace(here, model_sha256="0" * 64))
    assert isinstance(answer, Refusal)
    assert "other weights" in answer.reason
    assert not out.exists()

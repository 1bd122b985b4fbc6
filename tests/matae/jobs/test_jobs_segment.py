"""One file segmented into a folder: the video as if it were written afterwards, a stop that leaves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from fake_devices import Gpu

from matae.cli.file_reporter import FileReporter
from matae.jobs import FileJob, JobSettings, find_inputs, segment_file
from matae.output import write_results
from matae.segment import SegmentOptions, segment
from matae.segment.backends import torch_backend
from matae.segment.choice import choose_sector
from matae.segment.kept import forget_kept, kept_segmenter

if TYPE_CHECKING:
    from fake_devices import FakeDevices


def a_job(folder: Path, model: str) -> FileJob:
    np.save(folder / "clip.npy", np.random.default_rng(0).integers(0, 255, (5, 40, 50), dtype=np.uint8))
    (ref,), _ = find_inputs([folder / "clip.npy"])
    return FileJob(ref, JobSettings(folder / "out", SegmentOptions(model, width="1", device="cpu")))


def test_the_video_is_that_of_the_masks_in_the_file(tiny_model: str, tmp_path: Path) -> None:
    job = a_job(tmp_path, tiny_model)
    done = segment_file(job)
    cine = job.ref.open()
    found = segment(cine, job.settings.options, sector=choose_sector(cine, "auto", "auto"))
    after = write_results(cine, found, tmp_path / "after")
    assert done.files["overlay"].read_bytes() == after.files["overlay"].read_bytes()


@pytest.mark.parametrize("problem", [KeyboardInterrupt, MemoryError])
def test_what_ends_the_run_half_way_leaves_nothing(
    tiny_model: str, tmp_path: Path, problem: type[BaseException]
) -> None:
    def stop(done: int, total: int) -> None:
        if done == total - 1:
            raise problem

    with pytest.raises(problem):
        segment_file(a_job(tmp_path, tiny_model), stop)
    assert list((tmp_path / "out").iterdir()) == []


class AlwaysFull(list):
    """Errors of a GPU whose memory never suffices, counted as they are raised."""

    raised = 0

    def __bool__(self) -> bool:
        return True

    def pop(self, _index: int = 0) -> Exception:
        self.raised += 1
        return torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize("when", ["as the network is moved", "as it runs"])
def test_a_full_gpu_is_left_once_for_all_files_of_a_job(
    when: str, tiny_model: str, tmp_path: Path, devices: FakeDevices, request: pytest.FixtureRequest
) -> None:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    capsys: pytest.CaptureFixture[str] = request.getfixturevalue("capsys")
    forget_kept()
    devices.have(Gpu())
    full = devices.fail = AlwaysFull()

    def move(network: torch.nn.Module, device: torch.device) -> None:
        if device.type != "cpu":
            devices._maybe_fail()

    if when == "as the network is moved":
        monkeypatch.setattr(torch_backend, "to_device", move)
    for n in range(3):
        frames = np.random.default_rng(n).integers(0, 255, (3, 40, 50), dtype=np.uint8)
        np.save(tmp_path / f"clip{n}.npy", frames)
    refs, _ = find_inputs([tmp_path])
    settings = JobSettings(tmp_path / "out", SegmentOptions(tiny_model, width="1", device="cuda"), overlay=False)
    jobs = [FileJob(ref, settings) for ref in refs]
    jobs[0].prepare()
    raised, found = [], []
    with FileReporter(jobs) as reporter:
        for job in jobs:
            found.append(segment_file(job))
            raised.append(full.raised)
            reporter.say(found[-1])
    assert len(found) == 3
    assert all(result.run["device"].startswith("CPU") for result in found)
    assert raised[0] > 0
    assert raised == [raised[0]] * 3  # nothing was tried again
    assert capsys.readouterr().err.count("going on with the CPU") == 1
    # Whoever asks next, outside of the job, has the GPU tried again.
    with kept_segmenter(settings.options):
        pass
    other = replace(settings, out=tmp_path / "other")
    segment_file(FileJob(refs[0], other))
    assert full.raised > raised[0]

"""One file segmented into a folder: the video as if it were written afterwards, a stop that leaves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matae.jobs import FileJob, JobSettings, find_inputs, segment_file
from matae.output import write_results
from matae.segment import SegmentOptions, segment
from matae.segment.choice import choose_sector


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

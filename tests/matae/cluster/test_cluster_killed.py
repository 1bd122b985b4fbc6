"""A folder of clips whose whole command is killed, at any moment: nothing is broken, and it goes on where it was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import av
import nibabel
import numpy as np
import pytest
from PIL import Image

from matae.models import DEFAULT_MODEL
from matae.phantom import make_phantom

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL and process groups"),
]
CLIPS, FRAMES, KILLS = 5, 30, 10
_TIMES = ("seconds", "frames_per_second")


def start(clips: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the command in a group of its own, so that its two processes are killed with it."""
    options = ["--out", str(out), "--model", DEFAULT_MODEL, "--width", "1/8", "--backend", "torch", "--jobs", "2"]
    return subprocess.Popen(
        [sys.executable, "-c", "from matae.cli import main; main()", "segment", str(clips), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def finished(clips: Path, out: Path) -> str:
    process = start(clips, out)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said.decode()


def kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def check_whole(out: Path) -> set[str]:
    """Read every file that lies under its final name, to its end; return their names."""
    names = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.exists() else set()
    for name in names:
        path = out / name
        if name.endswith(".nii.gz"):
            assert np.asarray(nibabel.load(path).dataobj).shape[2] == FRAMES, name
        elif name.endswith(".mp4"):
            with av.open(str(path)) as video:
                assert sum(1 for _ in video.decode(video=0)) == FRAMES, name
        elif name.endswith(".png"):
            Image.open(path).load()
        else:
            assert json.loads(path.read_text())["n_frames"] == FRAMES, name
    return names


def results(out: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in (path for path in out.iterdir() if not path.name.startswith(".")):
        if path.suffix == ".json":
            record = json.loads(path.read_text())
            for figure in _TIMES:
                del record["run"][figure]
            found[path.name] = record
        else:
            found[path.name] = path.read_bytes()
    return found


def test_a_folder_job_that_is_killed_leaves_nothing_broken_and_goes_on(matae_home: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for seed in range(CLIPS):
        np.save(clips / f"clip{seed}.npy", make_phantom(seed, n_frames=FRAMES, shape=(112, 112)).cine.frames)
    began = time.monotonic()
    finished(clips, tmp_path / "whole")
    whole, took = results(tmp_path / "whole"), time.monotonic() - began
    assert len(whole) == 4 * CLIPS, sorted(whole)

    rng, kept = random.Random(0), set()
    for attempt in range(KILLS):
        out = tmp_path / f"killed{attempt}"
        process = start(clips, out)
        # From the first result on, which the first fifth of the time is spent on loading.
        time.sleep(took * rng.uniform(0.2, 1.0))
        kill(process)
        left = check_whole(out)
        finished_before = {name: (out / name).stat().st_mtime_ns for name in left}
        said = finished(clips, out)
        assert results(out) == whole, attempt
        # What was whole before is not made again.
        kept.add(sum((out / name).stat().st_mtime_ns == then for name, then in finished_before.items()))
        assert not [path for path in out.iterdir() if path.suffix == ".part"], said
    assert any(kept), "no kill came between the first result and the last"

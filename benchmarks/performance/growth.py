"""How time and memory grow: with the frames of a clip, with the size of its pictures, with the frames of a study."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FRAMES = (100, 1_000, 10_000, 100_000)
SIDES = (112, 256, 512, 1024)
LABELS = (100, 1_000, 10_000, 100_000, 1_000_000)
_WIDTH = "1/8"
_FRAMES_A_CINE = 100

_SEGMENT = """
import json, re, sys, threading, time
from dataclasses import replace
from pathlib import Path
import numpy as np
import matae
from matae.segment import SegmentOptions, Segmenter, segment
from matae.speed.clip import phantom_clip
from matae.speed.memory import peak_memory_mb
from matae.stack import new_stack
model, width, backend, frames, side = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
drawn = phantom_clip(20, (side, side))
stack = new_stack((frames, side, side))  # as a clip that is read lies: in a file where it is large
for start in range(0, frames, 20):
    stack[start : start + 20] = drawn.frames[: frames - start]
clip = replace(drawn, frames=stack, frame_times=np.arange(frames) / 50.0)
own = [0.0]  # memory of the process itself, without pages of files, which the system takes back
def watch():
    while True:
        found = re.search(r"^RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        own[0] = max(own[0], int(found[1]) / 2**10 if found else float("nan"))
        time.sleep(0.02)
if Path("/proc/self/status").is_file():
    threading.Thread(target=watch, daemon=True).start()
segmenter = Segmenter(SegmentOptions(model=model, width=width, backend=backend))
segment(phantom_clip(8, (side, side), 8), segmenter=segmenter)
start, busy = time.perf_counter(), time.process_time()
segment(clip, segmenter=segmenter)
print(json.dumps({"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - busy,
                  "peak_mb": peak_memory_mb(), "own_mb": own[0],
                  "clip_mb": clip.frames.nbytes / 2**20}))
"""


def measure_growth(model: str, backend: str, most_frames: int, most_labels: int) -> dict[str, Any]:
    """Measure all three growths, each size in a new process."""
    return {
        "of": f"{model} {_WIDTH}, {backend}",
        "frames": [{"frames": n} | _segment(model, backend, n, 112) for n in FRAMES if n <= most_frames],
        "sides": [{"side": side} | _segment(model, backend, 60, side) for side in SIDES],
        "labels": [{"labels": n} | _study(n) for n in LABELS if n <= most_labels],
    }


def _segment(model: str, backend: str, frames: int, side: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _SEGMENT, model, _WIDTH, backend, str(frames), str(side)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    sys.stderr.write(f"{frames} x {side}: {done.stdout}")
    return found


def _study(labels: int) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from store import fill, in_a_new_process

    frames = min(labels, _FRAMES_A_CINE)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "study.matae"
        fill(str(target), labels // frames, frames)
        found: dict[str, Any] = in_a_new_process(str(target))
        found["file_mb"] = target.stat().st_size / 2**20
    sys.stderr.write(f"{labels} labels: {json.dumps(found)}\n")
    return found

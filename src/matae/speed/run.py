"""Measure this machine: everything side by side in one run, within a time that was agreed on."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matae.models import current_model, find_model
from matae.nn.widths import format_width
from matae.segment import SegmentOptions, find_sector
from matae.segment.notices import take_notices
from matae.speed.clip import phantom_clip, write_avi
from matae.speed.cold_start import cold_start
from matae.speed.interleave import SpeedClip, make_ready, take_turns
from matae.speed.timing import Clock, seconds_of, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matae.speed.cold_start import ColdStart

__all__ = ["SHAPES", "measure_speed"]

SHAPES = ((112, 112), (600, 800))
"""Rows and columns of the clips: that of EchoNet-Dynamic, and that of a scanner's screen."""

_DISTINCT = 10
_COLD_SHARE = 0.35  # of the time: what the cold starts may take
_BUSY = 0.5  # of the processor, by other programs


def measure_speed(
    model: str | None = None,
    *,
    device: str = "auto",
    repeats: int = 3,
    seconds: float = 45.0,
    n_frames: int = 30,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    progress: Callable[[str, int, int], None] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure how fast a model is on this machine, on synthetic clips.

    Parameters
    ----------
    model
        Name in the registry; the model in use if None.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:i``.
    repeats
        Runs of each figure; fewer where the time does not suffice, one at least.
    seconds
        About how long it may take. Where that does not suffice for a run of everything, backends other than PyTorch
        are left out, with a notice.
    n_frames, shapes
        Of the clips.
    progress
        Called with what begins now, the steps done and the steps in all.
    notify
        Called with a sentence for the person.

    Returns
    -------
    dict
        JSON values: ``model``, ``model_sha256``, ``grid``, ``device``, ``machine``, ``clips``, ``rates`` (a row for
        each width, backend and clip), ``open_s`` by clip, ``first_mask_s``, ``peak_memory_mb``, ``gpu_memory_mb``,
        ``notices``, ``seconds``. What was timed is a median with its range and number of runs.

    Raises
    ------
    ModelError, DeviceError
        If the model or device is not there; nothing was measured.
    SegmentError
        If the machine has no room for a segmentation.
    """
    from matae.segment.device import choose_device

    notices: list[str] = []

    def note(text: str) -> None:
        if text not in notices:
            notices.append(text)
            notify(text)

    model = current_model() if model is None else model
    card = find_model(model).card
    kind = choose_device(device).type
    if (load := _others_at_work()) is not None:
        note(f"Other programs are at work (load {load:.1f} on {os.cpu_count()} cores); close them and measure again.")
    options = [
        SegmentOptions(model=model, width=format_width(width), device=device, backend=backend)
        for backend in _backends(kind, note)
        for width in sorted(card.widths)
    ]
    clock = Clock(seconds, 1 + repeats + len(options) + repeats, progress)
    with tempfile.TemporaryDirectory(prefix="matae-speed-") as folder:
        clock.tell("Drawing the clips")
        clips = [_make_clip(Path(folder), n_frames, shape) for shape in shapes]
        cold = _cold_starts(clips[-1], model, device, repeats, clock)
        opened = {clip.name: [_open(clip) for _ in range(repeats + 1)][1:] for clip in clips}
        runners = make_ready(options, clock, note)
        take_turns(runners, clips, repeats, clock)
    for text in (*(text for runner in runners for text in runner.segmenter.notices), *take_notices()):
        note(text)
    return {
        "model": card.name,
        "model_sha256": card.sha256,
        "grid": card.grid,
        "device": runners[0].segmenter.describe()["device"],
        "machine": _machine(),
        "clips": [{"frames": n_frames, "height": height, "width": width} for height, width in shapes],
        "rates": [row for runner in runners for row in runner.rows()],
        "open_s": {name: summarise(times, 4) for name, times in opened.items()},
        "first_mask_s": summarise([run.first_mask_s for run in cold], 2) | {"width": cold[0].width},
        "peak_memory_mb": _most([run.memory_mb for run in cold]),
        "gpu_memory_mb": _most([run.gpu_memory_mb for run in cold]),
        "notices": notices,
        "seconds": round(clock.used, 1),
    }


def _others_at_work() -> float | None:
    """Return how many cores other programs keep busy, where that is many and known."""
    if not hasattr(os, "getloadavg"):  # Windows
        return None
    load = os.getloadavg()[0]
    return load if load > _BUSY * (os.cpu_count() or 1) else None


def _backends(kind: str, note: Callable[[str], None]) -> list[str]:
    if kind != "cpu":
        return ["torch"]  # the others are for the CPU
    from matae.extras import has_extra, without_extra

    found = ["torch"]
    for extra, name in (("cpu", "openvino"), ("onnx", "onnxruntime")):
        if has_extra(extra):
            found.append(name)
        else:
            note(f"{without_extra(extra)} It is left out of the measurement.")
    return found


def _make_clip(folder: Path, n_frames: int, shape: tuple[int, int]) -> SpeedClip:
    cine = phantom_clip(n_frames, shape, _DISTINCT)
    name = f"{n_frames} x {shape[0]}x{shape[1]}"
    path = folder / f"{shape[0]}x{shape[1]}.avi"
    write_avi(cine, path)
    return SpeedClip(name, cine, find_sector(cine), path)


def _open(clip: SpeedClip) -> float:
    from matae.read import open_cine

    return seconds_of(lambda: open_cine(clip.path))


def _cold_starts(clip: SpeedClip, model: str, device: str, repeats: int, clock: Clock) -> list[ColdStart]:
    found: list[ColdStart] = []
    until = clock.used + _COLD_SHARE * clock.seconds
    last = 0.0
    for number in range(repeats):
        if number and clock.used + last > until:  # another one would probably not end in time
            clock.skip(repeats - number)
            break
        clock.tell("Starting anew")
        begun = clock.used
        found.append(cold_start(clip.path, model, device))
        last = clock.used - begun
    return found


def _most(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(max(known)) if known else None


def _machine() -> dict[str, Any]:
    import torch

    versions = {
        name: metadata.version(name)
        for name in ("torch", "openvino", "onnxruntime")
        if util.find_spec(name) is not None
    }
    return {
        "system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "python": platform.python_version(), **versions,
    }  # fmt: skip

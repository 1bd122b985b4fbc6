"""One job in a process of its own: decode a clip, segment it, write the overlay; standard output is a line of JSON.

    python benchmarks/performance/job.py NETWORK WIDTH BACKEND GRID CLIP SECONDS

NETWORK is a model of the registry or one of `others.NETWORKS` (then WIDTH and BACKEND are not looked at, GRID is). A
process of its own, so that its peak memory is this job's and no kernel was compiled by another.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import matae  # noqa: F401 - it sets how threads wait, before anything loads torch


def main(arguments: list[str]) -> None:
    """Run a job and say what it took."""
    name, width, backend, grid, clip, limit = arguments
    from matae.models import list_models
    from matae.speed.memory import peak_memory_mb

    with tempfile.TemporaryDirectory() as folder:
        if name in {entry.name for entry in list_models()}:
            found = ours(name, width, backend, Path(clip), Path(folder))
        else:
            found = theirs(name, int(grid), Path(clip), Path(folder), limit=float(limit))
    found["peak_mb"] = peak_memory_mb()
    # OpenVINO and ONNX Runtime need no PyTorch, and are not to be charged for it.
    torch = sys.modules.get("torch")
    on_gpu = torch is not None and torch.cuda.is_initialized()
    found["gpu_mb"] = torch.cuda.max_memory_reserved() / 2**20 if torch is not None and on_gpu else None
    sys.stdout.write(json.dumps(found) + "\n")


def theirs(name: str, grid: int, clip: Path, out: Path, *, limit: float) -> dict[str, object]:
    """Run a network of others the paper's way."""
    import torch
    from others import build, run

    from matae.segment.device import choose_device

    device = str(choose_device("auto"))
    start = time.perf_counter()
    network = build(name, grid).to(device)
    with torch.inference_mode():
        network(torch.zeros(1, 1, grid, grid, device=device))  # kernels are chosen in the first pass
    loaded = time.perf_counter() - start
    start, busy = time.perf_counter(), time.process_time()
    found = run(network, grid, clip, out, device=device, limit=limit)
    wall, cpu = time.perf_counter() - start, time.process_time() - busy
    frames = int(found.pop("frames"))
    return {"load_s": loaded, "wall_s": wall, "cpu_s": cpu, "frames": frames, "stages_s": found,
            "backend": "torch, eager", "precision": "fp32", "grid": grid}  # fmt: skip


def ours(name: str, width: str, backend: str, clip: Path, out: Path) -> dict[str, object]:
    """Do the same as a user's command: open, find the sector, segment, write the overlay."""
    import numpy as np

    from matae.output.overlay_thread import OverlayThread
    from matae.read import open_cine
    from matae.segment import Segmenter, SegmentOptions, find_sector, segment

    start = time.perf_counter()
    segmenter = Segmenter(SegmentOptions(model=name, width=width, backend=backend))
    first = open_cine(clip)
    sector = find_sector(first)
    for _ in segmenter.stream(first, sector, range(8)):  # kernels are chosen in the first pass
        pass
    del first
    loaded = time.perf_counter() - start

    start, busy = time.perf_counter(), time.process_time()
    cine = open_cine(clip)
    opened = time.perf_counter()
    sector = find_sector(cine)
    found = time.perf_counter()
    with OverlayThread(out / "overlay.mp4", cine) as overlay:
        # As the command: masks go out as they come, and are not kept.
        segment(cine, sector=sector, segmenter=segmenter, each=lambda frame: overlay.add(frame.mask),
                keep_masks=False, keep_probability=False)  # fmt: skip
        segmented = time.perf_counter()
        overlay.finish()
    end, cpu = time.perf_counter(), time.process_time() - busy

    run = segmenter.describe()
    pictures = np.zeros((8, run["grid"], run["grid"]), np.uint8)
    alone = []
    for _ in range(5):
        begin = time.perf_counter()
        segmenter._backend(pictures)  # the network alone, to compare the whole path with
        alone.append((time.perf_counter() - begin) / len(pictures))
    return {"load_s": loaded, "wall_s": end - start, "cpu_s": cpu, "frames": cine.n_frames,
            "stages_s": {"decode": opened - start, "sector": found - opened, "segment": segmented - found,
                         "write": end - segmented},
            "network_alone_s": float(np.median(alone)) * cine.n_frames,
            "backend": run["backend"], "precision": run["precision"], "grid": run["grid"]}  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])

"""Throughput and memory of training, by width set and grid: `python benchmarks/training.py [--device cuda]`.

Side by side in one run: the nested network (three widths a step), the same without autoencoder heads, the widest
network alone, and the paper's two networks; frames a second, seconds a step relative to the network alone, and the
largest memory of the process (of the device, on CUDA).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import replace

from matae.threads import training_threads

STEPS, WARM_UP, BATCH = 8, 2, 16
GRIDS = (160, 224)
KINDS = ("alone", "nested without heads", "nested", "unet-published", "matae-published")


def measure(kind: str, grid: int, device: str) -> tuple[float, float]:
    """Return seconds a step and megabytes of one kind, in a process of its own."""
    import numpy as np
    import torch

    from matae.train.config import NetworkConfig, TrainConfig
    from matae.train.data import LabelledFrames
    from matae.train.loop import begin, make_fabric
    from matae.train.run import _new
    from matae.train.step import take_step

    torch.set_num_threads(training_threads())
    config = TrainConfig(batch=BATCH, grid=grid, device=device, rebuild=0.1 if kind == "nested" else 0.0)
    if kind == "alone":
        config = replace(config, network=NetworkConfig(widths=(1.0,)))
    elif kind.endswith("published"):
        config = replace(config, network=NetworkConfig(family=kind))
    network, _ = _new(config, 1)
    fabric = make_fabric(config)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (64, 256, 256), dtype=np.uint8)
    names = tuple(map(str, range(64)))
    frames = LabelledFrames(images, (images > 128).astype(np.uint8), names, names, ("",) * 64, np.ones(64))
    run, batches = begin(network, config, fabric.device, frames)
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            start = time.perf_counter()
        take_step(fabric, run, batches.draw(step))
    seconds = (time.perf_counter() - start) / STEPS
    if device.startswith("cuda"):
        return seconds, torch.cuda.max_memory_allocated() / 1e6
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "GRID"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(*measure(args.one[0], int(args.one[1]), args.device))
        return
    print("| network | grid | frames/s | seconds a step, against the network alone | memory, MB |")
    print("|---|---|---|---|---|")
    for grid in GRIDS:
        alone = None
        for kind in KINDS:
            if kind == "unet-published" and grid != GRIDS[0]:
                continue  # 14 GFLOP a frame at 112 pixels already
            command = [sys.executable, __file__, "--device", args.device, "--one", kind, str(grid)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            seconds, memory = map(float, answer[-2:])
            alone = alone or seconds
            print(f"| {kind} | {grid} | {BATCH / seconds:.1f} | {seconds / alone:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()

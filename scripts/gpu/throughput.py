"""Stage: how many frames a second training takes, by batch and precision."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from networks import sync
from stage import Stage, run_stage

if TYPE_CHECKING:
    from pathlib import Path

    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames


@lru_cache(maxsize=1)
def training_frames(path: Path, grid: int, views: tuple[str, ...], classes: tuple[str, ...]) -> LabelledFrames:
    """Return the frames to train on; unpacking them takes seconds."""
    from matae.train.data import load_folders

    return load_folders([path], grid, views=views, classes=classes)[0]


def step_seconds(stage: Stage, config: TrainConfig, seconds: float) -> tuple[float, float | None]:
    """Return seconds a step and peak GPU memory in MB, measured for some seconds after a warm-up."""
    from matae.train.loop import begin, make_fabric
    from matae.train.run import new_network
    from matae.train.step import take_step
    from matae.train.teacher import load_teacher

    fabric = make_fabric(config)
    frames = training_frames(stage.frames, config.grid, config.views, config.classes)
    teacher = load_teacher(config.teacher)[0] if config.teacher else None
    run, batches = begin(new_network(config), config, fabric.device, frames, teacher=teacher)
    on_gpu = stage.device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    wait = sync(stage.device)
    for step in range(1 if stage.dry else 5):
        take_step(fabric, run, batches.draw(step))
    wait()
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < seconds:
        take_step(fabric, run, batches.draw(count))
        count += 1
    wait()
    each = (time.perf_counter() - start) / count
    return each, torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None


def settings(stage: Stage) -> TrainConfig:
    """Return the settings of the recipe on this device; tiny ones in a dry run."""
    from matae.train.config import NetworkConfig
    from matae.train.settings import read_settings

    config = replace(read_settings(stage.recipe), device=stage.device, keep_best=True)
    if not stage.dry:
        return config
    network = NetworkConfig(channels=(8, 8, 16), widths=(0.5, 1.0))
    return replace(config, network=network, grid=32, batch=4, steps=4, check_every=2, teacher="")


def work(stage: Stage) -> None:
    """Measure the recipe's network."""
    if stage.frames is None:
        stage.leave_out("all", "there are no packed frames; make them with scripts/pack_frames.py")
        return
    config = settings(stage)
    stage.say(grid=config.grid, recipe=stage.recipe.name)
    precisions: tuple[Any, ...] = ("32",) if stage.dry else ("bf16", "32")
    for precision in precisions:
        for batch in (config.batch,) if stage.dry else (config.batch, 16, 64, 128):
            if stage.left < 8 and not stage.dry:
                stage.leave_out(f"batch {batch}, {precision}")
                continue
            try:
                span = 0.0 if stage.dry else 4.0
                each, memory = step_seconds(stage, replace(config, batch=batch, precision=precision), span)
            except torch.OutOfMemoryError:
                stage.leave_out(f"batch {batch}, {precision}", "out of memory")
                continue
            stage.row("rows", batch=batch, precision=precision, steps_per_second=1 / each,
                      frames_per_second=batch / each, peak_mb=memory)  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_stage("throughput", work))

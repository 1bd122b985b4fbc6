"""Stage: how fast every width is, alone and from native frame to cleaned mask, against the published networks.

What comes first is what no other row tells: the structures beside one core of the processor, and the whole path.

Eager, captured as a CUDA graph, and compiled; fp16, bf16 and fp32; one frame at a time, and a batch. The published
networks run as the paper ran them: eager, fp32, frame by frame, picture and mask over the bus each time. Each figure is
the median of several rounds.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks import autocast, model_source, ready, sync
from stage import Stage, run_stage

from matae.nn.widths import format_width

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.nn.regions import Regions

ROUNDS = 3
SHAPES = ((112, 112), (600, 800))


def seconds_each(run: Callable[[], object], wait: Callable[[], None], span: float) -> float:
    """Return the median seconds of a call, each round as many calls as fill a span; a call that is longer is one."""
    run()  # kernels are compiled or chosen
    wait()
    start = time.perf_counter()
    run()
    wait()
    first = time.perf_counter() - start
    if first > span:
        return first
    for _ in range(3):
        run()
    wait()
    start = time.perf_counter()
    run()
    wait()
    count = max(1, min(500, int(span / max(time.perf_counter() - start, 1e-6))))
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            run()
        wait()
        found.append((time.perf_counter() - start) / count)
    return statistics.median(found)


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """Return a pass as a CUDA graph: what it launches is recorded once, then replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def network_row(stage: Stage, network: Any, grid: int, *, mode: str, precision: str, batch: int) -> dict[str, Any]:
    """Return frames a second of a network alone, its pictures on the device already."""
    device = stage.device
    x = torch.rand(batch, 1, grid, grid, device=device).contiguous(memory_format=torch.channels_last)
    called = network
    if mode == "compiled":
        # All widths are of one class: beyond a few shapes of it the compiler would quietly give up.
        torch._dynamo.reset()
        called = torch.compile(network, dynamic=False)

    @torch.inference_mode()
    def run() -> object:
        with autocast(device, precision):
            return called(x)

    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    run()
    sync(device)()
    first = time.perf_counter() - began
    seconds = seconds_each(captured(run) if mode == "graph" else run, sync(device), 0.02 if stage.dry else 0.3)
    return {
        "mode": mode, "precision": precision, "batch": batch, "grid": grid, "ms_a_pass": 1e3 * seconds,
        "frames_per_second": batch / seconds, "first_pass_s": first,
        "peak_mb": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None,
    }  # fmt: skip


def published_rows(stage: Stage) -> None:
    """Measure the published networks as the paper ran them."""
    from matae.nn.published import PUBLISHED

    for name, make in PUBLISHED.items():
        network = ready(make(1), stage.device)
        for grid in (16,) if stage.dry else (112, 224):
            picture = np.zeros((1, 1, grid, grid), np.float32)

            @torch.inference_mode()
            def run(network: Any = network, picture: Any = picture) -> object:
                return network(torch.from_numpy(picture).to(stage.device)).sigmoid().gt(0.5).cpu()

            seconds = seconds_each(run, sync(stage.device), 0.02 if stage.dry else 0.4)
            stage.row("published", network=name, grid=grid, mode="eager, frame by frame", precision="fp32",
                      ms_a_frame=1e3 * seconds, frames_per_second=1 / seconds)  # fmt: skip


def network_rows(stage: Stage, modes: tuple[str, ...], reserve: float) -> None:
    """Measure every width alone; the widest in fp16 first, since time may not suffice for all.

    What it says of the published baseline is said anew after every row: a stage may be ended at any of them.
    """
    source = model_source(stage)
    on_gpu = stage.device.startswith("cuda")
    for mode in modes:
        for precision in ("fp16", "bf16", "fp32") if on_gpu else ("bf16", "fp32"):
            for width in sorted(source.card.widths, reverse=True):
                what = f"width {format_width(width)}, {mode}, {precision}"
                if mode == "graph" and not on_gpu:
                    continue
                if stage.left < reserve:
                    stage.leave_out(what)
                    continue
                network = ready(source.plain(width), stage.device)
                for batch in (1, 4 if stage.dry else 128):
                    if stage.left < reserve:
                        stage.leave_out(f"{what}, batch {batch}")
                        continue
                    try:
                        row = network_row(stage, network, source.card.grid, mode=mode, precision=precision, batch=batch)
                    except Exception as error:  # noqa: BLE001 - a compiler may raise anything; the other rows go on
                        stage.leave_out(what, f"{type(error).__name__}: {str(error)[:200]}")
                        break
                    stage.row("networks", width=format_width(width), **row)
                    _ratios(stage)


def pipeline_rows(stage: Stage) -> None:
    """Measure `segment`'s own path: native frames in memory to cleaned native masks."""
    from matae.segment import Segmenter, SegmentOptions, find_sector
    from matae.speed.clip import phantom_clip

    if stage.dry:
        stage.leave_out("the whole path", "a dry run has no model that is installed")
        return
    for shape in SHAPES:
        clip = phantom_clip(2560 if shape[0] < 200 else 320, shape, 5)
        sector = find_sector(clip)
        for width in sorted(model_source(stage).card.widths, reverse=True):
            if stage.left < 5:
                stage.leave_out(f"{shape[0]} x {shape[1]}, width {format_width(width)}")
                continue
            segmenter = Segmenter(SegmentOptions(width=format_width(width), device=stage.device, backend="torch"))
            for _ in segmenter.stream(clip, sector, range(64)):
                pass
            found = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                for _ in segmenter.stream(clip, sector):
                    pass
                found.append(clip.n_frames / (time.perf_counter() - start))
            alone = network_alone(segmenter._backend, segmenter.grid, stage.device)
            stage.row("whole_path", rows=shape[0], columns=shape[1], frames=clip.n_frames, width=format_width(width),
                      precision=segmenter.describe()["precision"], frames_per_second=statistics.median(found),
                      grid=segmenter.grid, network_alone=alone)  # fmt: skip


@torch.inference_mode()
def network_alone(backend: Any, grid: int, device: str) -> float:
    """Return frames a second of the network as `segment` runs it, its pictures on the device already."""
    pictures = torch.randint(0, 255, (backend.batch, grid, grid), dtype=torch.uint8, device=device)

    def run() -> object:
        return backend.forward(pictures)

    on_gpu = device.startswith("cuda")
    return backend.batch / seconds_each(captured(run) if on_gpu else run, sync(device), 0.3)


def structure_rows(stage: Stage) -> None:
    """Measure how long native logits take to become structures, on the device and on one core beside it.

    Says how many frames the device decides; the others are left to `find_structures`, whose time is measured on the
    same logits, as far as `segment` gives it logits: the part of a frame where something is possible.
    """
    from matae.anatomy import CLASS_NAMES
    from matae.nn.regions import Regions
    from matae.segment.graphs import Graphs
    from matae.segment.structures import find_structures
    from matae.segment.structures_on_device import structures

    regions = Regions.nested(CLASS_NAMES)
    span = 0.02 if stage.dry else 0.3
    for shape, count in (((64, 72), 4),) if stage.dry else (((112, 112), 32), ((112, 112), 128), ((600, 800), 32)):
        if stage.left < 5:
            stage.leave_out(f"structures, {shape[0]} x {shape[1]}, {count} a pass")
            continue
        logits = heart_logits(regions, count, shape, stage.device)
        decide = Graphs().decided if stage.device.startswith("cuda") else structures
        with torch.inference_mode():
            for _ in range(6):  # what is done often is recorded
                decide(logits, regions)
            seconds = seconds_each(lambda x=logits, d=decide: d(x, regions), sync(stage.device), span)
        decided = int(structures(logits, regions)[1].sum())
        frames = logits[:4].cpu().numpy()
        alone = seconds_each(lambda x=frames: [find_structures(each, regions) for each in x], lambda: None, span)
        stage.row("structures", rows=shape[0], columns=shape[1], frames=count, decided_on_the_device=decided,
                  ms_a_frame=1e3 * seconds / count, ms_a_frame_on_one_core=1e3 * alone / len(frames))  # fmt: skip


def heart_logits(regions: Regions, count: int, shape: tuple[int, int], device: str) -> torch.Tensor:
    """Return logits such as a network gives: of phantoms, blurred, strongest inside, brought to native size."""
    from torch.nn import functional as F

    from matae.phantom import make_phantom

    masks = np.concatenate([make_phantom(seed, n_frames=2, shape=(112, 112)).masks for seed in range(1, 5)])
    targets = regions.targets(torch.from_numpy(np.resize(masks, (count, 112, 112))).to(device))
    blurred = sum(F.avg_pool2d(targets, size, 1, size // 2, count_include_pad=False) for size in (3, 9, 25)) / 3
    return F.interpolate(16 * blurred - 8, shape, mode="bilinear", antialias=False)


def work(stage: Stage) -> None:
    """Measure in the order of what matters most, should time run out."""
    stage.say(tf32_convolutions=torch.backends.cudnn.allow_tf32)
    published_rows(stage)
    structure_rows(stage)
    pipeline_rows(stage)
    network_rows(stage, ("graph", "eager"), 0.05 * stage.seconds)
    if stage.dry:
        stage.leave_out("compiled networks", "a compiler takes longer than a dry run may")
    else:
        network_rows(stage, ("compiled",), 25.0)


def _ratios(stage: Stage) -> None:
    """Say how many times as fast as the published baseline, frame by frame, each width is."""
    base = next(
        (row["frames_per_second"] for row in stage.report["published"] if row["network"] == "unet-published"), 0
    )
    best: dict[str, float] = {}
    for row in stage.report.get("networks", []):
        best[row["width"]] = max(best.get(row["width"], 0.0), row["frames_per_second"])
    stage.say(times_unet_published={width: round(rate / base, 1) for width, rate in best.items()} if base else {})


if __name__ == "__main__":
    sys.exit(run_stage("speed", work))

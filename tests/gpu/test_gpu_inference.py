"""Inference on a GPU: the masks of the CPU, in every precision, whatever memory there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from matae.metrics import dice
from matae.segment.backends import choose_backend
from matae.segment.backends import torch_backend as backends

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.segment.backends import ModelSource

pytestmark = pytest.mark.gpu


def logits_of(source: ModelSource, width: float, device: str, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    backend = choose_backend("torch", source, width, device=torch.device(device), batch=len(pictures))
    return backend(pictures)


def in_precision(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr(backends, "reduced_precision", lambda _: dtype)


def probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


@pytest.mark.parametrize("width", [1.0, 0.5, 0.25, 0.125])
def test_fp32_gives_what_the_cpu_gives(
    device: str, source: ModelSource, pictures: NDArray[np.uint8], width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_precision(monkeypatch, torch.float32)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    found, wanted = (probability(logits_of(source, width, where, pictures)) for where in (device, "cpu"))
    assert np.abs(found - wanted).max() < 1e-3
    assert dice(found[:, 0] > 0.5, wanted[:, 0] > 0.5).min() > 0.999


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("width", [1.0, 0.125])
def test_reduced_precision_gives_finite_values_and_the_same_masks(
    device: str, source: ModelSource, pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, *, width: float,
    dtype: torch.dtype,
) -> None:  # fmt: skip
    if device == "cpu" and dtype is torch.float16:
        pytest.skip("fp16 is for GPUs")
    with monkeypatch.context() as patch:
        in_precision(patch, torch.float32)
        wanted = logits_of(source, width, "cpu", pictures)
    in_precision(monkeypatch, dtype)
    found = logits_of(source, width, device, pictures)
    assert np.isfinite(found).all()
    assert dice(found[:, 0] > 0, wanted[:, 0] > 0).min() > 0.98


def test_the_gpu_is_what_runs(cuda: str, source: ModelSource, pictures: NDArray[np.uint8]) -> None:
    said: list[str] = []
    backend = choose_backend("torch", source, 1.0, device=torch.device(cuda), notify=said.append)
    torch.cuda.reset_peak_memory_stats()
    backend(pictures)
    assert torch.cuda.get_device_name(0) in backend.device
    assert torch.cuda.max_memory_allocated() > 2**20
    assert not said


def test_when_memory_runs_out_the_batch_is_halved(cuda: str, source: ModelSource, pictures: NDArray[np.uint8]) -> None:
    said: list[str] = []
    many = np.concatenate([pictures] * 16)  # 128
    backend = choose_backend("torch", source, 1.0, device=torch.device(cuda), batch=len(many), notify=said.append)
    few = choose_backend("torch", source, 1.0, device=torch.device(cuda), batch=8)
    wanted = few(pictures)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    few(np.concatenate([pictures] * 2))
    enough = 2 * torch.cuda.max_memory_allocated() + 64 * 2**20
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(enough / torch.cuda.get_device_properties(0).total_memory)
    found = backend(many)
    assert any("frames at a time" in text for text in said), said
    assert torch.device(cuda).type in backend.where.type
    assert backend.batch < len(many)
    assert dice(found[:8, 0] > 0, wanted[:, 0] > 0).min() > 0.99


@pytest.mark.parametrize("model", ["matae-lv", "matae-apical"])
def test_a_clip_on_the_gpu_gives_the_masks_of_the_cpu(model: str, device: str) -> None:
    from matae.segment import SegmentOptions, find_sector, segment
    from matae.speed.clip import phantom_clip

    clip = phantom_clip(12, (300, 400), 4)
    sector = find_sector(clip)
    found, wanted = (
        segment(clip, SegmentOptions(model=model, width="1", device=where, backend="torch"), sector=sector)
        for where in (device, "cpu")
    )
    for value in range(1, 1 + wanted.masks.max()):  # every structure of the model
        assert dice(found.masks == value, wanted.masks == value).min() > 0.98
    assert found.run["precision"] in {"bf16", "fp16", "fp32"}


@pytest.mark.parametrize("model", ["matae-lv", "matae-apical"])
def test_what_is_recorded_gives_the_masks_of_what_is_launched_each_time(model: str, cuda: str) -> None:
    from matae.segment import Segmenter, SegmentOptions, find_sector
    from matae.speed.clip import phantom_clip

    clip = phantom_clip(96, (112, 128), 4)
    segmenter = Segmenter(SegmentOptions(model=model, width="1", device=cuda, backend="torch"))
    segmenter._backend.batch = 16  # structures are recorded from the fifth whole batch
    first, *_, last = batches = [
        list(segmenter.stream(clip, find_sector(clip), [*range(16)] * times)) for times in (2, 8, 2)
    ]
    assert not segmenter.notices
    assert segmenter._backend.graphs._structures
    for frame, again in zip(first, last, strict=True):
        np.testing.assert_array_equal(frame.mask, again.mask)
        np.testing.assert_array_equal(frame.probability, again.probability)
    assert all(frame.mask.any() for batch in batches for frame in batch)


@pytest.mark.parametrize("kind", ["one", "nested", "alone"])
def test_what_decides_structures_can_be_recorded_for_every_kind_of_regions(kind: str, cuda: str) -> None:
    from matae.anatomy import CLASS_NAMES
    from matae.nn.regions import Regions
    from matae.segment.graphs import captured, decided

    regions = (
        Regions.nested(CLASS_NAMES) if kind == "nested" else Regions.alone(CLASS_NAMES[: 1 if kind == "one" else 3])
    )
    noise = torch.randn(8, len(regions.covers), 7, 9, device=cuda) * 4
    native = torch.nn.functional.interpolate(noise, (64, 80), mode="bicubic")
    with torch.inference_mode():
        found = captured(lambda logits: decided(logits, regions), native)(native)
        for one, other in zip(found, decided(native, regions), strict=True):
            assert torch.equal(one, other)


def test_convolutions_in_one_kernel_give_what_they_give_in_three(cuda: str, source: ModelSource) -> None:
    from matae.segment.backends.fused import fused

    network = source.plain(1.0).to(cuda)
    quick = fused(network, torch.float16)
    assert quick is not None
    x = torch.rand(2, 1, 224, 224, device=cuda)
    with torch.inference_mode(), torch.autocast("cuda", torch.float16):
        wanted = network(x).float().sigmoid()
    with torch.inference_mode():
        found = quick(x.half()).float().sigmoid()
    assert (found - wanted).abs().max() < 0.02

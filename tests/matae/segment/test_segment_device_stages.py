"""The stages on a CUDA GPU, driven by one that is not there: what goes wrong first, then the masks of the CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from fake_devices import Gpu

from matae.anatomy import CLASS_NAMES
from matae.models import load_model
from matae.nn.checkpoint import save
from matae.nn.enlarge import with_classes
from matae.phantom import make_phantom
from matae.segment import Segmenter, SegmentOptions, find_sector, segment
from matae.segment.structures import find_structures

if TYPE_CHECKING:
    from pathlib import Path

    from fake_devices import FakeDevices

    from matae.cine import Cine
    from matae.segment import Segmentation

OLD = Gpu((7, 5))
LARGE = Gpu((9, 0), 12_622_168_064)
"""What a card that is sold with 12 GB states."""


@pytest.fixture(scope="module")
def cine() -> Cine:
    return make_phantom(4, n_frames=70, shape=(64, 72)).cine


_BY_CPU: dict[tuple[int, str], tuple[Cine, Segmentation]] = {}
"""What the CPU says of a clip, which stays as long: the models of one name are all alike here."""


def on_cpu(cine: Cine, model: str) -> Segmentation:
    key = id(cine), model
    if key not in _BY_CPU:
        found = segment(cine, SegmentOptions(model, "1", "cpu", "torch"), sector=find_sector(cine))
        _BY_CPU[key] = cine, found
    return _BY_CPU[key][1]


def on_gpu(cine: Cine, model: str, segmenter: Segmenter | None = None) -> Segmentation:
    segmenter = segmenter or Segmenter(SegmentOptions(model, "1", "cuda"))
    return segment(cine, sector=find_sector(cine), segmenter=segmenter)


def same(found: Segmentation, expected: Segmentation) -> None:
    # The CPU takes a frame a pass: the last digits of its logits differ.
    assert (found.masks != expected.masks).mean() < 1e-5
    assert np.abs(found.probability.astype(int) - expected.probability).max() <= 1
    assert np.abs(found.area_px - expected.area_px).max() <= 1


def three_structures(matae_home: Path, tiny_model: str) -> None:
    """Register a model whose logits are of regions that enclose each other."""
    wider, card = with_classes(*load_model(tiny_model), CLASS_NAMES, seed=1)
    with torch.no_grad():
        wider.head.weight.normal_(0, 0.2, generator=torch.Generator().manual_seed(0))
        wider.head.bias.zero_()
    save(matae_home / "models" / "three", wider, replace(card, name="three"))


GONE = "CUDA error: unspecified launch failure"


@pytest.mark.parametrize("done", [0, 3, 33])
def test_a_gpu_that_vanishes_is_left(done: int, devices: FakeDevices, cine: Cine, tiny_model: str) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    assert segmenter.describe()["device"] == "Fake 0 (cuda:0)"
    stream = segmenter.stream(cine, find_sector(cine))
    frames = [next(stream) for _ in range(done)]
    devices.gone = GONE
    frames += stream
    assert [frame.index for frame in frames] == list(range(70))
    for frame in frames:
        assert (frame.mask != expected.masks[frame.index]).sum() <= 1
    assert segmenter.notices == ["The GPU is gone; going on with the CPU."]
    assert segmenter.describe()["device"].startswith("CPU")
    assert devices.freed == []


@pytest.mark.parametrize("done", [0, pytest.param(33, marks=pytest.mark.slow)])  # of one structure both are above
def test_a_gpu_that_vanishes_from_a_model_of_three_structures_is_left(
    done: int, devices: FakeDevices, cine: Cine, matae_home: Path, tiny_model: str
) -> None:
    three_structures(matae_home, tiny_model)
    expected = on_cpu(cine, "three")
    assert set(np.unique(expected.masks)) > {0, 1}
    devices.have(OLD)
    segmenter = Segmenter(SegmentOptions("three", "1", "cuda"))
    wanted = [*range(70), *range(70), *range(70)]  # more than is under way at once
    stream = segmenter.stream(cine, find_sector(cine), wanted)
    frames = [next(stream) for _ in range(done)]
    devices.gone = GONE
    frames += stream
    assert [frame.index for frame in frames] == wanted
    assert np.mean([(frame.mask != expected.masks[frame.index]).mean() for frame in frames]) < 1e-3
    assert segmenter.notices == ["The GPU is gone; going on with the CPU."]
    assert segmenter.describe()["device"].startswith("CPU")


@pytest.mark.parametrize("where", ["capture", "pass"])
def test_what_does_not_work_is_done_the_plain_way_and_said_once(
    where: str, devices: FakeDevices, cine: Cine, tiny_model: str
) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)
    error = RuntimeError("operation not permitted when stream is capturing\nand more")
    (devices.fail_capture if where == "capture" else devices.fail).append(error)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    same(on_gpu(cine, tiny_model, segmenter), expected)
    (said,) = segmenter.notices
    assert said.startswith("The quick way on the GPU does not work here (operation not permitted when stream is capt")
    assert said.endswith("; going on with the plain one.")
    assert segmenter.describe()["device"] == "Fake 0 (cuda:0)"


@pytest.mark.parametrize(
    "said", ["GET was unable to find an engine to execute this computation", "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"]
)
def test_a_cudnn_without_the_kernel_for_pictures_that_are_larger_computes_otherwise(
    said: str, devices: FakeDevices, cine: Cine, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)

    def in_one(x: torch.Tensor, *given: object) -> torch.Tensor:
        if x.shape[0] > 1:
            raise RuntimeError(said)
        return torch.nn.functional.conv2d(x, *given).relu()  # type: ignore[arg-type]

    monkeypatch.setattr(torch, "cudnn_convolution_relu", in_one)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    assert segmenter._backend._is_fused
    same(on_gpu(cine, tiny_model, segmenter), expected)
    assert segmenter.notices == ["This GPU has no kernel for a convolution with its ReLU; going on with one for each."]
    assert segmenter.describe()["device"] == "Fake 0 (cuda:0)"


def test_a_gpu_that_fills_up_takes_fewer_frames_the_plain_way(
    devices: FakeDevices, cine: Cine, tiny_model: str
) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)
    devices.fail = [RuntimeError("CUDA error: out of memory") for _ in range(2)]
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    same(on_gpu(cine, tiny_model, segmenter), expected)
    assert segmenter.notices == ["GPU memory ran out; going on with 16 frames at a time."]


def test_a_batch_of_large_pictures_is_halved_from_what_it_was(
    devices: FakeDevices, cine: Cine, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matae.segment import device_stages

    expected = on_cpu(cine, tiny_model)
    devices.have(LARGE)
    box = find_sector(cine).box(cine.shape)
    monkeypatch.setattr(device_stages, "_PIXELS", 16 * box.height * box.width)
    devices.fail = [RuntimeError("CUDA error: out of memory") for _ in range(2)]
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    same(on_gpu(cine, tiny_model, segmenter), expected)
    assert segmenter.notices == ["GPU memory ran out; going on with 8 frames at a time."]


@pytest.mark.parametrize("scales", [True, False])
def test_masks_are_those_of_the_cpu_and_a_byte_a_pixel_goes_over_the_bus(
    scales: bool, devices: FakeDevices, cine: Cine, tiny_model: str
) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)
    devices.scales = scales
    found = on_gpu(cine, tiny_model)
    same(found, expected)
    assert found.notices == []
    assert devices.graphs == [(32, 32, 32)]  # one graph: the last batch of 6 runs in it as well
    box = find_sector(cine).box(cine.shape)
    side = (box.height, box.width) if scales else (32, 32)
    assert devices.uploads == [(32, *side), (32, *side), (6, *side)]


def test_a_large_gpu_takes_more_frames_at_a_time_and_fewer_of_large_pictures(
    devices: FakeDevices, cine: Cine, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matae.segment import device_stages

    expected = on_cpu(cine, tiny_model)
    devices.have(LARGE)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    same(on_gpu(cine, tiny_model, segmenter), expected)
    box = find_sector(cine).box(cine.shape)
    monkeypatch.setattr(device_stages, "_PIXELS", 31 * box.height * box.width)
    same(on_gpu(cine, tiny_model, segmenter), expected)
    assert [count for count, *_ in devices.graphs] == [128, 16]
    assert [count for count, *_ in devices.uploads] == [70, 16, 16, 16, 16, 6]


def test_frames_in_any_order_are_those_of_the_clip(devices: FakeDevices, cine: Cine, tiny_model: str) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    wanted = [5, 6, 4, 69, 69, 0]
    found = list(segmenter.stream(cine, find_sector(cine), wanted))
    assert [frame.index for frame in found] == wanted
    for frame in found:
        assert (frame.mask != expected.masks[frame.index]).sum() <= 1


def test_what_overflows_is_captured_again_in_fp32(devices: FakeDevices, cine: Cine, tiny_model: str) -> None:
    expected = on_cpu(cine, tiny_model)
    devices.have(OLD)
    devices.reduced = lambda logits: torch.full_like(logits, float("nan"))
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    same(on_gpu(cine, tiny_model, segmenter), expected)
    assert segmenter.notices == ["The network does not fit into fp16; going on in fp32."]
    assert devices.graphs == [(32, 32, 32)] * 2


def test_graphs_are_kept_from_clip_to_clip_and_one_frame_has_its_own(
    devices: FakeDevices, cine: Cine, tiny_model: str
) -> None:
    devices.have(OLD)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    for _ in range(2):
        assert len(list(segmenter.stream(cine, find_sector(cine), [4]))) == 1
    assert devices.graphs == [(1, 32, 32)]
    for _ in range(2):
        on_gpu(cine, tiny_model, segmenter)
    assert devices.graphs == [(1, 32, 32), (32, 32, 32)]


def test_few_frames_are_no_pass_of_many(devices: FakeDevices, cine: Cine, tiny_model: str) -> None:
    devices.have(LARGE)
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    sector = find_sector(cine)
    for count in (70, 1, 20):  # the clip, then a frame for somebody who waits, then some
        assert len(list(segmenter.stream(cine, sector, range(count)))) == count
    assert [count for count, *_ in devices.graphs] == [128, 1, 32]


def test_three_structures_are_those_of_the_cpu(
    devices: FakeDevices, cine: Cine, matae_home: Path, tiny_model: str
) -> None:
    three_structures(matae_home, tiny_model)
    expected = on_cpu(cine, "three")
    devices.have(OLD)
    found = on_gpu(cine, "three")
    assert found.notices == []
    assert set(np.unique(found.masks)) > {0, 1}
    assert (found.masks != expected.masks).mean() < 1e-3  # of noise: a last digit can move a whole part
    assert devices.fetched  # some are not simple
    box = find_sector(cine).box(cine.shape)
    assert all(len(each) == 3 and each[1] <= box.height and each[2] <= box.width for each in devices.fetched)
    assert devices.uploads == [
        (32, *devices.uploads[0][1:]),
        (32, *devices.uploads[0][1:]),
        (6, *devices.uploads[0][1:]),
    ]


def test_what_joins_two_parts_comes_back_with_them(devices: FakeDevices, cine: Cine, tiny_model: str) -> None:
    from matae.nn.regions import Regions
    from matae.placement import whole_frame
    from matae.segment.device_stages import DeviceStages

    devices.have(OLD)
    regions = Regions.alone(CLASS_NAMES[:1])
    # Likely pixels between two parts, others beside them; and a frame in which nothing is.
    logits = torch.full((2, 1, 32, 32), -9.0)
    logits[0, 0, 10:20, 4:12] = logits[0, 0, 10:20, 20:28] = 4
    logits[0, 0, 14:16, 12:20], logits[0, 0, 4:10, 10:22] = -0.6, -0.5
    backend = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))._backend
    backend.checked = lambda *_: logits
    clip = replace(cine, frames=np.zeros((2, 32, 32), np.uint8), frame_times=None)
    stages = DeviceStages(backend, clip, whole_frame(clip, 32), regions)
    joined, nothing = stages.finish([0, 1], stages.infer(stages.place([0, 1])))
    np.testing.assert_array_equal(joined.mask, find_structures(logits[0].numpy(), regions))
    assert joined.mask[15, 16] == 1
    assert joined.probability[6, 16] == 96
    assert not nothing.mask.any()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_three_structures_on_a_real_gpu(cine: Cine, matae_home: Path, tiny_model: str) -> None:
    three_structures(matae_home, tiny_model)
    segmenter = Segmenter(SegmentOptions("three", "1", "cuda"))
    found = on_gpu(cine, "three", segmenter)
    assert found.notices == []
    plain = segment(cine, sector=find_sector(cine), segmenter=_eager(segmenter))
    assert (found.masks != plain.masks).mean() < 1e-3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_quick_way_works_on_a_real_gpu(cine: Cine, tiny_model: str) -> None:
    from matae.placement import Placement
    from matae.segment.on_device import Placer

    sector = find_sector(cine)
    device = torch.device("cuda", 0)
    assert Placer.matching(Placement.of(cine, sector, 32), device) is not None
    expected, found = on_cpu(cine, tiny_model), on_gpu(cine, tiny_model)
    assert found.notices == []
    assert (found.masks != expected.masks).mean() < 1e-2  # reduced precision
    segmenter = Segmenter(SegmentOptions(tiny_model, "1", "cuda"))
    on_gpu(cine, tiny_model, segmenter)
    plain = segment(cine, sector=sector, segmenter=_eager(segmenter))
    same(found, plain)


def _eager(segmenter: Segmenter) -> Segmenter:
    """Have the network run as it is, without a graph, and all else on the CPU."""
    from matae.segment.pipeline import HostStages

    regions = segmenter.card.outputs
    segmenter._stages = lambda cine, placement: HostStages(segmenter._backend, cine, placement, regions)
    return segmenter

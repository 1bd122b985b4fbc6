"""Segmenting: wrong options, streams, and real frames."""

from __future__ import annotations

import csv
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from matae.cine import Cine, Spacing
from matae.errors import DeviceError, ModelError, SegmentError
from matae.metrics import dice
from matae.models import find_model
from matae.nn.matae import Matae, MataeConfig
from matae.segment import Sector, Segmenter, SegmentOptions, choose_width, find_sector, segment
from matae.segment.backends import ModelSource, base, choose_backend
from matae.segment.backends.torch_backend import TorchBackend
from matae.segment.device import choose_device, describe_device

CAMUS = Path(__file__).parents[3].parent / "shared" / "data" / "camus-a4c-256"
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def a_cine(n_frames: int = 7, rows: int = 40, columns: int = 50, spacing: Spacing | None = None) -> Cine:
    frames = np.random.default_rng(0).integers(0, 255, (n_frames, rows, columns), dtype=np.uint8)
    return Cine(frames, None, spacing, Path("clip"))


def whole(cine: Cine) -> Sector:
    rows, columns = cine.shape
    return Sector(np.array([[0.0, 0], [0, columns - 1], [rows - 1, columns - 1], [rows - 1, 0]]), "whole")


def options(model: str, **more: str) -> SegmentOptions:
    return SegmentOptions(model, **({"device": "cpu"} | more))


def a_network() -> Matae:
    torch.manual_seed(5)
    return Matae(MataeConfig(channels=(8, 8, 16))).eval()


def a_source() -> ModelSource:
    return ModelSource.of(a_network(), 32)


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:²", "cuda:x", "cuda:-1", "cpu:0", "auto:1", "CUDA"])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(DeviceError, match="is no device; choose"):
        choose_device(name)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no CUDA GPU"):
        choose_device("cuda")
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    assert "CPU" in describe_device(torch.device("cpu"))


def test_a_gpu_number_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="no GPU number 1"):
        choose_device("cuda:1")
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda:0")


def test_a_driver_that_only_warns_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def old_driver() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old_driver)
    assert choose_device("auto").type == "cpu"


@pytest.mark.parametrize("width", ["1/3", "0.75"])
def test_a_width_that_a_model_lacks_is_refused(tiny_model: str, width: str) -> None:
    with pytest.raises(ModelError) as refused:
        Segmenter(options(tiny_model, width=width))
    assert "1/8, 1/4, 1/2, 1 or auto" in str(refused.value)


def test_auto_width_is_whole_where_it_is_fast_and_half_where_not(tiny_model: str) -> None:
    card = find_model(tiny_model).card
    assert choose_width("auto", card, fast=True) == 1
    assert choose_width("auto", card, fast=False) == 0.5
    assert choose_width("1/8", card, fast=True) == 0.125


def test_a_backend_that_is_none_is_refused(tiny_model: str) -> None:
    with pytest.raises(DeviceError, match="is no backend"):
        Segmenter(options(tiny_model, backend="tensorrt"))


def test_openvino_is_refused_on_a_gpu_and_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(device: str) -> object:
        return choose_backend("openvino", a_source(), 1.0, device=torch.device(device))

    with pytest.raises(DeviceError, match="runs on the CPU"):
        choose("cuda")
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(DeviceError, match=r"OpenVINO is not installed \(extra cpu\): pip install 'openvino"):
        choose("cpu")


@pytest.mark.parametrize("frames", [[7], [-1], [0, 99]])
def test_frames_the_cine_does_not_have_are_refused(tiny_model: str, frames: list[int]) -> None:
    cine = a_cine()
    with pytest.raises(SegmentError, match="frames 1 to 7"):
        list(Segmenter(options(tiny_model)).stream(cine, whole(cine), frames))


def test_no_frames_give_no_results(tiny_model: str) -> None:
    cine = a_cine()
    assert list(Segmenter(options(tiny_model)).stream(cine, whole(cine), [])) == []


def test_frames_come_in_the_order_asked_for_and_are_asked_for_late(tiny_model: str) -> None:
    cine, asked = a_cine(30), []

    def wanted() -> object:
        for t in (9, 3, 3, *range(29, 9, -1)):
            asked.append(t)
            yield t

    segmenter = Segmenter(options(tiny_model))
    segmenter._backend = TorchBackend(ModelSource.named(tiny_model), 1.0, batch=1)
    stream = segmenter.stream(cine, whole(cine), wanted())
    first = [next(stream) for _ in range(3)]
    assert [frame.index for frame in first] == [9, 3, 3]
    assert len(asked) <= 1 + base.CPU_BATCH
    stream.close()
    np.testing.assert_array_equal(first[1].mask, first[2].mask)
    for frame in first:
        assert frame.mask.shape == frame.probability.shape == cine.shape
        assert frame.mask.dtype == frame.probability.dtype == np.uint8
        assert frame.area_px == (frame.mask == 1).sum()


class Shown:
    """Frames that say how many are held at once, as a clip on disk would be read."""

    def __init__(self, n_frames: int) -> None:
        self.shape, self.ndim, self.dtype, self.most = (n_frames, 24, 24), 3, np.dtype(np.uint8), 0

    def __getitem__(self, chosen: list[int]) -> np.ndarray:
        self.most = max(self.most, len(chosen))
        return np.zeros((len(chosen), 24, 24), np.uint8)


def test_a_huge_clip_is_read_a_batch_at_a_time(tiny_model: str) -> None:
    frames = Shown(10**7)
    cine = Cine(frames, None, None, Path("huge"))
    segmenter = Segmenter(options(tiny_model))
    stream = segmenter.stream(cine, whole(cine))
    assert [next(stream).index for _ in range(9)] == list(range(9))
    assert frames.most <= base.CPU_BATCH


def test_results_do_not_depend_on_the_batch(tiny_model: str) -> None:
    cine, results = a_cine(), []
    for batch in (1, 3, 16):
        segmenter = Segmenter(options(tiny_model, width="1"))
        segmenter._backend = TorchBackend(ModelSource.named(tiny_model), 1.0, torch.device("cpu"), batch=batch)
        results.append(segment(cine, sector=whole(cine), segmenter=segmenter))
    for other in results[1:]:
        assert (dice(other.masks, results[0].masks) > 0.99).all()
        assert np.abs(other.probability.astype(int) - results[0].probability).max() <= 3


@pytest.mark.parametrize("spacing", [None, Spacing(0.3, 0.15), Spacing(0.001, 10.0)])
def test_a_cine_of_any_spacing_is_segmented_at_its_own_size(tiny_model: str, spacing: Spacing | None) -> None:
    cine, seen = a_cine(5, 33, 47, spacing), []
    result = segment(cine, options(tiny_model), sector=whole(cine), progress=lambda *now: seen.append(now))
    assert result.masks.shape == result.probability.shape == cine.frames.shape
    np.testing.assert_array_equal(result.area_px, (result.masks == 1).sum((1, 2)))
    assert seen == [(done, 5) for done in range(1, 6)]
    assert result.notices == []
    assert {"model", "model_sha256", "width", "device", "backend", "precision", "grid", "frames", "seconds"} <= set(
        result.run
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 30), (2, 31, 3)])
def test_the_smallest_cine_is_segmented(tiny_model: str, shape: tuple[int, int, int]) -> None:
    assert segment(a_cine(*shape), options(tiny_model)).masks.shape == shape


def test_long_clips_go_to_a_file(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.stack.IN_MEMORY_BYTES", 10_000)
    cine = Cine(np.zeros((100, 12, 12), np.uint8), None, None, Path("long"))
    segmenter = Segmenter(options(tiny_model, width="1/8"))
    segmenter._backend.batch = 30
    result = segment(cine, segmenter=segmenter)
    assert isinstance(result.masks, np.memmap)
    assert isinstance(result.probability, np.memmap)
    assert np.isfinite(result.area_px).all()


def test_a_worker_thread_gets_no_warnings_and_the_same_masks(tiny_model: str) -> None:
    cine, found = a_cine(), []
    cine.frames.flags.writeable = False

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found.append(segment(cine, options(tiny_model)).masks)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    np.testing.assert_array_equal(found[0], found[1])


def bundled_or_skip() -> str:
    try:
        find_model("matae-lv")
    except ModelError:
        pytest.skip("the bundled model matae-lv is not in this checkout")
    return "matae-lv"


def test_the_bundled_model_finds_one_cavity_in_every_frame_of_a_real_cine(matae_home: Path) -> None:
    import pydicom
    import pydicom.examples
    from scipy import ndimage

    name = bundled_or_skip()
    pixels = pydicom.dcmread(pydicom.examples.get_path("ybr_color")).pixel_array
    cine = Cine(pixels.mean(-1).astype(np.uint8), None, None, Path("ybr_color"))
    result = segment(cine, options(name, width="1/2"))
    sector = result.sector.mask(cine.shape)
    share = result.area_px / sector.sum()
    assert ((share > 0.03) & (share < 0.35)).all()
    for mask in result.masks:
        assert ndimage.label(mask)[1] == 1
        assert not (mask.astype(bool) & ~sector).any()


@pytest.mark.data
@pytest.mark.skipif(not CAMUS.is_dir(), reason=f"the CAMUS frames are not at {CAMUS.parent.name}/{CAMUS.name}")
def test_the_bundled_model_is_as_good_as_its_card_says(matae_home: Path) -> None:
    from matae.train.data import load_frames

    name = bundled_or_skip()
    frames = load_frames(CAMUS, "val")
    chosen = np.linspace(0, len(frames) - 1, 30).round().astype(int)
    with (CAMUS / "index.csv").open(newline="") as file:
        assert {row["patient"] for row in csv.DictReader(file) if row["split"] == "val"} == set(frames.patients)
    segmenter, scores = Segmenter(options(name, width="1")), []
    for i in chosen:
        spacing = Spacing(frames.spacing[i], frames.spacing[i])
        cine = Cine(frames.images[i : i + 1], None, spacing, Path(frames.frames[i]))
        scores.append(float(dice(segment(cine, segmenter=segmenter).masks[0] == 1, frames.masks[i] == 1)))
    card = next(iter(segmenter.card.figures.values()))["dice, width 1"]
    # 30 of the card's 100 frames: 0.01 is two standard errors of their mean about that of all.
    assert abs(np.mean(scores) - card["frame_mean"]) < 0.01
    assert np.mean(scores) >= 0.94, f"frame-mean Dice {np.mean(scores):.4f} on {len(scores)} frames"


@pytest.mark.gpu
@needs_gpu
def test_gpu_and_cpu_agree(tiny_model: str) -> None:
    cine = a_cine()
    on_cpu = segment(cine, options(tiny_model, width="1"), sector=whole(cine))
    on_gpu = segment(cine, options(tiny_model, width="1", device="cuda"), sector=whole(cine))
    assert (dice(on_gpu.masks, on_cpu.masks) > 0.98).all()
    assert np.abs(on_gpu.probability.astype(int) - on_cpu.probability).max() <= 12


@pytest.mark.gpu
@needs_gpu
def test_a_gpu_that_is_really_full_is_shared_or_left(tiny_model: str) -> None:
    cine = a_cine(64)
    expected = segment(cine, options(tiny_model, width="1"), sector=whole(cine))
    segmenter = Segmenter(options(tiny_model, width="1", device="cuda"))
    torch.cuda.set_per_process_memory_fraction(
        (torch.cuda.memory_reserved() + 2**20) / torch.cuda.get_device_properties(0).total_memory
    )
    try:
        result = segment(cine, sector=whole(cine), segmenter=segmenter)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.notices
    assert (dice(result.masks, expected.masks) > 0.98).all()


def test_find_sector_is_what_segment_uses(tiny_model: str) -> None:
    cine = a_cine()
    assert segment(cine, options(tiny_model)).sector.source == find_sector(cine).source

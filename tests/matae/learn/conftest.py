"""A base that was trained once for all tests, and the toy clinic's study."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from learn_makers import BASE, CONFIG, draw, fill, save_base
from PIL import Image

from matae.nn.matae import Matae
from matae.store import Study
from matae.train.config import TrainConfig
from matae.train.data import load_folders
from matae.train.loop import train
from matae.train.validation import validate
from tests.forked_runs import fork_runs
from tests.quick_fabric import look_for_callbacks_once


@pytest.fixture(scope="session", autouse=True)
def known_callbacks() -> None:
    """Let no training look through all that is installed."""
    look_for_callbacks_once()


@pytest.fixture(autouse=True)
def forked_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the processes of runs, but where a test asks for one that is started."""
    if "started_runs" not in request.fixturenames:
        fork_runs(monkeypatch)


@pytest.fixture
def started_runs() -> None:
    """Start the processes of runs as the product does."""


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of labelled frames like those the base was trained on."""
    folder = tmp_path_factory.mktemp("known")
    rng, rows = np.random.default_rng(0), []
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for i in range(16):
        image, mask = draw(rng, rng.uniform(0.18, 0.3), shifted=False)
        Image.fromarray(image).save(folder / "images" / f"k{i}.png")
        Image.fromarray(mask * 255).save(folder / "masks" / f"k{i}.png")
        rows.append({"frame": f"k{i}", "patient": f"k{i}", "split": "train" if i < 10 else "val"})
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def base_network(known: Path, tmp_path_factory: pytest.TempPathFactory) -> Matae:
    """Return the base; of several workers of pytest-xdist the first trains it, the others read what it made."""
    own = tmp_path_factory.getbasetemp()
    kept = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "toy-base.pt"
    network = Matae(CONFIG)
    with FileLock(f"{kept}.lock"):
        if kept.exists():
            network.load_state_dict(torch.load(kept, weights_only=True))
        else:
            torch.manual_seed(0)
            frames, held_out = load_folders([known])
            config = TrainConfig(
                steps=40, batch=8, grid=32, check_every=40, rebuild=0.0, ema=0.8, lr=2e-2, precision="32"
            )
            network = train(Matae(CONFIG), frames, held_out, tmp_path_factory.mktemp("base"), config)
            assert validate(network, held_out, 32)[0][1.0] > 0.8
            torch.save(network.state_dict(), kept)
    return network.eval()


@pytest.fixture
def base(base_network: Matae, matae_home: Path, tiny_default: str) -> str:
    """Register the base. A model that is compared with the bundled one is compared with a tiny one in its place."""
    save_base(matae_home / "models", base_network)
    return BASE


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.matae"
    Study.create(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        # The order of frames that are learnt from is that of the pseudonyms: with a key by chance the figures vary.
        (length,) = database.execute("SELECT length(secret) FROM study").fetchone()
        database.execute("UPDATE study SET secret = ?", (bytes(range(length)),))
    return path


@pytest.fixture
def empty_study(empty_file: Path, tmp_path: Path) -> Iterator[Study]:
    path = tmp_path / "study.matae"
    path.write_bytes(empty_file.read_bytes())
    with Study.open(path, rater="anna") as opened:
        yield opened


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    return tmp_path / "clips"


@pytest.fixture(scope="session")
def filled(empty_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the toy clinic's study and its clips, which every test gets a copy of."""
    folder = tmp_path_factory.mktemp("filled")
    shutil.copy(empty_file, folder / "study.matae")
    with Study.open(folder / "study.matae", rater="anna") as opened:
        fill(opened, folder / "clips")
    return folder


@pytest.fixture
def study(filled: Path, tmp_path: Path, clips: Path) -> Iterator[Study]:
    shutil.copytree(filled / "clips", clips)
    shutil.copy(filled / "study.matae", tmp_path / "study.matae")
    with closing(sqlite3.connect(tmp_path / "study.matae")) as database, database:
        database.execute("UPDATE cines SET path = replace(path, ?, ?)", (str(filled), str(tmp_path)))
        assert {Path(path).parent for (path,) in database.execute("SELECT path FROM cines")} == {clips}
    with Study.open(tmp_path / "study.matae", rater="anna") as opened:
        yield opened

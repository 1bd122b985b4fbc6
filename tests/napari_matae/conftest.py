"""Fixtures of the plugin's tests: a small cine, and a model that is small, real and quick."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matae.cine import Cine, Spacing
from matae.segment import Sector, find_sector
from matae.segment.kept import forget_kept

from ..quick_models import save_once
from ..quick_studies import make_studies_quickly


def make_cine(n_frames: int = 12, shape: tuple[int, int] = (60, 80), *, timed: bool = True, seed: int = 0) -> Cine:
    """Return noise inside a fan, moving, with a known rate and spacing."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    fan = np.abs(columns - shape[1] / 2) < 4 + 0.7 * rows
    frames = (rng.integers(20, 200, (n_frames, *shape)) * fan).astype(np.uint8)
    times = np.arange(n_frames) / 50 if timed else None
    return Cine(frames, times, Spacing(0.5, 0.25), Path(f"clip-{seed}.avi"))


@pytest.fixture(scope="session", autouse=True)
def viewer_loaded(qapp) -> None:
    """Load the viewer's modules, and leave them out of the garbage collections too."""
    import napari._qt.qt_main_window  # noqa: F401
    import torch  # noqa: F401
    from napari.settings import get_settings

    # Each dock takes part in napari's settings and gives back its part: each time napari would write all of them. What
    # is in the settings is tested, their file is napari's.
    get_settings()._save_on_change = False
    _look_at_signatures_once()
    gc.collect()
    gc.freeze()


_STAYS = 60_000
"""Objects that are left when a viewer is closed: so many more are what was loaded meanwhile, not what was forgotten."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    """Leave out of the garbage collections what the first viewer loads and keeps, 200,000 objects.

    napari searches everything when a layer goes and when a viewer is closed: five times a test, each time 0.2 s.
    """
    done = yield
    if "make_napari_viewer" in item.fixturenames and len(gc.get_objects()) > _STAYS:
        gc.collect()
        gc.freeze()
    return done


def _look_at_signatures_once() -> None:
    """Let napari inspect the signature of a function once, not each time that it is connected.

    A viewer with a clip makes four hundred connections, most of them to the same few functions of napari: a tenth of
    what the tests take.
    """
    from napari.utils.events.event import EventEmitter

    real, known = EventEmitter._check_signature, {}

    def check(fun) -> bool:
        inner = getattr(fun, "__func__", fun)
        if isinstance(fun, EventEmitter):  # most of them: an object that is called has the signature of its class
            inner = type(fun).__call__
        code = getattr(inner, "__code__", None)
        if code is None or hasattr(inner, "__wrapped__") or hasattr(inner, "__signature__"):
            return real(fun)  # its signature is not that of its code
        key = code, inner is fun
        if key not in known:
            known[key] = real(fun)
        return known[key]

    EventEmitter._check_signature = staticmethod(check)


PATIENCE_MS = 60_000
"""How long a test waits for what must come. None of these waits is a bound: a busy computer only takes longer."""


@pytest.fixture
def qtbot(qtbot):
    """Return pytest-qt's robot with patience, whatever a test or the library has for it."""
    for name in ("waitUntil", "waitSignal", "waitSignals", "waitExposed"):
        setattr(qtbot, name, _patient(getattr(qtbot, name)))
    return qtbot


def _patient(wait):
    def waiting(*args, timeout: int = PATIENCE_MS, **keywords):
        if keywords.get("raising") is False:  # what must not come is not waited for (`assertNotEmitted`)
            return wait(*args, timeout=timeout, **keywords)
        return wait(*args, timeout=max(timeout, PATIENCE_MS), **keywords)

    return waiting


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    """Keep models, settings and study of the tests away from those of whoever runs them."""
    monkeypatch.setenv("MATAE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MATAE_STUDY", str(tmp_path / "study.sqlite"))
    forget_kept()  # the tiny models are all alike: one test would run what another loaded
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def quick_studies(monkeypatch) -> None:
    """Make new studies without running all migrations each time."""
    make_studies_quickly(monkeypatch)


@pytest.fixture(autouse=True)
def opens_with_a_sector(monkeypatch):
    """Let a test open a cine with its sector, as the Open step does once its worker has found it.

    Return how a session opens one by itself.
    """
    from napari_matae.session.session import Session

    real = Session.open
    monkeypatch.setattr(Session, "open", lambda self, cine, sector=None: real(self, cine, sector or _sector_of(cine)))
    return real


_SECTORS = {}


def _sector_of(cine: Cine) -> Sector:
    """Find the sector of a cine, once a process for the same pixels and regions: most tests open the same clip."""
    key = cine.content_id, cine.shape, cine.region, cine.b_modes
    if key not in _SECTORS:
        _SECTORS[key] = find_sector(cine)
    found = _SECTORS[key]
    return replace(found, polygon=found.polygon.copy())


@pytest.fixture
def cine() -> Cine:
    return make_cine()


@pytest.fixture
def tiny_model(own_home) -> str:
    """Register a tiny nested network and make it the only thing a run has to load."""
    save_once("tiny", own_home / "models" / "tiny", _save_tiny)
    return "tiny"


def _save_tiny(folder: Path) -> None:
    import torch

    from matae.nn.card import ModelCard
    from matae.nn.checkpoint import save
    from matae.nn.matae import Matae, MataeConfig

    torch.manual_seed(0)
    model = Matae(MataeConfig(channels=(8, 8, 16))).eval()
    with torch.no_grad():
        model.head.bias.fill_(1.0)  # says yes nearly everywhere: masks that are not empty
    card = ModelCard(
        name="tiny", family="matae", architecture=model.config.to_json(), grid=32,
        classes=("left ventricular cavity",), data="none", licence="BSD-3-Clause",
    )  # fmt: skip
    save(folder, model, card)


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    """Return a filled circle as a mask (Y, X)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (np.hypot(rows - centre[0], columns - centre[1]) <= radius).astype(np.uint8)


def proposals(cine: Cine, session, frames=None, *, centre=(30.0, 40.0), swing: float = 4.0) -> None:
    """Let a beating disc be proposed for frames of the session's cine."""
    from matae.segment import FrameMask

    session.current.run = {"model": "disc", "width": "1", "model_sha256": "ab" * 32}
    session.masks.begin_run()
    for t in range(cine.n_frames) if frames is None else frames:
        radius = 10 + swing * np.cos(2 * np.pi * t / cine.n_frames)
        mask = disc(cine.shape, centre, radius)
        session.masks.receive(FrameMask(t, mask, mask * 255, int(mask.sum())))
    session.masks.end_run()


@pytest.fixture
def session():
    """Return a session of a viewer without a window."""
    from napari.components import ViewerModel

    from napari_matae.session.session import Session

    return Session(ViewerModel())


def result(cine: Cine, frame: int, value: int = 1):
    """Return a box, wider with each frame, as a model's result."""
    from matae.segment import FrameMask

    mask = np.zeros(cine.shape, np.uint8)
    mask[20:30, 30 : 40 + frame] = value
    return FrameMask(frame, mask, mask * 255, int((mask == 1).sum()))


@pytest.fixture
def make_workspace(qapp, qtbot, tmp_path):
    """Return a maker of workspaces without a window: a viewer's model and everything but widgets."""
    from napari.components import ViewerModel

    from napari_matae.workspace.workspace import Workspace

    made = []

    def make(target: str | Path | None = "study.sqlite", rater: str = "anna") -> Workspace:
        workspace = Workspace(ViewerModel())
        made.append(workspace)
        if target is not None:
            workspace.link.open(str(tmp_path / target), rater)
        return workspace

    yield make
    for workspace in made:
        if workspace.session.viewer is not None:
            workspace.close_down()


def settled(qtbot, workspace) -> None:
    """Wait until everything a person did is recorded and durable."""
    workspace.session.settle()
    workspace.link.proposals.save()
    qtbot.waitUntil(lambda: workspace.link.state == "saved", timeout=60_000)


def paint(workspace, frame: int, at: tuple[int, int] = (50, 60)) -> None:
    """Paint one dab on a frame, as a stroke of its own."""
    workspace.session.seek(frame)
    workspace.session.current.labels.paint((frame, *at), 1)
    workspace.session.settle()


def opened(qtbot, workspace, cine) -> None:
    """Open a cine and wait until the study's masks are on screen."""
    workspace.session.open(cine)
    qtbot.waitUntil(lambda: workspace.session.current.ready, timeout=60_000)


def in_review(widget, qtbot, cine):
    """Yield a dock in Review with a beating disc proposed for every frame of a cine, and close it."""
    qtbot.waitUntil(lambda: not widget.is_probing, timeout=60_000)
    opened(qtbot, widget.workspace, cine)
    proposals(cine, widget.session)
    widget.steps.setCurrentIndex(2)
    yield widget
    widget.close_down()

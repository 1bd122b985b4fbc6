"""An archive for the dock's tests: an Orthanc where it is installed, and a small DIMSE server of our own everywhere."""

from __future__ import annotations

import gc
import sys
import warnings
from pathlib import Path

import pytest

_ENGINE = Path(__file__).parents[2] / "matae"
sys.path[:0] = [str(_ENGINE / "pacs"), str(_ENGINE / "clinic")]

from clinic_makers import phantom_dataset, save  # noqa: E402
from orthanc_server import PASSWORD, USER, Orthanc  # noqa: E402

from matae.phantom import make_phantom  # noqa: E402

from .loopback_makers import LoopbackArchive  # noqa: E402


@pytest.fixture(scope="session")
def phantom():
    return make_phantom(2, n_frames=20, frame_rate=20.0, shape=(96, 96))


@pytest.fixture(scope="session")
def server():
    try:
        running = Orthanc()
    except RuntimeError as error:
        pytest.skip(str(error))
    yield running
    running.close()


@pytest.fixture
def orthanc(server, monkeypatch):
    server.clear()
    monkeypatch.setenv("MATAE_PACS_USER", USER)
    monkeypatch.setenv("MATAE_PACS_PASSWORD", PASSWORD)
    return server


@pytest.fixture
def stored(orthanc, phantom, tmp_path):
    """Return the header of a clip that Orthanc holds."""
    made = phantom_dataset(phantom)
    orthanc.put(save(made, tmp_path / "scanner.dcm"))
    return made


@pytest.fixture
def loopback(phantom):
    """Return a DIMSE server with three clips of one study."""
    first = phantom_dataset(phantom)
    same = {"StudyInstanceUID": first.StudyInstanceUID, "SeriesInstanceUID": first.SeriesInstanceUID}
    archive = LoopbackArchive([first, *(phantom_dataset(phantom, **same) for _ in range(2))])
    yield archive
    archive.close()


@pytest.fixture(scope="session")
def what_was_there_before():
    """Leave what earlier tests made and imported out of the collections after each test here."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_socket_is_left(what_was_there_before):
    """Collect what pynetdicom leaves of a connection that failed, here and not in the midst of some other test.

    Its `AssociationSocket` does not close a socket that never connected.
    """
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <(socket|ssl)", ResourceWarning)
        gc.collect()

"""An Orthanc for this session, with a phantom clip in it; skipped with the reason where it cannot be had."""

from __future__ import annotations

import gc
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "clinic"))

from clinic_makers import phantom_dataset, save
from orthanc_server import PASSWORD, USER, Orthanc

from matae.phantom import make_phantom


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
    """Return the archive, empty, with this user let in by DICOMweb."""
    server.clear()
    monkeypatch.setenv("MATAE_PACS_USER", USER)
    monkeypatch.setenv("MATAE_PACS_PASSWORD", PASSWORD)
    return server


@pytest.fixture
def stored(orthanc, phantom, tmp_path):
    """Return the header of a clip that the archive holds."""
    made = phantom_dataset(phantom)
    orthanc.put(save(made, tmp_path / "scanner.dcm"))
    return made


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

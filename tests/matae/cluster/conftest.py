"""Clips, jobs, and a real cluster of two worker processes on the loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cluster_makers import make_clips, save_tiny

from tests.forked_runs import fork_pools, forked_dask_workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep one home for all tests of a module: the workers look into it as long as they live."""
    home = tmp_path_factory.mktemp("home")
    save_tiny(home / "models" / "tiny", "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATAE_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def cluster(shared_home: Path) -> Iterator[Any]:
    """Start two worker processes, which their nannies start again when they are killed."""
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    with forked_dask_workers() as more, distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="tcp://127.0.0.1",
        silence_logs=50, **more,
    ) as found:  # fmt: skip
        yield found


@pytest.fixture(autouse=True)
def forked_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the processes of this machine too: `tests/matae/worklist` starts some."""
    fork_pools(monkeypatch)


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return make_clips(tmp_path / "in", 4)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"

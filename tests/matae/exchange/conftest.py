"""A study with two patients and three clips, its exports, made once; and an empty study beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from exchange_makers import add_clip

from matae.exchange import plan_export, run_export
from matae.store import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from matae.exchange import ExportedRelease


@pytest.fixture(scope="module", autouse=True)
def made_quickly(quick_studies: None) -> None:
    """Make the tables of new studies without the migrations."""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """Not to be changed, but for its releases."""
    folder = tmp_path_factory.mktemp("home")
    with Study.create(folder / "study.matae", rater="dr-adams") as made:
        add_clip(made, folder / "a.dcm", subject="Doe", seed=1)
        add_clip(made, folder / "b.dcm", subject="Doe", seed=2, frames=(1, 6))
        add_clip(made, folder / "c.dcm", subject="Roe", seed=3, frames=(1, 2, 3, 4, 5, 6))
        yield made


@pytest.fixture(scope="session")
def released(home: Study, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ExportedRelease]:
    """Export `home` in a format, once for all tests; the folder must not be changed."""
    made: dict[Any, ExportedRelease] = {}

    def release(format_name: str, **options: Any) -> ExportedRelease:
        key = format_name, tuple(sorted(options.items()))
        if key not in made:
            plan = plan_export(home, format_name, **options)
            made[key] = run_export(plan, tmp_path_factory.mktemp("release") / format_name)
        return made[key]

    return release


@pytest.fixture
def study(home: Study, tmp_path: Path) -> Iterator[Study]:
    """A copy of `home` to change."""
    home.backup(tmp_path / "copy.matae")
    with Study.open(tmp_path / "copy.matae", rater="dr-adams") as opened:
        yield opened


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.matae"
    Study.create(path).close()
    return path


@pytest.fixture
def other(_empty: Path, tmp_path: Path) -> Iterator[Study]:
    """An empty study; its secret is not that of `home`."""
    path = tmp_path / "other.matae"
    path.write_bytes(_empty.read_bytes())
    with Study.open(path, rater="somebody") as opened:
        yield opened

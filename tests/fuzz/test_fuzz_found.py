"""What the fuzzer found is refused in a sentence or read, ever after; and the seeds it starts from are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.targets import NAMES, make_target

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

FOUND = sorted(Path(__file__).with_name("found").glob("*.bin"))


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    names = {path.name.rpartition("-")[0].rpartition("-")[0] for path in FOUND}
    return {name: make_target(name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found(path: Path, targets: dict[str, Target]) -> None:
    name = path.name.rpartition("-")[0].rpartition("-")[0]
    targets[name].run(path.read_bytes())


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("read.")])
def test_seeds_are_read(name: str, tmp_path: Path) -> None:
    from matae.read import open_cine

    target = make_target(name, tmp_path)
    for seed in target.seeds:
        path = tmp_path / "work" / f"a{name.removeprefix('read')}"
        path.write_bytes(seed)
        assert open_cine(path).n_frames >= 1

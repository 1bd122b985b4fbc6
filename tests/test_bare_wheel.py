"""The wheel alone in an empty environment: it works, and each feature whose extra is missing says which one.

make test-bare        # minutes: everything that the base requires is installed anew

Settings of pip reach it through the environment: PIP_FIND_LINKS names a folder of wheels (`pip download`),
PIP_INDEX_URL a mirror, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu brings the small build of PyTorch.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
KEPT = {"PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "XDG_CACHE_HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}
KEPT |= {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
MOST_S = 2 * 3600  # a computer that does other work took 14 minutes to install; beyond this something hangs

pytestmark = pytest.mark.slow

EVERY_MODULE = """
import importlib, pkgutil, matae
for found in pkgutil.walk_packages(matae.__path__, "matae."):
    importlib.import_module(found.name)
"""
ABSENT = """
from importlib.util import find_spec
from matae.extras import EXTRAS, has_extra
assert not [extra for extra in EXTRAS if has_extra(extra)], "an extra came along"
assert find_spec("pytest") is None
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it with nothing but what it requires, and return the folder of its programs."""
    folder = tmp_path_factory.mktemp("bare")
    tree = folder / "tree"  # a copy: building leaves folders behind
    left_out = shutil.ignore_patterns(
        ".*", "runs", "*.egg-info", "build", "dist", "__pycache__", "matae-demo", "mutants"
    )
    shutil.copytree(ROOT, tree, symlinks=True, ignore=left_out)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", tree)
    (wheel,) = (folder / "dist").iterdir()
    run(sys.executable, ROOT / "scripts" / "check_dist.py", folder / "dist")
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    # Not compiled: of what PyTorch brings, these tests import little.
    install = ("install", "--quiet", "--no-compile", "--retries", "10", "-c", ROOT / "constraints.txt")
    run(programs / "python", "-m", "pip", *install, wheel)
    return programs


def run(*words: object, code: int = 0, cwd: Path | None = None) -> str:
    """Run a program as somebody does who has no checkout and no display; return what it says."""
    environment = {key: value for key, value in os.environ.items() if key.upper() in KEPT or key.startswith("PIP_")}
    environment |= {"OMP_NUM_THREADS": "1", "MATAE_HOME": str(cwd / "home") if cwd else ""}
    done = subprocess.run(
        [str(word) for word in words], env=environment, cwd=cwd, capture_output=True, text=True, check=False,
        timeout=MOST_S,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said, said
    return " ".join(said.split())


@pytest.fixture
def matae(bare: Path, tmp_path: Path) -> Callable[..., str]:
    """Return what runs ``napari-matae`` in a folder with a clip."""
    np.save(tmp_path / "clip.npy", np.random.default_rng(0).integers(0, 200, (3, 64, 64)).astype(np.uint8))

    def call(*words: object, code: int = 0) -> str:
        return run(bare / "napari-matae", *words, code=code, cwd=tmp_path)

    return call


def test_nothing_else_is_there_and_every_module_loads(bare: Path, tmp_path: Path) -> None:
    run(bare / "python", "-c", ABSENT, cwd=tmp_path)
    run(bare / "python", "-c", EVERY_MODULE, cwd=tmp_path)


def test_what_the_base_does_it_does(matae: Callable[..., str], tmp_path: Path) -> None:
    assert "segment" in matae("--help")
    assert "matae-lv" in matae("models", "list")
    said = matae("demo", "--out", "results")
    assert "Research use only" in said
    assert len(list((tmp_path / "results").iterdir())) == 4


@pytest.mark.parametrize(
    ("extra", "command", "words"),
    [
        ("viewer", "napari[all]>=", ("open", "clip.npy")),
        ("cpu", "openvino>=", ("segment", "clip.npy", "--backend", "openvino", "--out", "results")),
        ("cluster", "distributed>=", ("segment", "clip.npy", "--scheduler", "tcp://localhost:1", "--out", "results")),
        ("pacs", "dicomweb-client>=", ("pacs", "check", "dimse://ARCHIVE@localhost:1")),
        ("postgresql", "psycopg[binary]>=", ("study", "init", "postgresql://lab@localhost/none")),
    ],
)
def test_a_feature_without_its_extra_says_which(
    matae: Callable[..., str], extra: str, command: str, words: tuple[str, ...]
) -> None:
    said = matae(*words, code=1)
    assert f"is not installed (extra {extra}): pip install '{command}" in said


def test_dicom_seg_without_its_extra_says_which(bare: Path, matae: Callable[..., str], tmp_path: Path) -> None:
    made = """
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study
import numpy as np
cine = open_cine(__import__("pathlib").Path("clip.npy"))
with Study.create("lab.matae", rater="anna") as study:
    study.add_cine(cine, subject="p")
    mask = np.zeros(cine.shape, np.uint8)
    mask[20:40, 20:40] = 1
    study.put_edits(cine.content_id, [Edit(0, mask, 0, FrameStatus.ACCEPTED)])
"""
    run(bare / "python", "-c", made, cwd=tmp_path)
    said = matae("export", "--study", "lab.matae", "--format", "dicom-seg", "--out", "out", code=1)
    assert "(extra dicom-seg): pip install 'highdicom>=" in said
    assert not (tmp_path / "out").exists()

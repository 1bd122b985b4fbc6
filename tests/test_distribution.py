"""What is built and shipped holds what an installation needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECK = ROOT / "scripts" / "check_dist.py"
BUNDLED = ROOT / "src" / "matae" / "models" / "bundled" / "matae-lv" / "model.safetensors"


def check(dist: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CHECK, dist], capture_output=True, text=True, check=False)


def test_check_finds_what_is_missing(tmp_path) -> None:
    assert "nothing was built" in check(tmp_path).stderr
    with zipfile.ZipFile(tmp_path / "napari_matae-0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("matae/py.typed", "")
    done = check(tmp_path)
    assert done.returncode == 1
    assert "lacks napari_matae/napari.yaml" in done.stderr
    assert "lacks matae/output/write.py; is there an __init__.py in its folder?" in done.stderr
    assert "py.typed" not in done.stderr.replace("napari_matae/py.typed", "")


def test_every_folder_of_modules_is_a_package() -> None:
    # What has no __init__.py is not found, and would be missing from the wheel.
    for root in (ROOT / "src" / "matae", ROOT / "napari_matae"):
        folders = {module.parent for module in root.rglob("*.py")}
        assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_packages_are_found_in_both_layouts() -> None:
    import tomllib

    from setuptools import find_packages

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    found = {name for where in settings["where"] for name in find_packages(ROOT / where, include=settings["include"])}
    present = {
        ".".join(folder.parent.relative_to(root).parts)
        for root, name in ((ROOT / "src", "matae"), (ROOT, "napari_matae"))
        for folder in (root / name).rglob("__init__.py")
    }
    assert found == present


def test_all_brings_every_extra_but_that_of_one_kind_of_training() -> None:
    import tomllib

    from matae.extras import EXTRAS

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (everything,) = extras.pop("all")
    assert set(everything.partition("[")[2].rstrip("]").split(",")) == set(extras) - {"imagenet"}
    assert set(extras) == set(EXTRAS)


def test_manifest_at_the_top_is_that_of_the_package() -> None:
    top, inside = ROOT / "napari.yaml", ROOT / "napari_matae" / "napari.yaml"
    # Windows checks a link out as a file that holds its target, which is as good.
    assert top.read_bytes() == inside.read_bytes() or top.read_text().strip() == "napari_matae/napari.yaml"


def test_torch_is_not_pinned_to_a_build() -> None:
    # A plain installation must be free to take the CUDA build.
    assert "torch==2.13.0\n" in (ROOT / "constraints.txt").read_text()
    assert '"torch>=' in (ROOT / "pyproject.toml").read_text()


PACK = """
import sys
from setuptools import setup

dist = ["-d", sys.argv[1]]
setup(script_args=["-q", "sdist", "--formats=tar", *dist, "bdist_wheel", "--compression=stored", *dist])
"""


def tree_of(tmp_path: Path) -> Path:
    """Return a copy of the repository: building leaves folders behind."""
    if not BUNDLED.is_file():
        pytest.skip("the bundled model is not in this checkout")
    left_out = shutil.ignore_patterns(".*", "runs", "*.egg-info", "build", "dist", "__pycache__", "matae-demo")
    return Path(shutil.copytree(ROOT, tmp_path / "tree", symlinks=True, ignore=left_out))


def is_whole(dist: Path) -> None:
    done = check(dist)
    assert done.returncode == 0, done.stderr
    assert len(list(dist.iterdir())) == 2


def test_wheel_and_source_archive(tmp_path) -> None:
    """What is in them; packed tight, by the tool of a release, they are slow to build."""
    dist = tmp_path / "dist"
    subprocess.run([sys.executable, "-c", PACK, dist], cwd=tree_of(tmp_path), check=True, capture_output=True)
    (plain,) = dist.glob("*.tar")
    plain.rename(plain.with_suffix(".tar.gz"))  # as it is called where it is packed tight
    is_whole(dist)


@pytest.mark.slow
def test_wheel_of_the_source_archive(tmp_path) -> None:
    # By the setuptools that is here: that the stated one suffices is shown by test_bare_wheel, which builds apart.
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", tree_of(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    is_whole(tmp_path / "dist")

"""Check that the built wheel and source archive hold what an installation needs: ``check_dist.py DIST``."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

NEEDED = (
    "matae/py.typed",
    "matae/models/bundled/matae-apical/LICENCE.txt",
    "matae/models/bundled/matae-apical/card.json",
    "matae/models/bundled/matae-apical/model.safetensors",
    "matae/models/bundled/matae-apical/prompt.safetensors",
    "matae/models/bundled/matae-lv/LICENCE.txt",
    "matae/models/bundled/matae-lv/card.json",
    "matae/models/bundled/matae-lv/model.safetensors",
    "matae/models/bundled/matae-phantom/card.json",
    "matae/models/bundled/matae-phantom/model.safetensors",
    "napari_matae/py.typed",
    "napari_matae/napari.yaml",
)


def problems(archive: Path) -> list[str]:
    """Return what is wrong with a wheel or source archive, as sentences."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = wheel.namelist()
        links: list[str] = []
        needed = list(NEEDED)
    else:
        with tarfile.open(archive) as source:
            members = source.getmembers()
        # The archive has one folder at its top.
        names = [member.name.partition("/")[2] for member in members]
        links = [member.name for member in members if member.issym() or member.islnk()]
        needed = [f"src/{name}" if name.startswith("matae/") else name for name in NEEDED]
    found = [f"{archive.name} lacks {name}" for name in needed if name not in names]
    found += [f"{archive.name} holds a link, which Windows cannot unpack: {name}" for name in links]
    # A module that is missing from the wheel works in a checkout and nowhere else.
    here = Path(__file__).resolve().parent.parent
    for root, inside in ((here / "src", "matae"), (here, "napari_matae")):
        for module in sorted((root / inside).rglob("*.py")):
            name = module.relative_to(root if archive.suffix == ".whl" else here).as_posix()
            if name not in names:
                found.append(f"{archive.name} lacks {name}; is there an __init__.py in its folder?")
    return found


def main() -> int:
    """Check every archive of a folder."""
    archives = [path for path in sorted(Path(sys.argv[1]).iterdir()) if path.name.endswith((".whl", ".tar.gz"))]
    found = [problem for archive in archives for problem in problems(archive)] if archives else ["nothing was built"]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

"""Every dependency has its line in docs/dependencies.md, and somebody who imports it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

from .parsed import imports

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
PACKAGES = {"matae": ROOT / "src" / "matae", "napari_matae": ROOT / "napari_matae"}
MODULES = {
    "lightning-fabric": {"lightning_fabric", "lightning"},  # one or the other, whichever is installed
    "pillow": {"PIL"},
    "scikit-image": {"skimage"},
    "sqlalchemy": {"sqlalchemy"},
    "simpleitk": {"SimpleITK"},
}
"""Modules of the dependencies that are imported by another name than they are installed by."""
LOADED_BY_OTHERS = {
    "pyjpegls": "pydicom",
    "pylibjpeg": "pydicom",
    "pylibjpeg-openjpeg": "pydicom",
    "tensorboard": "torch.utils.tensorboard",
}
"""Plug-ins that nobody here imports, and who loads them by name."""
MOST_NAMED = 8
_LINE = re.compile(r"^\| `([^`]+)` \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def plain(requirement: str) -> str:
    """Return the name of a requirement, without versions and extras, in small letters."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower()


@cache
def declared() -> frozenset[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *(line for name, lines in extras.items() if name != "all" for line in lines)]
    return frozenset(plain(line) for line in listed)


@cache
def importers() -> dict[str, set[str]]:
    """Return for each module of others the rooms that import it, at their top or inside a function."""
    found: dict[str, set[str]] = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            room = path.relative_to(folder).parts[0].removesuffix(".py")
            for node in imports(path):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - PACKAGES.keys():
                    found.setdefault(name, set()).add(room if package == "matae" else "the plugin")
    return found


def lines() -> dict[str, tuple[str, str, str]]:
    """Return purpose, licence and importers of each dependency as the page has them."""
    found = {name.lower(): (what, licence, by) for name, what, licence, by in _LINE.findall(PAGE.read_text("utf-8"))}
    assert found
    return found


def modules_of(name: str) -> set[str]:
    return MODULES.get(name, {name.replace("-", "_")})


def test_the_page_has_a_line_for_each_dependency_and_for_nothing_else() -> None:
    assert set(lines()) == declared()


def test_every_dependency_is_imported_by_somebody() -> None:
    idle = {name for name in declared() if not modules_of(name) & importers().keys()}
    assert idle == set(LOADED_BY_OTHERS), "a dependency that nobody imports goes, or says who loads it"


def test_whatever_is_imported_is_a_dependency() -> None:
    known = set().union(*(modules_of(name) for name in declared()))
    assert importers().keys() - known == set()


def test_the_page_says_who_imports_what() -> None:
    wrong = {}
    for name, (_, _, by) in lines().items():
        if name in LOADED_BY_OTHERS:
            assert LOADED_BY_OTHERS[name] in by
            continue
        rooms = set().union(*(importers().get(module, set()) for module in modules_of(name)))
        if len(rooms) > MOST_NAMED:
            rooms = {"most rooms"}
        if set(by.split(", ")) != rooms:
            wrong[name] = ", ".join(sorted(rooms))
    assert wrong == {}, "write into the page what stands on the right"


def test_no_licence_puts_its_terms_on_the_whole() -> None:
    copyleft = {name for name, (_, licence, _) in lines().items() if "GPL" in licence}
    assert copyleft == {"av", "psycopg"}, "ours is BSD-3-Clause; these two are libraries of their own, and said so"

"""The documentation as a site: each page has its place, links lead somewhere, what is made by script is up to date."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def places(nav: Any) -> list[str]:
    """Return the pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in places(part)]


def test_every_page_has_its_place_once() -> None:
    named = places(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(named) == sorted(path.name for path in DOCS.glob("*.md"))


def test_links_between_pages_and_to_pictures_lead_somewhere() -> None:
    gone = [
        f"{page.name}: {target}"
        for page in (*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert gone == []


def test_the_page_for_reviewers_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("reviewers_page", ROOT / "scripts" / "reviewers_page.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run python scripts/reviewers_page.py"


def test_the_citation_names_what_the_default_model_was_trained_on() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert "10.1109/TMI.2019.2900516" in [entry.get("doi") for entry in citation["references"]]


def test_what_the_container_copies_is_there() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert [name for name in copied if not (ROOT / name).exists()] == []

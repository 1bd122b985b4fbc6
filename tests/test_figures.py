"""The figures of README and docs are those of the JSON they came from."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "check_figures.py"


@pytest.fixture
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_figures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_claim_holds(checker: ModuleType) -> None:
    assert checker.wrong() == []
    assert len(list(checker.claims())) > 15


def test_a_figure_of_another_run_is_named(checker: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = checker.card("matae-phantom")
    whole["figures"]["camus-a4c-256, val"]["width 1"]["dice"]["frame_mean"] = 0.7
    monkeypatch.setattr(checker, "card", lambda name: whole if name == "matae-phantom" else {"sha256": "00" * 32})
    found = checker.wrong()
    assert any("0.700 (0.854-0.888)" in sentence for sentence in found)
    assert any("README.md does not say 'Dice 0.700 on the same patients'" in sentence for sentence in found)
    # Other weights than those that are shipped.
    assert any("sha256 00000000" in sentence for sentence in found)


def test_tables_are_read_by_their_columns(checker: ModuleType) -> None:
    rows = checker.table("docs/learn.md", "scenario")
    assert {row["kind"] for row in rows} == {"quick", "full"}
    assert all(0.8 < float(row["Dice after"]) < 1 for row in rows)
    assert checker.points({"Dice before": "0.873", "Dice after": "0.898"}) == pytest.approx(2.5)


def test_records_of_runs_name_no_patient_and_no_path() -> None:
    for path in (SCRIPT.parent.parent / "docs" / "figures").glob("*.json"):
        text = path.read_text()
        json.loads(text)
        assert "patient0" not in text
        assert "/home" not in text
        assert "/work" not in text
        assert '"frames"' not in text

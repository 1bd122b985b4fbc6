"""The figures of README and docs are those of the runs they came from, and each is tied to one."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "check_figures.py"


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPT.parent)  # as when it is run as a program
    spec = importlib.util.spec_from_file_location("check_figures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_claim_holds(checker: ModuleType) -> None:
    assert checker.wrong() == []
    assert len(list(checker.claims())) > 50


def test_a_figure_of_another_run_is_named(checker: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = checker.sources.card("matae-phantom")
    whole["figures"]["camus-a4c-256, val"]["width 1"]["dice"]["frame_mean"] = 0.7
    kept = checker.sources.card
    changed = {"matae-phantom": whole, "matae-apical": kept("matae-apical") | {"sha256": "00" * 32}}
    monkeypatch.setattr(checker.sources, "card", lambda name: changed.get(name) or kept(name))
    found = checker.wrong()
    assert any("0.700 (0.854-0.888)" in sentence for sentence in found)
    assert any("README.md does not say 'Dice 0.700 on the same patients'" in sentence for sentence in found)
    # Other weights than those that are shipped.
    assert any("sha256 00000000" in sentence for sentence in found)


@pytest.fixture
def changed(checker: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], list[str]]:
    """Return what is wrong once a text of a file is another."""
    read = checker.sources.read

    def wrong(file: str, old: str, new: str) -> list[str]:
        text = read(file)
        assert old in text
        monkeypatch.setattr(
            checker.sources, "read", lambda name: text.replace(old, new, 1) if name == file else read(name)
        )
        return checker.wrong()

    return wrong


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        # A figure of a table that is a record's, and a line that the record does not have.
        ("docs/formats.md", "| GIF by Pillow | Pillow | 14 | 14 |", "| GIF by Pillow | Pillow | 15 | 15 |", "15 | 15"),
        ("docs/formats.md", "| WEBP by Pillow | Pillow | 9 | 9 | 0 | 0 |\n", "", "formats.json gives"),
        # One of a table whose lines are claims; a line and a whole table that nobody knows.
        ("docs/models.md", "| 0.942 ± 0.031 |", "| 0.952 ± 0.031 |", "0.942 ± 0.031"),
        ("docs/measure.md", "| 0040 |", "| 0041 |", "tied to no run"),
        ("docs/evaluate.md", "# ", "| a | b |\n|---|---|\n| Dice | 97 |\n\n# ", "tied to no run"),
        # Prose: another figure, one more, and a run whose log was not kept without saying so.
        ("docs/measure.md", "σ_r = 4.25 points", "σ_r = 4.5 points", "'σ_r = 4.25 points'"),
        ("docs/study.md", "# ", "It takes 3.7 ms.\n\n# ", "'3.7' is tied to no run"),
        ("docs/exchange.md", "(d10bb7c), log not kept", "on a Sunday", "log not kept' of"),
        # An exception that is no longer needed.
        ("docs/measure.md", "| *human experts on EchoNet-Dynamic (literature)* |", "| *people* |", "no longer has"),
    ],
)
def test_what_does_not_hold_or_is_tied_to_nothing_is_named(
    changed: Callable[[str, str, str], list[str]], file: str, old: str, new: str, said: str
) -> None:
    found = changed(file, old, new)
    assert any(said in sentence and file in sentence for sentence in found), found


def test_tables_of_records_are_written_again(checker: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    text = checker.sources.read("docs/formats.md")
    broken = text.replace("| GIF by Pillow | Pillow | 14 | 14 |", "| GIF by Pillow | Pillow | 1 | 1 |")
    assert broken != text
    monkeypatch.setattr(checker.sources, "read", lambda name: broken)
    assert checker.written("docs/formats.md") == text


def test_runs_of_a_record_say_where_they_are_from(checker: ModuleType) -> None:
    folder = SCRIPT.parent.parent / "docs" / "figures"
    for path in folder.glob("*.json"):
        whole = json.loads(path.read_text())
        for run in whole.get("runs", [whole]):
            assert run["command"].startswith(("python ", "napari-matae ", "sh scripts/"))
            assert re.fullmatch(r"[0-9a-f]{7}", run["commit"])
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", run["date"])
            assert "core" in run["machine"] or "GPU" in run["machine"]


def test_the_constants_of_the_interval_are_as_good_as_those_that_fit_best(checker: ModuleType) -> None:
    from matae.measure import uncertainty

    best, used = (checker.sources.figures_of("agreement")["camus"]["constants"][key] for key in ("fitted", "in use"))
    assert (used["shift"], used["reader"]) == (uncertainty.BOUNDARY_SHIFT, uncertainty.READER_SD)
    # Not to be told apart by the patients at hand (half of 5.99, the 95 % bound of chi-squared for two constants).
    assert best["log_likelihood"] - used["log_likelihood"] < 3.0
    assert round(50 * (best["share"] - used["share"])) <= 1  # of 50 patients


def test_the_constants_of_trust_are_those_that_were_fitted(checker: ModuleType) -> None:
    from matae.measure import uncertainty
    from matae.segment import expected

    lines = [line for run in checker.sources.figures_of("fit-trust")["runs"] for line in run["output"]]
    used = {"alone": expected._ALONE, "two widths": expected._BOTH, "all widths": expected._ALL}
    rows = {cells[1]: cells[2] for line in lines if len(cells := [cell.strip() for cell in line.split("|")]) > 3}
    for name, constants in used.items():
        assert rows[name] == ", ".join(f"{value:.3f}" for value in constants)
    usual = f"usual {uncertainty.USUAL_EF:.1f} ± {uncertainty.USUAL_SD:.1f}"
    shift = f"shift {100 * uncertainty.SHIFT_OF_DICE:.1f} % of (1 - Dice)"
    assert f"interval: {shift}, {usual}" in lines


def test_tables_are_read_by_their_columns(checker: ModuleType) -> None:
    rows = checker.sources.table("docs/learn.md", "scenario")
    assert {row["kind"] for row in rows} == {"quick", "full"}
    assert all(0.8 < float(row["Dice after"]) < 1 for row in rows)
    import figure_claims

    assert figure_claims.points({"Dice before": "0.873", "Dice after": "0.898"}) == pytest.approx(2.5)


def test_records_of_runs_name_no_patient_and_no_path() -> None:
    for path in (SCRIPT.parent.parent / "docs" / "figures").glob("*.json"):
        text = path.read_text()
        json.loads(text)
        assert "patient0" not in text
        assert "/home" not in text
        assert "/work" not in text
        assert '"frames"' not in text

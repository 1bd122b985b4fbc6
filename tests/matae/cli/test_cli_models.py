"""``models``: what is listed, shown, imported and promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli_makers import one_line
from command_line import run

from matae import RESEARCH_USE

if TYPE_CHECKING:
    pass


def test_models_list(tiny_model, matae_home) -> None:
    (matae_home / "models" / "broken").mkdir()
    (matae_home / "models" / "broken" / "card.json").write_text("{")
    result = run("models", "list")
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if line.startswith("tiny"))
    assert line.split() == ["tiny", "1/8,", "1/4,", "1/2,", "1", "32", "you", "BSD-3-Clause"]
    assert "broken/card.json" in result.stderr


def test_models_show(tiny_model) -> None:
    shown = run("models", "show", tiny_model).stdout
    for text in (
        "1/8, 1/4, 1/2, 1",
        "BSD-3-Clause",
        "dice: 0.9123",
        "widths: 0.5, 1",
        "- Knows nothing.",
        RESEARCH_USE,
    ):
        assert text in shown
    assert "There is no model 'nonesuch'" in one_line(run("models", "show", "nonesuch"))


def test_models_import(tmp_path, tiny_model, matae_home) -> None:
    result = run("models", "import", matae_home / "models" / "tiny", "--name", "copy")
    assert result.exit_code == 0
    assert (matae_home / "models" / "copy" / "model.safetensors").is_file()
    assert "choose another name" in one_line(run("models", "import", matae_home / "models" / "tiny"))
    assert "does not exist" in one_line(run("models", "import", tmp_path / "nowhere.pth"))


def test_models_promote_says_how_to_insist(tiny_model) -> None:
    result = run("models", "promote", "tiny")
    assert result.exit_code == 1
    said = one_line(result)
    assert "tiny is not offered for use: nobody has compared it" in said
    assert "--anyway takes it all the same." in said
    assert run("models", "promote", "tiny", "--anyway").exit_code == 0

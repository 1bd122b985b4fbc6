"""People count frames from 1, in every sentence; whatever is computed or written counts from 0.

The rule: what stands right behind the word *frame* in a sentence ends in ``+ 1``, or is listed here as what it is.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*(ROOT / "src" / "matae").rglob("*.py"), *(ROOT / "napari_matae").rglob("*.py")])

NO_NUMBERS = {
    ("src/matae/cli/prompt.py", "where"): "numbered from 1 where it is made",
    ("napari_matae/edit/actions.py", "side"): "before or after",
    ("napari_matae/review/live_figures.py", "unedited"): "a share",
    ("napari_matae/segment/panel.py", "run.seen"): "so many are done",
    ("napari_matae/widgets/words.py", "span"): "numbered from 1 where it is made",
    ("src/matae/cli/retrain.py", "event.n_unlabelled"): "so many are not corrected",
    ("src/matae/clinic/report.py", "frames"): "numbered from 1 where it is made",
    ("src/matae/exchange/import_plan.py", "frames"): "numbered from 1 where it is made",
    ("src/matae/exchange/layouts/npz.py", "frames[0]"): "a shape",
    (
        "src/matae/labelled/_echonet.py",
        "max(traced)",
    ): "the table's own number, and the sentence says so",
    ("src/matae/labelled/_index.py", "name"): "a name",
    ("src/matae/labelled/_index.py", "row['frame']"): "a name",
    ("src/matae/measure/report.py", "_frames(flag.frames)"): "numbered from 1 where it is made",
    ("src/matae/measure/report.py", "rate"): "a rate",
    ("src/matae/stack.py", "self._count"): "a defect of ours, which no user reads",
    ("src/matae/store/label_rows.py", "shown"): "numbered from 1 where it is made",
    ("src/matae/exchange/layouts/echonet.py", "frame"): "the table's own number, and the sentence says so",
}
"""What stands behind the word and is no number of a frame counted from 0."""


_MAY = re.compile(r"[Ff]rames?,? (number )?[{'\"]")
"""What a module has in it that says any: the word, and a value or the end of a text right behind it."""


def numbers(source: str) -> Iterator[str]:
    """Yield what stands right behind the word frame in the f-strings of a module."""
    if not _MAY.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for text, value in zip(node.values, node.values[1:], strict=False):
                if not (isinstance(text, ast.Constant) and isinstance(value, ast.FormattedValue)):
                    continue
                if re.search(r"\b[Ff]rames?,? (number )?$", str(text.value)):
                    yield ast.unparse(value.value)


def counts_from_1(expression: str) -> bool:
    """Return whether an expression is a number plus one, or several of them with commas between."""
    return bool(re.search(r"\+ 1$|\+ 1\) for \w+ in ", expression))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = f'frame {t}'", ["t"]), ("x = f'Frames {t + 1} and on'", ["t + 1"]), ("x = f'{t} frames'", []),
        ("x = f'a frame of {n} pixels'", []), ("x = 'frame {t}'", []),
    ],
)  # fmt: skip
def test_the_rule_finds_what_it_is_for(source: str, found: list[str]) -> None:
    assert list(numbers(source)) == found


def test_every_sentence_counts_frames_from_1() -> None:
    offenders, seen = [], set()
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        for expression in numbers(path.read_text("utf-8")):
            if (name, expression) in NO_NUMBERS:
                seen.add((name, expression))
            elif not counts_from_1(expression):
                offenders.append(f"{name}: frame {{{expression}}}")
    assert not offenders, "count from 1, or list what it is: " + "; ".join(offenders)
    assert seen == set(NO_NUMBERS), "no longer there: take them off the list"

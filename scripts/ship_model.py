"""Make a finished run a bundled model: evaluate it, write what is known of it into its card, copy it.

    python scripts/ship_model.py RUN NAME --facts FACTS.toml --data DIR [--split val]

FACTS holds ``data``, ``licence``, ``citation``, ``limits`` and, if there are such, ``familiar`` as measured and a
``note`` on the training. The figures are those of ``napari-matae evaluate`` at every width, at native resolution; none
of them is typed by hand.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from matae.evaluate import evaluate
from matae.models import import_model
from matae.nn.card import ModelCard
from matae.nn.checkpoint import CARD, WEIGHTS, load

BUNDLED = Path(__file__).resolve().parent.parent / "src" / "matae" / "models" / "bundled"
DIGITS = 4


def rounded(value: Any) -> Any:
    """Return JSON values with their numbers rounded."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def figures(run: Path, data: Path, split: str) -> dict[str, Any]:
    """Return the figures at every width, without the frames."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["MATAE_HOME"] = home
        import_model(run, "candidate")
        found = evaluate(data, model="candidate", width="all", split=split, view="all")["widths"]
    kept = ("dice", "iou", "pixel_accuracy", "hd95_mm", "assd_mm", "by_phase", "by_quality", "ef")
    if len(next(iter(found.values()))["classes"]) > 1:
        kept += ("by_class",)
    first = next(iter(found.values()))
    return {"n_frames": first["n_frames"], "n_patients": first["n_patients"]} | {
        f"width {width}": rounded({key: each[key] for key in kept if each.get(key) is not None})
        for width, each in found.items()
    }


def main() -> None:
    """Evaluate and copy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, nargs="+")
    parser.add_argument("--split", default="val")
    args = parser.parse_args()
    facts = tomllib.loads(args.facts.read_text(encoding="utf-8"))
    note = facts.pop("note", "")
    _, card = load(args.run)
    card = replace(card, training=card.training | ({"note": note} if note else {}))
    found = {f"{data.resolve().name}, {args.split}": figures(args.run, data, args.split) for data in args.data}
    card = replace(card, name=args.name, figures=found, **{**facts, "limits": tuple(facts["limits"])})
    folder = BUNDLED / args.name
    folder.mkdir(exist_ok=True)
    shutil.copyfile(args.run / WEIGHTS, folder / WEIGHTS)
    (folder / CARD).write_text(card.dumps(), encoding="utf-8")
    ModelCard.read(folder / CARD)
    sys.stdout.write(f"{folder}  {(folder / WEIGHTS).stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()

"""What README and docs must say: pieces of text that are made from the JSON of a run."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, NamedTuple

import figure_sources as sources

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Claim", "claims"]

_TOO_FEW = 0.7  # of intervals that should hold nine times in ten
WIDTHS = ("1", "1/2", "1/4", "1/8")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BUNDLED = sources.BUNDLED


class Claim(NamedTuple):
    """A text that a file must hold, and where its figures are from."""

    file: str
    text: str
    source: str


def claims() -> Iterator[Claim]:
    """Yield what README and docs must say."""
    yield from _weights()
    yield from _cards()
    yield from _widths()
    yield from _agreement()
    yield from _trust()
    yield from _clinic()
    yield from _gpu()


def _weights() -> Iterator[Claim]:
    """Whatever names the weights a figure was measured with names those that are shipped."""
    digests = {name: sources.card(name)["sha256"] for name in ("matae-apical", "matae-lv")}
    for path in (sources.ROOT / "README.md", *sorted((sources.ROOT / "docs").glob("*.md"))):
        file = path.relative_to(sources.ROOT).as_posix()
        for name, said in re.findall(r"(matae-\w+)`?,? sha256 `?([0-9a-f]{8})", sources.flat(sources.read(file))):
            if not digests[name].startswith(said):
                yield Claim(file, f"sha256 {digests[name][:8]}", f"the card of {name}")
    for record in sorted(sources.FIGURES.glob("*.json")):
        found = json.loads(record.read_text(encoding="utf-8"))
        name = found.get("model", "matae-lv")
        if found.get("model_sha256", digests.get(name)) != digests.get(name):
            yield Claim(f"docs/figures/{record.name}", str(digests.get(name)), f"the card of {name}")


def _cards() -> Iterator[Claim]:
    figures = sources.card("matae-phantom")["figures"]
    for width in WIDTHS:
        cells = []
        for data in ("phantom-frames, val", "camus-a4c-256, val"):
            dice = figures[data][f"width {width}"]["dice"]
            cells.append("{:.3f} ({:.3f}-{:.3f})".format(dice["frame_mean"], *dice["ci95"]))
        yield Claim("docs/models.md", f"| {width} | {cells[0]} | {cells[1]} |", "the card of matae-phantom")
    both = sources.card("matae-apical")["figures"]
    for width in WIDTHS:
        by_class = [
            both[f"camus-{view}-256, val"][f"width {width}"]["by_class"][structure]["dice"]
            for view in ("a4c", "a2c")
            for structure in ("left ventricular cavity", "left ventricular myocardium", "left atrium")
        ]
        row = ["{:.3f} ({:.3f}-{:.3f})".format(dice["frame_mean"], *dice["ci95"]) for dice in by_class]
        yield Claim("docs/models.md", f"| {width} | {' | '.join(row)} |", "the card of matae-apical")
        short = " | ".join(f"{dice['frame_mean']:.3f}" for dice in by_class)
        yield Claim("README.md", f"| {short} |", "the card of matae-apical")
    real = figures["camus-a4c-256, val"]["width 1"]["dice"]["frame_mean"]
    yield Claim("README.md", f"Dice {real:.3f} on the same patients", "the card of matae-phantom")
    bias = [figures["camus-a4c-256, val"][f"width {width}"]["ef"]["bias"] for width in WIDTHS]
    text = f"on average {-max(bias):.0f} to {-min(bias):.0f} points too low"
    yield Claim("docs/models.md", text, "the card of matae-phantom")


def _widths() -> Iterator[Claim]:
    found = sources.figures_of("matae-lv-camus-val")
    for width, plain in found["backends"]["torch fp32"].items():
        phases = plain["by_phase"]
        cells = (
            width,
            f"{plain['cost']['parameters']:,}",
            f"{plain['dice']['frame_mean']:.3f} ± {plain['dice']['frame_sd']:.3f}",
            f"{phases['ED']['dice']['frame_mean']:.3f}",
            f"{phases['ES']['dice']['frame_mean']:.3f}",
        )
        yield Claim("docs/models.md", f"| {' | '.join(cells)} |", "docs/figures/matae-lv-camus-val.json")
        dice = {key: round(plain["dice"][key], 4) for key in ("frame_mean", "frame_sd")}
        text = f'"dice, width {width}": {{ "frame_mean": {dice["frame_mean"]}, "frame_sd": {dice["frame_sd"]},'
        yield Claim(f"{BUNDLED}/matae-lv/card.json", text, "docs/figures/matae-lv-camus-val.json")
        if not all(width in run for run in found["backends"].values()):
            continue
        each = [f"{found['backends'][name][width]['dice']['frame_mean']:.4f}" for name in found["backends"]]
        yield Claim("docs/models.md", f"| {width} | {' | '.join(each)} |", "docs/figures/matae-lv-camus-val.json")
    now = {width: run["dice"]["frame_mean"] for width, run in found["backends"]["torch fp32"].items()}
    *first, last = (f"{now[width]:.4f}" for width in reversed(WIDTHS))
    text = f"{', '.join(first)} and {last} from width 1/8 to 1"
    yield Claim("docs/models-compared.md", text, "docs/figures/matae-lv-camus-val.json")


def _agreement() -> Iterator[Claim]:
    found = sources.figures_of("agreement")
    source = "docs/figures/agreement.json"
    rows = found["camus"]["agreement"]
    named = {f"EF: width {width} - reference masks": f"EF, width {width}" for width in WIDTHS[1:]}
    named |= {
        "EF: width 1 - reference masks": "EF, width 1, against reference masks",
        "EDV (mL): width 1 - reference masks": "EDV mL, width 1",
        "ESV (mL): width 1 - reference masks": "ESV mL, width 1",
        "EF: reference masks, single plane - clinic, biplane":
            "EF, *reference masks*, single plane, against clinical biplane",
        "EF: width 1 - clinic, biplane": "EF, width 1, against clinical biplane",
    }  # fmt: skip
    for key, title in named.items():
        a = rows[key]
        cells = (
            title, f"{a['bias']:+.1f}", f"{a['sd']:.1f}", f"{a['loa_low']:+.1f} to {a['loa_high']:+.1f}",
            f"{a['mae']:.1f}", f"{a['r']:.3f}",
        )  # fmt: skip
        yield Claim("docs/measure.md", f"| {' | '.join(cells)} |", source)
    held = found["camus"]["coverage"] | found["phantom"]["coverage"]
    for key, title in (
        ("CAMUS val, reference masks", "| CAMUS val, model at width 1 | EF from reference masks"),
        ("CAMUS val, clinical biplane", "| CAMUS val, model at width 1 | clinical biplane EF"),
        (
            "the same, constants from the other patients",
            "| the same, constants fitted on the other patients | the same",
        ),
        ("phantom, true masks", "| phantoms, exact masks | exact EF"),
        ("phantom images, truth", "| phantom pictures, model at width 1 | exact EF"),
        (
            "CAMUS val, reference masks, with the expected Dice",
            "| CAMUS val, model at width 1, with the expected Dice | EF from reference masks",
        ),
        (
            "CAMUS val, clinical biplane, with the expected Dice",
            "| CAMUS val, model at width 1, with the expected Dice | clinical biplane EF",
        ),
        (
            "phantom images, truth, with the expected Dice",
            "| phantom pictures, model at width 1, with the expected Dice | exact EF",
        ),
    ):
        share = held[key]
        range_ = f"({100 * share['low']:.0f} to {100 * share['high']:.0f})"
        if "mean_half_width" in share:
            range_ += f", mean half width {share['mean_half_width']:.1f} points"
        said = f"{100 * share['share']:.0f} %"
        bold = f"**{said}**" if share["share"] < _TOO_FEW else said
        yield Claim("docs/measure.md", f"{title} | {share['n']} | {bold} {range_}", source)
    yield Claim("docs/measure.md", f"(bias {found['phantom']['images']['bias']:.1f} points there)", source)
    for row in found["grid"]:
        both = " | ".join(f"{big:.1f} / {small:.1f}" for big, small in zip(row["native"], row["256"], strict=True))
        yield Claim("docs/measure.md", f"| {row['patient']} | {both} |", source)
    best, used = found["camus"]["constants"]["fitted"], found["camus"]["constants"]["in use"]
    yield Claim("docs/measure.md", f"δ = {100 * used['shift']:.1f} % of the long axis", source)
    yield Claim("docs/measure.md", f"σ_r = {used['reader']:.2f} points", source)
    yield Claim("docs/measure.md", f"{100 * best['shift']:.2f} % and {best['reader']:.2f}", source)
    likelier = math.exp(best["log_likelihood"] - used["log_likelihood"])
    yield Claim("docs/measure.md", f"more likely by a factor of {likelier:.3f} only", source)
    halves = f"{used['mean_half_width']:.1f} points on average, {best['mean_half_width']:.1f} with the best"
    yield Claim("docs/measure.md", halves, source)
    for pair in (best, used):
        yield Claim("docs/measure.md", f"{100 * pair['share']:.0f} % of the patients", source)
    exact = found["phantom"]["true_masks"]
    yield Claim("docs/measure.md", f"(SD {exact['sd']:.2f}, at most {exact['largest']:.1f})", source)


def _trust() -> Iterator[Claim]:
    """Hold the constants of the interval to their fit."""
    lines = [line for run in sources.figures_of("fit-trust")["runs"] for line in run["output"]]
    line = next(line for line in lines if line.startswith("interval:"))
    shift, mean, spread = re.findall(r"\d+\.\d+", line)
    yield Claim("docs/measure.md", f"δ is {shift} % of 1 - D", "docs/figures/fit-trust.json")
    yield Claim("docs/measure.md", f"μ ± τ = {mean} ± {spread}", "docs/figures/fit-trust.json")


def _clinic() -> Iterator[Claim]:
    """Hold what is said of the simulated clinic to its table in docs/learn.md."""
    source = "the table of docs/learn.md"
    # The table of all kinds and numbers of frames, in seconds of the clock; others tell of single runs.
    every = sources.table("docs/learn.md", "scenario")
    found = (row for row in every if row["scenario"] == "site" and "training, s" in row)
    rows = {(row["kind"], row["frames"]): row for row in found}
    quick, full = (points(rows[key]) for key in (("quick", "20"), ("full", "100")))
    for file, of in (("docs/learn.md", "on"), ("README.md", "from")):
        yield Claim(file, f"wins {quick:.1f} points", source)
        yield Claim(file, f"{full:.1f} {of} 100", source)
    seconds, minutes = (float(rows[key]["training, s"]) for key in (("quick", "20"), ("full", "100")))
    yield Claim("README.md", f"20 corrected frames in {round(seconds, -1):.0f} seconds", source)
    yield Claim("README.md", f"from 100 in {NUMBERS[round(minutes / 60)]} minutes", source)
    # With the checks of today, on a slow processor with nothing else to do.
    source = "docs/figures/clinic-quiet.json"
    lines = (run["output"] for run in sources.figures_of("clinic-quiet")["runs"])
    said = [dict(zip(sources.cells(head), sources.cells(row), strict=True)) for head, _, row in lines]
    twenty = [row for row in said if row["frames"] == "20"]
    won, steps = ([float(get(row)) for row in twenty] for get in (points, lambda row: row["steps"]))
    yield Claim("README.md", f"{min(won):.1f} to {max(won):.1f} from 20 in two minutes", source)
    yield Claim("docs/learn.md", f"{min(steps):.0f} to {max(steps):.0f} steps", source)
    (hundred,) = (row for row in said if row["frames"] == "100")
    yield Claim("docs/learn.md", f"{hundred['steps']} steps ended at {hundred['Dice after']}", source)


def points(row: dict[str, str]) -> float:
    """Return the Dice a row of the simulated clinic won, in points."""
    return 100 * (float(row["Dice after"]) - float(row["Dice before"]))


def _gpu() -> Iterator[Claim]:
    """Hold what is said of the GPU to its tables in docs/gpu.md."""
    page = "docs/gpu.md"
    source = f"the tables of {page}"

    def number(text: str) -> float:
        return float(text.replace(",", ""))

    rows = {(r["width"], r["backend"], r["precision"]): r for r in sources.table(page, "width") if "backend" in r}
    largest = {
        precision: max(
            number(r["largest difference"]) for key, r in rows.items() if key[1:] == ("torch, cuda", precision)
        )
        for precision in ("fp32", "fp16", "bf16")
    }
    yield Claim(page, f"hence {largest['fp32']:.3f} rather than the 0.001", source)
    yield Claim(page, f"{largest['fp16']:.3f} with fp16 and {largest['bf16']:.3f} with bf16", source)
    alone = [row for row in sources.table(page, "width") if "mode" in row]
    graph = [number(row["one frame, ms"]) for row in alone if row["mode"] == "graph"]
    eager = [number(row["one frame, ms"]) for row in alone if row["mode"] == "eager"]
    yield Claim(page, f"takes {min(graph):.1f} to {max(graph):.1f} ms as a CUDA graph", source)
    yield Claim(page, f"and {min(eager):.1f} to {max(eager):.1f} ms without", source)
    base = next(
        row for row in sources.table(page, "network") if row["network"] == "unet-published" and row["grid"] == "112"
    )
    for width in ("1", "1/8"):
        best = max(
            number(row[key]) for row in alone for key in row
            if row["width"] == width and key.startswith("frames/s") and row[key] != "–"
        )  # fmt: skip
        yield Claim(page, f"{width} is {best / number(base['frames/s']):.0f} times as fast", source)
    whole = next(row for row in sources.table(page, "rows") if row["rows"] == "112" and row["width"] == "1")
    yield Claim(page, f"{20_000 / number(whole['frames/s']):.1f} times short", source)
    at = "whole path, width 1 in fp16"
    now = next(number(row["frames/s"]) for row in sources.table(page, at) if row[at] == "112 x 112")
    yield Claim(page, f"That is {now / number(base['frames/s']):.0f} times", source)
    (run,) = sources.figures_of("gpu-h200")["runs"]
    lines = [sources.cells(line) for line in run["output"]]
    base_rate = next(number(line[-1]) for line in lines if line[:2] == ["unet-published", "112"])
    widest = next(number(line[5]) for line in lines if line[:4] == ["112", "112", "2560", "1"])
    yield Claim(page, f"at {widest / base_rate:.0f} times the *unet-published*", "docs/figures/gpu-h200.json")

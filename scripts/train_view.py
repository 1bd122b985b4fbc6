"""Train the classifiers of what a clip shows and how well, and judge them on what they have not seen.

    python scripts/train_view.py --data A4C-FOLDER A2C-FOLDER [--cache DIR] [--write | --judge]

The network stays as it is. A4C and A2C are learnt from real frames and from synthetic hearts; other apical views,
planes that are not apical and tissue without a heart from synthetic ones alone; that a picture is no echo from
photographs, textures, texts, scans and noise (`scripts/view_material.py`). Each is seen as it is and changed at
random, mostly restyled and with resolution lost, so that sharpness and greys are not what is learnt; real frames that
are turned by a quarter or a half show no apical view either. The penalty on the weights is the one with the best
likelihood on a fifth of the sources. Prints what is taken for what among sources that were not learnt: validation
patients, as they are and restyled; hearts and planes from other seeds, as they are and restyled; pictures and kinds of
noise that were left out; and the cine that comes with pydicom. The quality is learnt from the grades of the
four-chamber frames. With --judge nothing is learnt: the classifiers that are shipped are judged.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from view_material import NO_HEART, Shown, hearts, no_echoes, planes

from matae.cine import Cine
from matae.measure.seen_view import CONTRADICTS, NOTHING
from matae.models import find_model, load_model
from matae.nn.matae import Matae
from matae.nn.pooled import pooled
from matae.phantom.planes import PLANES
from matae.placement import Placement
from matae.segment import find_sector
from matae.segment.out_of_distribution import POOLED
from matae.train.augment import AugmentConfig, augment
from matae.train.chance import Chance
from matae.train.restyle import restyle
from matae.view.recognise import GRADES, KINDS, MODEL, SURE, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch
    from numpy.typing import NDArray

    Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

VIEWS = ("A4C", "A2C")
PENALTIES = (1.0, 10.0, 100.0)
CHANGED = AugmentConfig(rotate=20.0, scale=(0.75, 1.3), stretch=0.15, blur=0.5, restyled=0.6)
BATCH = 8


class Part(NamedTuple):
    """Features of pictures (N, F), what they show, from what they come, and their grade of quality ("" if unknown)."""

    found: NDArray[np.float64]
    kinds: NDArray[np.str_]
    sources: NDArray[np.str_]
    grades: NDArray[np.str_]


def plain(images: torch.Tensor, _: torch.Generator) -> torch.Tensor:
    """Leave pictures as they are."""
    return images


def changed(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change pictures as in training."""
    masks = images.new_zeros(len(images), 1, *images.shape[2:])
    return augment(images, masks, images.shape[-1], generator, CHANGED)[0]


def restyled(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Give pictures another scanner's style."""
    return restyle(images, Chance(generator, len(images), slice(None)))


def turned(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn each picture by one, two or three quarters, and restyle half of the batches."""
    import torch  # noqa: PLC0415 - `matae` comes first

    quarters = torch.randint(1, 4, (len(images),), generator=generator).tolist()
    images = torch.stack([torch.rot90(image, n, (1, 2)) for image, n in zip(images, quarters, strict=True)])
    return restyled(images, generator) if torch.rand(1, generator=generator) < 0.5 else images


def real(folder: Path, split: str, count: int | None, grid: int) -> list[tuple[Shown, str]]:
    """Read frames of a folder, placed as the network sees them, with their grade; a random part of them, or all."""
    from PIL import Image  # noqa: PLC0415

    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    order = np.random.default_rng(5).permutation(len(rows))[:count]
    shown = []
    for row in (rows[i] for i in order):
        with Image.open(folder / "images" / f"{row['frame']}.png") as opened:
            picture = np.asarray(opened.convert("L"))
        cine = Cine(picture[None], None, None, Path(row["frame"]))
        placed = Placement.of(cine, find_sector(cine), grid).image(picture)
        shown.append((Shown(placed, row["view"], row["patient"]), row["image_quality"].lower()))
    return shown


class Features:
    """Makes parts, and keeps them in a folder if there is one."""

    def __init__(self, network: Matae, cache: Path | None) -> None:
        self.network, self.cache = network, cache

    def part(self, name: str, pictures: Callable[[], Iterable[tuple[Shown, str]]], change: Change) -> Part:
        """Return the features of pictures after a change."""
        import torch  # noqa: PLC0415 - `matae` comes first

        kept = None if self.cache is None else self.cache / f"{name}.npz"
        if kept is not None and kept.exists():
            with np.load(kept) as stored:
                return Part(*(stored[field] for field in Part._fields))
        listed = list(pictures())
        generator = torch.Generator().manual_seed(sum(name.encode()))
        found = []
        with torch.inference_mode():
            for start in range(0, len(listed), BATCH):
                batch = np.stack([one.picture for one, _ in listed[start : start + BATCH]])
                images = change(torch.from_numpy(batch).float()[:, None] / 255, generator)
                images = images.contiguous(memory_format=torch.channels_last)
                found.append(pooled(self.network.encode(images, 1.0), POOLED).double().numpy())
        part = Part(
            np.concatenate(found), np.array([one.kind for one, _ in listed]),
            np.array([one.source for one, _ in listed]), np.array([grade for _, grade in listed]),
        )  # fmt: skip
        if kept is not None:
            np.savez(kept, **part._asdict())
        sys.stderr.write(f"{name}: {len(listed)} pictures\n")
        return part


def fitted(x: NDArray[np.float64], y: NDArray[np.int64], weight: NDArray[np.float64], penalty: float) -> torch.Tensor:
    """Return weights and bias (features + 1, classes) of a multinomial logistic regression on standardised features."""
    import torch  # noqa: PLC0415 - `matae` comes first

    design, wanted = torch.tensor(np.c_[x, np.ones(len(x))]), torch.tensor(y)
    share = torch.tensor(weight / weight.sum())
    weights = torch.zeros(design.shape[1], int(y.max()) + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=150, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        found = torch.nn.functional.cross_entropy(design @ weights, wanted, reduction="none")
        total = (found * share).sum() + penalty * (weights[:-1] ** 2).mean()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()


def probabilities(x: NDArray[np.float64], weights: torch.Tensor) -> NDArray[np.float64]:
    """Return the probability of each class, (N, classes)."""
    logits = np.c_[x, np.ones(len(x))] @ weights.numpy()
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))


def balanced(y: NDArray[np.int64], sources: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return weights with which every class counts as much, and in a class what is synthetic as much as what is not.

    Without that, synthetic four-chamber views, of which there are few, are taken for other apical views, which are all
    synthetic: the style of the phantom would be learnt in place of the anatomy.
    """
    synthetic = np.array([source.startswith("phantom ") or source in PLANES for source in sources])
    groups = 2 * y + synthetic
    count = np.bincount(groups, minlength=2 * (int(y.max()) + 1))
    parts = (count.reshape(-1, 2) > 0).sum(1)
    return np.asarray(1.0 / (count[groups] * parts[y]))


def learnt(
    x: NDArray[np.float64], y: NDArray[np.int64], sources: NDArray[np.str_], penalties: tuple[float, ...]
) -> tuple[torch.Tensor, float]:
    """Return weights with the penalty that is best on a fifth of the sources, and that penalty."""
    some, scores = np.isin(sources, np.unique(sources)[::5]), {}
    for penalty in penalties if len(penalties) > 1 else ():
        found = probabilities(x[some], fitted(x[~some], y[~some], balanced(y[~some], sources[~some]), penalty))
        weight = balanced(y[some], sources[some])
        scores[penalty] = float((weight * np.log(found[np.arange(len(found)), y[some]] + 1e-12)).sum() / weight.sum())
    best = max(scores, key=scores.__getitem__, default=penalties[0])
    return fitted(x, y, balanced(y, sources), best), best


def confusion(names: tuple[str, ...], rows: Iterable[tuple[str, NDArray[np.float64]]], what: str) -> None:
    """Print how many of each row are taken for each class, how many surely, and how many end the number."""
    kinds = names == KINDS
    sys.stdout.write(f"| {what} | pictures | " + " | ".join(names) + f" | surer than {SURE:g} |")
    sys.stdout.write(" not relied on |\n" if kinds else "\n")
    sys.stdout.write("| --- " * (len(names) + 3 + kinds) + "|\n")
    for name, found in rows:
        taken = np.bincount(found.argmax(1), minlength=len(names))
        sure = np.bincount(found.argmax(1)[found.max(1) >= SURE], minlength=len(names))
        said = ", ".join(f"{n} {names[k]}" for k, n in enumerate(sure) if n) or "-"
        sys.stdout.write(f"| {name} | {len(found)} | " + " | ".join(map(str, taken)) + f" | {said} |")
        serious = (found[:, 3:].sum(1) >= NOTHING) | (found[:, 2:3].sum(1) >= CONTRADICTS)
        sys.stdout.write(f" {serious.sum()} |\n" if kinds else "\n")
    sys.stdout.write("\n")


def tell(
    judge: dict[str, Part], mean: NDArray[np.float64], scale: NDArray[np.float64], weights: torch.Tensor,
    of_grade: torch.Tensor,
) -> None:  # fmt: skip
    """Print what the classifiers take the parts for that they have not learnt."""

    def found(part: NDArray[np.float64], by: torch.Tensor) -> NDArray[np.float64]:
        return probabilities((part - mean) / scale, by)

    confusion(KINDS, ((name, found(part.found, weights)) for name, part in judge.items()), "what is shown")
    val = judge["A4C, validation patients"]
    rows = ((grade, found(val.found[val.grades == grade], of_grade)) for grade in GRADES)
    confusion(GRADES, rows, "quality, as graded")


def _shipped() -> tuple[NDArray[np.float64], NDArray[np.float64], torch.Tensor, torch.Tensor]:
    """Return mean and scale of the features, and the weights of the kinds and of the grades, that are shipped."""
    import torch  # noqa: PLC0415 - `matae` comes first
    from safetensors.numpy import load_file  # noqa: PLC0415

    held = {key: value.astype(np.float64) for key, value in load_file(find_model(MODEL).folder / WEIGHTS).items()}
    both = (torch.tensor(np.vstack([held[f"{n}.weight"], held[f"{n}.bias"]])) for n in ("kinds", "grades"))
    return held["mean"], held["scale"], *both


def main() -> None:
    """Train, judge and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, nargs=2, required=True, metavar=VIEWS)
    parser.add_argument("--frames", type=int, default=240, help="real frames of each view that are changed")
    parser.add_argument("--hearts", type=int, default=50, help="synthetic hearts, each in every apical view")
    parser.add_argument("--planes", type=int, default=50, help="synthetic hearts in planes that are not apical")
    parser.add_argument("--penalty", type=float, nargs="+", default=PENALTIES, help="the best of them is taken")
    parser.add_argument("--grade-penalty", type=float, nargs="+", default=PENALTIES, help="the same for the quality")
    parser.add_argument("--cache", type=Path, help="folder that keeps features from one run to the next")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--write", action="store_true", help="beside the weights of the model")
    either.add_argument("--judge", action="store_true", help="those that are there, and learn nothing")
    args = parser.parse_args()
    network, card = load_model(MODEL)
    if not isinstance(network, Matae):
        sys.exit(f"{MODEL} has no stages to look at")
    if args.cache is not None:
        args.cache.mkdir(parents=True, exist_ok=True)
    make, grid = Features(network, args.cache), card.grid
    learn, judge = _parts(make, args, grid)
    if args.judge:
        mean, scale, weights, of_grade = _shipped()
        sys.stdout.write("as shipped\n\n")
        tell(judge, mean, scale, weights, of_grade)
        return
    x = np.concatenate([part.found for part in learn])
    kinds = np.concatenate([part.kinds for part in learn])
    sources, grades = (np.concatenate([getattr(part, name) for part in learn]) for name in ("sources", "grades"))
    mean, scale = x.mean(0), x.std(0) + 1e-6
    x = (x - mean) / scale
    weights, penalty = learnt(x, np.array([KINDS.index(kind) for kind in kinds]), sources, args.penalty)
    graded = grades != ""
    wanted = np.array([GRADES.index(grade) for grade in grades[graded]])
    of_grade, other = learnt(x[graded], wanted, sources[graded], args.grade_penalty)
    sys.stdout.write(f"penalties {penalty:g} and {other:g}; learnt from {len(x)} pictures\n\n")
    tell(judge, mean, scale, weights, of_grade)
    if args.write:
        from safetensors.numpy import save_file  # noqa: PLC0415

        about = {
            "kinds": json.dumps(KINDS), "grades": json.dumps(GRADES), "model": MODEL, "model_sha256": card.sha256,
            "licence": card.licence, "data": " + ".join(folder.resolve().name for folder in args.data),
        }  # fmt: skip
        values = {"mean": mean, "scale": scale}
        for name, by in (("kinds", weights), ("grades", of_grade)):
            values |= {f"{name}.weight": by[:-1].numpy(), f"{name}.bias": by[-1].numpy()}
        kept = {key: np.ascontiguousarray(value, np.float32) for key, value in values.items()}
        save_file(kept, find_model(MODEL).folder / WEIGHTS, about)


def _parts(make: Features, args: argparse.Namespace, grid: int) -> tuple[list[Part], dict[str, Part]]:
    """Return what is learnt from, and what judges."""

    def ungraded(shown: Iterable[Shown]) -> list[tuple[Shown, str]]:
        return [(one, "") for one in shown]

    def every_nth(listed: Callable[[], list[tuple[Shown, str]]], n: int) -> list[tuple[Shown, str]]:
        return [(Shown(one.picture, "not apical", one.source), "") for one, _ in listed()[::n]]

    learn: list[Part] = []
    judge = {}

    def to_learn(name: str, pictures: Callable[[], Iterable[tuple[Shown, str]]], change: Change) -> None:
        if not args.judge:
            learn.append(make.part(name, pictures, change))

    for view, folder in zip(VIEWS, args.data, strict=True):
        every = partial(real, folder, "train", None, grid)
        some, val = (
            cache(partial(real, folder, "train", args.frames, grid)),
            cache(partial(real, folder, "val", None, grid)),
        )
        to_learn(f"{view}-plain", every, plain)
        to_learn(f"{view}-changed", some, changed)
        to_learn(f"{view}-turned", partial(every_nth, some, 3), turned)
        judge[f"{view}, validation patients"] = make.part(f"{view}-val", val, plain)
        judge[f"{view}, restyled"] = make.part(f"{view}-val-restyled", val, restyled)
        judge[f"{view}, turned"] = make.part(f"{view}-val-turned", partial(every_nth, val, 4), turned)
    rng = np.random.default_rng
    to_learn("no-echo", lambda: ungraded(no_echoes(rng(1), grid, 14, held_out=False)), plain)
    judge["no echo, left out"] = make.part(
        "no-echo-test", lambda: ungraded(no_echoes(rng(2), grid, 8, held_out=True)), plain
    )
    for name, made, count in (("hearts", hearts, args.hearts), ("planes", planes, args.planes)):

        @cache
        def learnt_from(made: Callable[..., Iterable[Shown]] = made, count: int = count) -> list[tuple[Shown, str]]:
            return ungraded(made(range(300_000, 300_000 + count), grid))

        @cache
        def to_judge(made: Callable[..., Iterable[Shown]] = made) -> list[tuple[Shown, str]]:
            return ungraded(made(range(310_000, 310_015), grid))

        for change in (plain, changed):
            to_learn(f"{name}-{change.__name__}", learnt_from, change)
        for change in (plain, restyled):
            part = make.part(f"{name}-test-{change.__name__}", to_judge, change)
            for source in dict.fromkeys(part.sources.tolist()):
                title = "tissue without a heart" if source == NO_HEART else source
                title += ", restyled" if change is restyled else ""
                judge[title] = Part(*(field[part.sources == source] for field in part))
    judge["pydicom's cine (A4C)"] = make.part("pydicom", lambda: ungraded(_pydicom(grid)), plain)
    return learn, judge


def _pydicom(grid: int) -> list[Shown]:
    from matae.demo import demo_cine  # noqa: PLC0415

    cine = demo_cine()
    place = Placement.of(cine, find_sector(cine), grid)
    return [Shown(place.image(frame), "A4C", "pydicom") for frame in cine.frames[::6]]


if __name__ == "__main__":
    main()

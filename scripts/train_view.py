"""Train the classifier of the apical views on frames whose view is known, and judge it on patients it has not seen.

    python scripts/train_view.py --data A4C-FOLDER A2C-FOLDER [--write]

The network stays as it is. Each training frame is seen as it is and twice changed at random, mostly restyled and with
resolution lost, so that what differs between the files of the two views (sharpness, greys) is not what is learnt. The
penalty on the weights is the one with the best likelihood on a fifth of the training patients. Prints accuracy on
the validation patients by frame and by patient, as they are and restyled.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.models import find_model, load_model
from matae.nn.matae import Matae
from matae.train.augment import AugmentConfig, augment
from matae.train.chance import Chance
from matae.train.data import LabelledFrames, load_folders
from matae.train.restyle import restyle
from matae.view.recognise import MODEL, SURE, WEIGHTS, features

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

VIEWS = ("A4C", "A2C")
PENALTIES = (0.1, 1.0, 10.0, 30.0, 100.0)
CHANGED = AugmentConfig(rotate=20.0, scale=(0.75, 1.3), stretch=0.15, blur=0.5, restyled=0.6)
BATCH = 16


def seen(
    network: Matae, frames: LabelledFrames, change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Return the features of frames after a change, in a random order, and their patients."""
    import torch  # noqa: PLC0415 - `matae` comes first

    order = np.random.default_rng(seed).permutation(len(frames))
    found = []
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            at = order[start : start + BATCH]
            images = torch.from_numpy(frames.images[at]).float()[:, None] / 255
            masks = network.regions.targets(torch.from_numpy(frames.masks[at]))
            x = change(images, masks).contiguous(memory_format=torch.channels_last)
            found.append(features(network.encode(x, 1.0)).double().numpy())
    return np.concatenate(found), np.array(frames.patients)[order]


def fitted(x: NDArray[np.float64], y: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """Return weights and bias of a logistic regression on standardised features."""
    import torch  # noqa: PLC0415 - `matae` comes first

    design, wanted = torch.tensor(np.c_[x, np.ones(len(x))]), torch.tensor(y)
    weights = torch.zeros(design.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=400, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        found = torch.nn.functional.binary_cross_entropy_with_logits(design @ weights, wanted)
        found = found + penalty * (weights[:-1] ** 2).mean()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return np.asarray(weights.detach().numpy())


def logits(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log odds of the second view."""
    return np.asarray(x @ weights[:-1] + weights[-1])


def likelihood(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the mean log-likelihood."""
    return float(-np.logaddexp(0, -(2 * y - 1) * logits(x, weights)).mean())


Part = tuple["NDArray[np.float64]", "NDArray[np.str_]", int]


def report(judged: dict[str, list[Part]], odds_of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
    """Print how often the view is right."""
    sys.stdout.write("| frames | right, by frame | right, by patient | sure of, by patient | sure and wrong |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- |\n")
    for name, parts in judged.items():
        right: list[bool] = []
        ends: list[float] = []
        truth: list[int] = []
        for found, who, number in parts:
            odds = odds_of(found)
            right += list((odds > 0) == bool(number))
            ends += [float(odds[who == each].mean()) for each in np.unique(who)]
            truth += [number] * len(np.unique(who))
        sure = np.abs(ends) >= np.log(SURE / (1 - SURE))
        good = (np.array(ends) > 0) == (np.array(truth) == 1)
        sys.stdout.write(
            f"| {name} | {sum(right)} of {len(right)} | {good.sum()} of {len(good)} | {sure.sum()} of {len(sure)} "
            f"| {(sure & ~good).sum()} |\n"
        )


def main() -> None:
    """Train, judge and write."""
    import torch  # noqa: PLC0415 - `matae` comes first

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, nargs=2, required=True, metavar=VIEWS)
    parser.add_argument("--write", action="store_true", help="beside the weights of the model")
    args = parser.parse_args()
    network, card = load_model(MODEL)
    if not isinstance(network, Matae):
        sys.exit(f"{MODEL} has no stages to look at")
    generator = torch.Generator().manual_seed(1)

    def plain(images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return images

    def changed(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return augment(images, masks, card.grid, generator, CHANGED)[0]

    def restyled(images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return restyle(images, Chance(generator, len(images), slice(None)))

    learnt: list[Part] = []
    judged: dict[str, list[Part]] = {"as they are": [], "restyled": []}
    for number, (folder, view) in enumerate(zip(args.data, VIEWS, strict=True)):
        train, val = load_folders([folder], card.grid, views=(view,), classes=card.classes)
        for seed, change in enumerate((plain, changed, changed)):
            learnt.append((*seen(network, train, change, seed), number))
        judged["as they are"].append((*seen(network, val, plain, 0), number))
        judged["restyled"].append((*seen(network, val, restyled, 0), number))
        sys.stderr.write(f"{view}: {len(train)} frames for training, {len(val)} for validation\n")
    x = np.concatenate([part[0] for part in learnt])
    y = np.concatenate([np.full(len(part[0]), float(part[2])) for part in learnt])
    patients = np.concatenate([part[1] for part in learnt])
    mean, scale = x.mean(0), x.std(0) + 1e-6
    x = (x - mean) / scale
    some = np.isin(patients, np.unique(patients)[::5])
    scores = {p: likelihood(x[some], y[some], fitted(x[~some], y[~some], p)) for p in PENALTIES}
    penalty = max(scores, key=scores.__getitem__)
    weights = fitted(x, y, penalty)
    sys.stdout.write(f"penalty {penalty:g} (mean log-likelihood {scores[penalty]:.3f})\n\n")
    report(judged, lambda found: logits((found - mean) / scale, weights))
    if args.write:
        from safetensors.numpy import save_file  # noqa: PLC0415

        about = {
            "views": json.dumps(VIEWS), "model": MODEL, "model_sha256": card.sha256, "licence": card.licence,
            "data": " + ".join(folder.resolve().name for folder in args.data),
        }  # fmt: skip
        values = {"mean": mean, "scale": scale, "weight": weights[:-1], "bias": weights[-1:]}
        save_file({k: v.astype(np.float32) for k, v in values.items()}, find_model(MODEL).folder / WEIGHTS, about)


if __name__ == "__main__":
    main()

"""Give a finished model autoencoder heads without changing anything else of it.

    python scripts/train_heads.py MODEL --data DIR --out RUN [--steps 600]

Every weight and every batch statistic stays; only the heads learn, on the training frames' pictures (no mask is used).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from matae.models import load_model
from matae.nn.checkpoint import save
from matae.nn.matae import Matae
from matae.segment.backends.precision import fast_bf16
from matae.train.batches import Batches
from matae.train.config import TrainConfig
from matae.train.data import load_folders

VIEWS = ("A4C", "A2C")


def main() -> None:
    """Train the heads and save the model."""
    import torch  # noqa: PLC0415 - `matae` comes first

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args()
    torch.manual_seed(1)
    network, card = load_model(args.model)
    if not isinstance(network, Matae):
        sys.exit(f"{args.model} has no widths, and so no latents to rebuild")
    whole = Matae(replace(network.config, autoencoder=True))
    whole.regions = network.regions
    whole.load_state_dict(whole.state_dict() | network.state_dict())
    whole.eval().requires_grad_(requires_grad=False)
    heads = whole.autoencoder
    if heads is None:
        raise RuntimeError("the heads were not built")
    heads.requires_grad_()
    config = TrainConfig(grid=card.grid, batch=8)
    frames, _ = load_folders(args.data, card.grid, views=VIEWS)
    batches = Batches(frames, network.regions, config, torch.Generator().manual_seed(1))
    optimiser = torch.optim.Adam(heads.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, args.steps)
    for step in range(args.steps):
        images, _ = batches.draw(step)
        # Emulated half precision is slower than none.
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16()):
            stages = [stage.float() for stage in whole.encode(images)]
        choice = whole.widths[step % len(whole.widths)]
        loss = whole.rebuild(stages, 1.0).mean() + whole.rebuild(stages, choice).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 49:
            sys.stderr.write(f"step {step + 1}: {float(loss.detach()) / 2:.4f}\n")
    names = " + ".join(data.resolve().name for data in args.data)
    training = card.training | {"heads": {"steps": args.steps, "data": names, "frozen": True}}
    card = replace(card, architecture=whole.config.to_json(), training=training)
    save(args.out, whole, card, half=True)


if __name__ == "__main__":
    main()

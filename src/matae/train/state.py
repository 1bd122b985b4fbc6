"""The state of a run on disk: all tensors in one safetensors file, replaced whole.

Not `torch.save`: its files are pickles, and this project reads none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from matae.errors import TrainError
from matae.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import Tensor, nn

__all__ = ["STATE", "load_state", "save_state"]

STATE = "state.safetensors"


def save_state(
    out: Path,
    step: int,
    model: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
    config: dict[str, Any],
) -> None:
    """Save everything a run needs to go on exactly; the last state stays whole if this fails."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {"generator": generator.get_state(), "generator/cpu": torch.get_rng_state()}
    for name, module in (("model", model), ("average", average)):
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{key}": value for key, value in values.items()}
    plain = {key: value for key, value in schedule.state_dict().items() if isinstance(value, (int, float, list))}
    groups = [{k: v for k, v in g.items() if k != "params"} for g in optimiser.state_dict()["param_groups"]]
    metadata = {"step": step, "config": config, "schedule": plain, "groups": groups}
    data = save(
        {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()},
        metadata={"run": json.dumps(metadata, sort_keys=True)},
    )
    write_atomic(out / STATE, data)


def load_state(
    out: Path,
    model: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
    config: dict[str, Any],
) -> int:
    """Restore a run from `out` and return the step it had reached, 0 if there is none.

    Raises
    ------
    TrainError
        If the folder holds a run with other settings.
    """
    from safetensors import safe_open

    path = out / STATE
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as file:
        run = json.loads(file.metadata()["run"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    if run["config"] != json.loads(json.dumps(config)):
        raise TrainError(f"{out} holds a run with other settings; choose another --out or remove it.")
    for name, module in (("model", model), ("average", average)):
        prefix = f"{name}/"
        module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser/"):
            _, index, what = key.split("/")
            state.setdefault(int(index), {})[what] = value
    groups = optimiser.state_dict()["param_groups"]
    for group, saved in zip(groups, run["groups"], strict=True):
        group.update(saved)
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    schedule.load_state_dict(run["schedule"])
    generator.set_state(tensors["generator"])
    torch.set_rng_state(tensors["generator/cpu"])
    return int(run["step"])

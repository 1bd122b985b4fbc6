"""The state of a run on disk: all tensors in one safetensors file, replaced whole.

Not `torch.save`: its files are pickles, and this project reads none.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from matae.errors import OutputError, TrainError
from matae.files import write_atomic, writing_to
from matae.train.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import Tensor

    from matae.nn.network import Network

__all__ = ["STATE", "Run"]

STATE = "state.safetensors"
_PROGRESS = ("best_score", "best_step", "stale", "chunk")


@dataclass(eq=False)
class Run:
    """The objects of a run that change as it goes on.

    Parameters
    ----------
    model, average
        The network that is trained and the running average of its weights.
    optimiser, schedule
        What changes the weights, and the learning rate.
    generator
        Source of every random number.
    settings
        Settings; a state with others is refused.
    data
        Digest of the frames; a state with another is refused, one without it is not.
    step, seconds
        How far the run is, and how long it took so far.
    best, best_score, best_step, stale
        With `TrainConfig.keep_best`: the averaged weights of the best validation, its score (mean Dice of the widths)
        and step, and how many validations since were no better.
    chunk
        Frames that go through the network at a time; 0 for the whole batch.
    teacher
        Network that teaches beside the masks, or None; it is no part of the state, `data` knows it by its digest.
    """

    model: Network
    average: Network
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    settings: TrainConfig
    data: str = ""
    step: int = 0
    seconds: float = 0.0
    best: Network | None = None
    best_score: float = -1.0
    best_step: int = 0
    stale: int = 0
    chunk: int = 0
    teacher: Network | None = None

    @property
    def speaker(self) -> Network:
        """Who speaks of the unlabelled frames: the teacher, or the running average where there is none."""
        return self.average if self.teacher is None else self.teacher

    @property
    def config(self) -> dict[str, Any]:
        """The settings as JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self.settings)))
        return values

    def save(self, out: Path) -> None:
        """Save everything the run needs to go on exactly; the last state stays whole if this fails.

        Raises
        ------
        TrainError
            If the disk is full or `out` cannot be written.
        """
        from safetensors.torch import save

        tensors: dict[str, Tensor] = {"generator": self.generator.get_state(), "generator/cpu": torch.get_rng_state()}
        for name, module in self._networks():
            tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
        for index, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{key}": value for key, value in values.items()}
        schedule = {k: v for k, v in self.schedule.state_dict().items() if isinstance(v, (int, float, list))}
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.optimiser.state_dict()["param_groups"]]
        metadata = {
            "step": self.step,
            "seconds": self.seconds,
            "config": self.config,
            "data": self.data,
            "generator_on": self.generator.device.type,
            "schedule": schedule,
            "groups": groups,
            **{key: getattr(self, key) for key in _PROGRESS},
        }
        content = save(
            {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()},
            metadata={"run": json.dumps(metadata, sort_keys=True)},
        )
        try:
            with writing_to(out):
                write_atomic(out / STATE, content)
        except OutputError as error:
            raise TrainError(f"Step {self.step} was not saved, the last state is whole. {error}") from error

    def resume(self, out: Path) -> str:
        """Take up the run in `out` where it was, or do nothing if there is none.

        Returns
        -------
        str
            A sentence where it does not go on exactly: on another kind of device other random numbers are drawn. Empty
            otherwise.

        Raises
        ------
        TrainError
            If the folder holds a damaged state, or a run with other settings, frames or another network.
        """
        from safetensors import SafetensorError, safe_open

        path = out / STATE
        if not path.is_file():
            return ""
        try:
            with safe_open(path, "pt") as file:
                run = json.loads(file.metadata()["run"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise TrainError(
                f"{path} is damaged ({error}); remove it to start again, or choose another --out."
            ) from None
        if not isinstance(run, dict) or not isinstance(run.get("config"), dict):
            raise TrainError(
                f"{path} is of another version of this program; go on with that one, or choose another --out."
            )
        # A run of before a setting existed went on as its default says.
        if _elsewhere(_filled(run["config"])) != _elsewhere(self.config):
            raise TrainError(f"{out} holds a run with other settings; choose another --out or remove it.")
        if run.get("data") and self.data and run["data"] != self.data:
            raise TrainError(
                f"{out} holds a run with other frames, or another teacher; choose another --out or remove it."
            )
        try:
            return self._restore(tensors, run)
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError):
            raise TrainError(f"{out} holds a run of another network; choose another --out or remove it.") from None

    def _restore(self, tensors: dict[str, Tensor], run: dict[str, Any]) -> str:
        if any(key.startswith("best/") for key in tensors):
            self.best = deepcopy(self.average)
        for name, module in self._networks():
            prefix = f"{name}/"
            module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimiser/"):
                _, index, what = key.split("/")
                state.setdefault(int(index), {})[what] = value
        groups = self.optimiser.state_dict()["param_groups"]
        for group, saved in zip(groups, run["groups"], strict=True):
            group.update(saved)
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        self.schedule.load_state_dict(run["schedule"])
        before, here = str(run.get("generator_on", "")), self.generator.device.type
        # States of before the kind was kept tell it by their size: each kind's is its own.
        known = before or ("" if len(tensors["generator"]) == len(self.generator.get_state()) else "another kind")
        moved = bool(known) and known != here
        torch.set_rng_state(tensors["generator/cpu"])
        self.step, self.seconds = int(run["step"]), float(run.get("seconds", 0.0))
        for key in _PROGRESS:
            setattr(self, key, run.get(key, getattr(self, key)))
        if not moved:
            self.generator.set_state(tensors["generator"])
            return ""
        # Its state means nothing here: the numbers of a run that never paused are not to be had, but reproducible ones.
        self.generator.manual_seed((self.settings.seed * 1_000_003 + self.step) % 2**63)
        self.chunk = 0  # how many frames fit into memory is another question here
        was = f"on {before}" if before else "on another kind of device"
        return f"The run began {was} and goes on, on {here}, from step {self.step} with other random numbers."

    def _networks(self) -> list[tuple[str, Network]]:
        found = [("model", self.model), ("average", self.average)]
        return found if self.best is None else [*found, ("best", self.best)]


def _elsewhere(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that make a run what it is: not where it is computed, nor where its teacher lies.

    The teacher itself is known by the digest of its weights.
    """
    return {key: value for key, value in settings.items() if key not in {"device", "teacher"}}


def _filled(settings: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = json.loads(json.dumps(asdict(TrainConfig())))
    return defaults | settings

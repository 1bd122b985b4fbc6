"""A run in several processes: one a GPU, or several on the CPU, joined by Fabric's DDP strategy.

They compute what one process would (`matae.train.sharing`). The first one measures, writes and reports; its reports
come back to the caller through a queue, and the caller's wish to stop goes to it through an event.
"""

from __future__ import annotations

import threading
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matae.errors import DeviceError, MataeError, TrainError
from matae.train.loop import make_fabric, train_here
from matae.train.progress import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    import numpy as np
    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from matae.nn.network import Network
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames
    from matae.train.pseudo_labels import PseudoLabelled
    from matae.train.validation import StepReport

__all__ = ["train_in_processes"]

_ASK_EVERY = 0.1  # seconds between two questions whether to stop


@dataclass
class _Channel:
    """What goes between the caller and the processes."""

    queue: Any
    stop: Any

    def follow(self, report: Callable[[StepReport], None] | None, watch: Watch, faults: list[BaseException]) -> None:
        """Pass on what the first process says, until it says None."""
        import queue

        while True:
            if not self.stop.is_set() and watch.should_stop():
                self.stop.set()
            try:
                item = self.queue.get(timeout=_ASK_EVERY)
            except queue.Empty:
                continue
            if item is None:
                return
            kind, value = item
            try:
                if kind == "fault":
                    faults.append(value)
                elif kind == "report" and report is not None:
                    report(value)
                elif kind == "step":
                    watch.step(value)
                elif kind == "notice":
                    watch.notice(value)
            except BaseException as error:  # noqa: BLE001 - the caller's own, raised again in its thread
                faults.append(error)
                self.stop.set()


def train_in_processes(
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    out: Path,
    config: TrainConfig,
    *,
    unlabelled: NDArray[np.uint8] | None = None,
    replay: LabelledFrames | None = None,
    pseudo: PseudoLabelled | None = None,
    teacher: Network | None = None,
    report: Callable[[StepReport], None] | None = None,
    watch: Watch,
    threads: int,
) -> Network:
    """Do what `matae.train.loop.train` does, in `TrainConfig.processes` processes of some `threads` each.

    Raises
    ------
    TrainError
        As `train`; also if one of the processes dies.
    DeviceError
        If there are fewer GPUs than processes.
    """
    import multiprocessing

    import torch
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

    context = multiprocessing.get_context("spawn")
    channel = _Channel(context.Queue(), context.Event())
    try:
        fabric = make_fabric(config)
    except RuntimeError as error:  # Fabric's own, where a device is missing, is one
        raise DeviceError(f"{config.processes} processes cannot start here ({error}); choose fewer.") from None
    faults: list[BaseException] = []
    follower = threading.Thread(target=channel.follow, args=(report, watch, faults), daemon=True)
    follower.start()
    found: dict[str, NDArray[Any]] | None = None
    try:
        more = (unlabelled, replay, pseudo, teacher)
        found = fabric.launch(_Work(channel, (model, frames, held_out, out, config), more, threads))
    except (ProcessRaisedException, ProcessExitedException) as error:
        if not faults:
            raise TrainError(
                f"One of the {config.processes} processes ended ({str(error).strip().splitlines()[-1]}); "
                "the same command goes on from the last validation, with fewer processes if memory is short."
            ) from error
    finally:
        channel.queue.put(None)
        follower.join()
        channel.queue.close()
    if faults:
        raise faults[0]
    if found is None:
        raise TrainError("The processes ended without a result; start again, it goes on from the last validation.")
    # Nested networks are built alike everywhere: the weights alone come back.
    model.load_state_dict({key: torch.from_numpy(value) for key, value in found.items()})
    return model.cpu().eval()


class _Work:
    """What each process does; a plain object, which Fabric passes on as it is."""

    def __init__(self, channel: _Channel, given: tuple[Any, ...], more: tuple[Any, ...], threads: int) -> None:
        self.channel, self.given, self.more, self.threads = channel, given, more, threads

    def __call__(self, fabric: Fabric) -> dict[str, NDArray[Any]] | None:
        import torch

        torch.set_num_threads(self.threads)  # Fabric knows nothing of a container's limits

        def say(kind: str) -> Callable[[Any], None]:
            return lambda value: self.channel.queue.put((kind, value)) if fabric.is_global_zero else None

        model, frames, held_out, out, config = self.given
        unlabelled, replay, pseudo, teacher = self.more
        watch = Watch(should_stop=self.channel.stop.is_set, step=say("step"), notice=say("notice"))
        try:
            # Tensors that were sent to several processes lie in memory they share: each trains a copy of its own.
            trained = train_here(fabric, deepcopy(model), frames, held_out, out, config=config, unlabelled=unlabelled,
                                 replay=replay, pseudo=pseudo, teacher=teacher, report=say("report"),
                                 watch=watch)  # fmt: skip
        except MataeError as error:
            # All processes see the same data and come to the same sentence; one tells it.
            say("fault")(error)
            raise
        if not fabric.is_global_zero:
            return None
        return {key: value.detach().cpu().numpy() for key, value in trained.state_dict().items()}

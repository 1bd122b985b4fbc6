"""The training loop: steps, an average of the weights, validation, exact resume.

Every random number comes from the seed or from one generator whose state is saved, so a killed run goes on as if
nothing had happened. Lightning Fabric decides device and precision.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import nullcontext, suppress
from copy import deepcopy
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from matae.errors import OutputError, TrainError
from matae.files import write_atomic, writing_to
from matae.segment.backends.precision import is_out_of_memory
from matae.segment.device import free_cache
from matae.threads import training_threads
from matae.train.batches import Batches
from matae.train.config import TrainConfig
from matae.train.curves import Curves
from matae.train.pretraining import pretrain
from matae.train.progress import StoppedError, TrainingProgress, Watch, never
from matae.train.setup import begin, check_data, learns_heads, make_fabric, new_run
from matae.train.sharing import agreed, share_batch_norm
from matae.train.state import STATE
from matae.train.step import NotFiniteError, take_step
from matae.train.teacher import load_teacher, teacher_digest
from matae.train.validation import METRICS, StepReport, append, forget_after, predict, validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lightning_fabric import Fabric
    from numpy.typing import NDArray
    from torch import Tensor

    from matae.nn.matae import Matae
    from matae.nn.network import Network
    from matae.train.data import LabelledFrames
    from matae.train.pseudo_labels import PseudoLabelled
    from matae.train.state import Run

__all__ = ["BAD_BATCH", "METRICS", "StepReport", "Watch", "begin", "make_fabric", "predict", "train", "train_here"]

BAD_BATCH = "bad-batch.safetensors"


def train(
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    out: Path,
    config: TrainConfig | None = None,
    *,
    unlabelled: NDArray[np.uint8] | None = None,
    replay: LabelledFrames | None = None,
    pseudo: PseudoLabelled | None = None,
    teacher: Network | None = None,
    report: Callable[[StepReport], None] | None = None,
    watch: Watch | None = None,
) -> Network:
    """Train a network and return its averaged weights: the last ones, or the best of all validations.

    Parameters
    ----------
    model
        Network to start from; it is moved to the device and changed. Parameters that need no gradient stay.
    frames, held_out
        Training and validation frames; of different patients.
    out
        Folder for ``metrics.csv``, the state that a killed run resumes from and, where TensorBoard is installed,
        its event files.
    config
        Settings; the defaults if None.
    unlabelled
        More frames (N, Y, X), square, that only the autoencoder heads learn from; with `TrainConfig.self_training` the
        whole network does, see `matae.train.self_training`.
    replay
        Labelled frames that are mixed into each batch so that what is known is not forgotten, see
        `TrainConfig.replay`; of the same size as `frames`.
    pseudo
        Frames with masks that nobody drew, see `TrainConfig.pseudo_labels`; of the same size as `frames`.
    teacher
        Network that teaches beside the masks, see `TrainConfig.teaching`; it is not changed. That which
        `TrainConfig.teacher` names, if None.
    report
        Called after each validation.
    watch
        Step-level progress, and a way to stop; what was found until then is returned as at the end.

    Returns
    -------
    Network
        A copy of the network with the averaged weights, in inference mode on the CPU.

    Raises
    ------
    TrainError
        If there are no frames, a patient is on both sides, the frames have more classes than the network, a
        setting makes no sense, the teacher outlines other structures, the loss is not finite, memory or disk run out,
        or `out` holds another run.
    ModelError
        If there is no model that the settings name as teacher.
    DeviceError
        If the device is not there.
    """
    config, watch = config or TrainConfig(), watch or Watch()
    if teacher is None and config.teacher and config.teaching:
        teacher, _ = load_teacher(config.teacher)
    check_data(model, frames, held_out, config, unlabelled=unlabelled, replay=replay, pseudo=pseudo, teacher=teacher)
    threads = training_threads(max(1, config.processes))
    if config.processes > 1:
        from matae.train.parallel import train_in_processes

        return train_in_processes(
            model, frames, held_out, out, config, unlabelled=unlabelled, replay=replay, pseudo=pseudo,
            teacher=teacher, report=report, watch=watch, threads=threads,
        )  # fmt: skip
    torch.set_num_threads(threads)
    try:
        fabric = make_fabric(config)
    except RuntimeError as error:
        raise _memory(config) if is_out_of_memory(error) else error from None
    return train_here(
        fabric, model, frames, held_out, out, config=config, unlabelled=unlabelled, replay=replay, pseudo=pseudo,
        teacher=teacher, report=report, watch=watch,
    )  # fmt: skip


def train_here(
    fabric: Fabric,
    model: Network,
    frames: LabelledFrames,
    held_out: LabelledFrames,
    out: Path,
    *,
    config: TrainConfig,
    unlabelled: NDArray[np.uint8] | None = None,
    replay: LabelledFrames | None = None,
    pseudo: PseudoLabelled | None = None,
    teacher: Network | None = None,
    report: Callable[[StepReport], None] | None = None,
    watch: Watch,
) -> Network:
    """Do what `train` does in this process, which may be one of several that `fabric` knows of."""
    try:
        if fabric.world_size > 1:
            share_batch_norm(model)
        run = new_run(model, config, fabric.device, teacher)
        run.data = " ".join(side.digest() for side in (frames, held_out, replay) if side is not None)
        if config.pseudo_labels and pseudo is not None:
            run.data += " " + pseudo.digest()
        if (config.self_training or config.pretraining) and unlabelled is not None:
            run.data += " " + hashlib.sha256(np.ascontiguousarray(unlabelled).data).hexdigest()
        if run.teacher is not None:
            run.data += " " + teacher_digest(run.teacher)
        with writing_to(out):
            out.mkdir(parents=True, exist_ok=True)
            begun = (out / STATE).is_file()
            notice = run.resume(out)
            if notice:
                watch.notice(notice)
            if not begun and config.pretraining:
                seen = frames.images if unlabelled is None else np.concatenate([frames.images, unlabelled])
                if _pretrain(fabric, run, seen, watch.should_stop):
                    run.save(out)
            if fabric.is_global_zero:
                forget_after(out / METRICS, run.step)
        batches = Batches(
            frames,
            model.regions,
            config,
            run.generator,
            unlabelled if config.self_training or learns_heads(model, config) else None,
            replay=replay,
            pseudo=pseudo,
            rank=fabric.global_rank,
            processes=fabric.world_size,
        )
        _loop(fabric, run, batches, held_out, out, report=report, watch=watch)
    except OutputError as error:
        raise TrainError(str(error)) from error
    except NotImplementedError as error:
        raise TrainError(
            f"The device {fabric.device} lacks an operation of the training ({_first_line(error)}); choose device "
            "cpu, or set PYTORCH_ENABLE_MPS_FALLBACK=1 and start again: it goes on from the last validation."
        ) from error
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise _memory(config) from None
    return (run.average if run.best is None else run.best).cpu().eval()


def _pretrain(fabric: Fabric, run: Run, pictures: NDArray[np.uint8], should_stop: Callable[[], bool]) -> bool:
    """Pre-train the network of a new run, and return whether it came to the end; one that did not begins anew."""
    clock = time.perf_counter()
    shown = torch.tensor(pictures, device=run.generator.device)[:, None]
    ended = pretrain(fabric, run, cast("Matae", run.model), shown, should_stop)
    run.seconds = time.perf_counter() - clock
    return ended


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _memory(config: TrainConfig) -> TrainError:
    return TrainError(
        f"Memory does not suffice for {config.batch} frames a step; choose a smaller batch and another --out."
    )


def _loop(
    fabric: Fabric,
    run: Run,
    batches: Batches,
    held_out: LabelledFrames,
    out: Path,
    *,
    report: Callable[[StepReport], None] | None,
    watch: Watch,
) -> None:
    config = run.settings
    losses: list[float] = []
    clock = time.perf_counter() - run.seconds
    # Only one of several processes measures and writes; what it decides holds for all.
    first, alone = fabric.is_global_zero, fabric.world_size == 1
    should_stop = watch.should_stop if alone else never

    def end() -> tuple[bool, bool]:
        """Return whether the run is over, and whether somebody stopped it: one small message where several share it."""
        if first:
            run.seconds = time.perf_counter() - clock
        over = (
            run.step >= config.steps
            or (config.patience > 0 and run.stale >= config.patience)
            or (config.seconds > 0 and run.seconds >= config.seconds)
        )
        found = (over, watch.should_stop())
        return found if alone else agreed(found, fabric.device)

    def check(curves: Curves | None) -> None:
        found = validate(run.average, held_out, config.grid, should_stop) if first else ({}, {})
        if not alone:
            found = fabric.broadcast(found)
        if config.keep_best:
            _keep_best(run, float(np.mean(list(found[0].values()))))
        if curves is None:
            return
        run.seconds = time.perf_counter() - clock
        loss = float(np.mean(losses)) if losses else float("nan")
        step_report = StepReport(run.step, loss, run.seconds, *found, best=run.best_step if config.keep_best else -1)
        with writing_to(out):
            append(out / METRICS, step_report)
            curves.add(step_report)
        run.save(out)
        if report is not None:
            report(step_report)

    curves = Curves(out, run.step) if first else None
    # All of them change in place: to collect them takes longer than to average them.
    pairs = list(zip(run.average.state_dict().values(), run.model.state_dict().values(), strict=True))
    # Whoever stops in the midst of a step or a validation gets what was found before.
    with curves or nullcontext(), suppress(StoppedError):
        if config.keep_best and run.best is None:
            check(curves)
        over, stopped = end()
        while not over and not stopped:
            loss = _step(fabric, run, batches, out, watch=watch, should_stop=should_stop)
            losses.append(loss)
            run.step += 1
            # A short warm-up of the average: early weights should not linger in it.
            _average(pairs, min(config.ema, run.step / (run.step + 20)))
            if first:
                run.seconds = time.perf_counter() - clock
            watch.step(_progress(run, batches, loss))
            over, stopped = end()
            if over or not run.step % config.check_every:
                check(curves)
                losses.clear()
                over, stopped = end()


def _progress(run: Run, batches: Batches, loss: float) -> TrainingProgress:
    config = run.settings
    left = run.seconds / run.step * (config.steps - run.step)
    if config.seconds:
        left = min(left, max(0.0, config.seconds - run.seconds))
    chunk = run.chunk or config.batch
    return TrainingProgress(run.step, config.steps, batches.epoch(run.step), loss, run.seconds, left, chunk)


def _step(
    fabric: Fabric, run: Run, batches: Batches, out: Path, *, watch: Watch, should_stop: Callable[[], bool]
) -> float:
    """Take a step; where memory runs out, with fewer frames at a time from now on."""
    batch, more = batches.draw(run.step), batches.draw_unlabelled(run.step)
    pair, pseudo = batches.draw_pair(run.step), batches.draw_pseudo_labelled(run.step)
    while True:
        try:
            return take_step(fabric, run, batch, more, should_stop, pair=pair, pseudo=pseudo)
        except NotFiniteError:
            raise _stopped(run, batch, out) from None
        except (RuntimeError, MemoryError) as error:
            chunk = run.chunk or sum(len(each[0]) for each in (batch, pair, pseudo) if each is not None)
            if fabric.world_size > 1 or chunk == 1 or not is_out_of_memory(error):
                raise
        # Once the exception is gone, what the failed pass held is free.
        run.chunk = (chunk + 1) // 2
        free_cache(batch[0].device)
        watch.notice(f"Memory ran out; going on with {run.chunk} frames at a time.")


def _keep_best(run: Run, score: float) -> None:
    if run.best is None or score > run.best_score:
        if run.best is None:
            run.best = deepcopy(run.average)
        else:
            run.best.load_state_dict(run.average.state_dict())
        run.best_score, run.best_step, run.stale = score, run.step, 0
    else:
        run.stale += 1


def _stopped(run: Run, batch: tuple[Tensor, Tensor], out: Path) -> TrainError:
    """Keep the batch that broke the run and the weights from before it, and say so."""
    from safetensors.torch import save

    content = save({"images": batch[0].cpu().contiguous(), "masks": batch[1].cpu().contiguous()})
    with writing_to(out):
        write_atomic(out / BAD_BATCH, content)
    run.save(out)
    return TrainError(
        f"The loss was not finite at step {run.step + 1}; the weights before it and the batch ({BAD_BATCH}) are kept. "
        "Lower the learning rate and train into another --out."
    )


@torch.no_grad()
def _average(pairs: list[tuple[Tensor, Tensor]], decay: float) -> None:
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)

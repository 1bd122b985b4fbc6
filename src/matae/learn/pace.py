"""How a training spends its time: how many steps, and how often and on how many frames it is checked on the way.

Both come from what a step and a check take on this machine. Checks get a fixed share of the time at most, so that a
slow machine learns instead of measuring what it learnt.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError
from matae.train.progress import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.learn.data import RunData
    from matae.learn.plan import Plan
    from matae.learn.recipe import Recipe
    from matae.nn.network import Network
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames

__all__ = [
    "CHECKS_SHARE", "FEWEST_CHECKED", "FEWEST_CHECKS", "FEWEST_STEPS", "Costs", "Pace", "frames_to_check", "paced",
    "plan_pace", "some_of",
]  # fmt: skip

CHECKS_SHARE = 0.125
"""Of the time that is left after measuring, the most that checks may take."""
FEWEST_STEPS = 10
FEWEST_CHECKS = 4
"""The start, the end, and two between them: fewer show no progress, and hardly choose."""
FEWEST_CHECKED = 8
_PLANNED = 0.95  # of the time: steps may take longer than the first ones did
_MEASURING = 0.02  # of the time, after the first step; and for a first check that is followed by another
_MEASURED = 16  # frames of a check, as many as go through the network together


@dataclass(frozen=True)
class Costs:
    """What things take on this machine.

    Parameters
    ----------
    step
        Seconds a step.
    frame
        Seconds a frame of a check, at all widths.
    spent
        Seconds that it took to find out, what had to be loaded first left out.
    """

    step: float
    frame: float
    spent: float = 0.0


@dataclass(frozen=True)
class Pace:
    """How a training goes.

    Parameters
    ----------
    steps
        Steps to take.
    check_every
        Steps between two checks; one is before the first step, and one after the last.
    checked
        Frames that each check looks at: the same ones in every check of a training.
    """

    steps: int
    check_every: int
    checked: int

    @property
    def checks(self) -> int:
        """Checks in all, the one before the first step among them."""
        return 1 + -(-self.steps // self.check_every)


def paced(chosen: Recipe, wanted: int, n_held_out: int, *, seconds: float, costs: Costs) -> Pace:
    """Return how many of the wanted steps fit into the time, and what checks.

    Checks take `CHECKS_SHARE` of the time at most. Where the recipe's do not fit there are fewer of them, and only then
    fewer frames in each: among weights measured on few frames the best are found by chance. Less than `FEWEST_CHECKS`
    of `FEWEST_CHECKED` frames, and less than `FEWEST_STEPS`, is never planned, whatever they take.

    Parameters
    ----------
    chosen
        Recipe, which says how many checks of how many frames are wanted.
    wanted
        Steps wanted.
    n_held_out
        Frames there are to check on, one at least.
    seconds
        Time for steps and checks.
    costs
        What they take.
    """
    most, seconds = min(n_held_out, chosen.checked), max(seconds, 0.0)
    affordable = CHECKS_SHARE * seconds / max(costs.frame, 1e-9)
    checks = int(max(FEWEST_CHECKS, min(chosen.checks + 1, affordable // most)))
    checked = int(max(min(most, FEWEST_CHECKED), min(most, affordable // checks)))
    left = seconds - checks * checked * costs.frame
    steps = int(min(wanted, max(FEWEST_STEPS, left / max(costs.step, 1e-9))))
    return Pace(steps, -(-steps // (checks - 1)), checked)


def some_of(frames: LabelledFrames, most: int) -> LabelledFrames:
    """Return at most so many of the frames: as many of each patient as of another, and of their first as of their last.

    Always the same ones, in their order.
    """
    if len(frames) <= most:
        return frames
    theirs: dict[str, list[int]] = {}
    for i, patient in enumerate(frames.patients):
        theirs.setdefault(patient, []).append(i)
    # Patients are shuffled, always in the same way: who comes first in the study is not looked at more than others.
    order = np.random.default_rng(0).permutation(len(theirs)).tolist()
    waiting, found = [list(theirs.values())[who] for who in order], list[int]()
    while len(found) < most:
        # A patient's frames come in their order, end-diastole often first. One patient gives the first of them, the
        # next one the second, so that there are as many of end-systole.
        found += [own.pop(i % len(own)) for i, own in enumerate(waiting[: most - len(found)])]
        waiting = [own for own in waiting if own]
    return frames.take(sorted(found))


def frames_to_check(plan: Plan, held_out: LabelledFrames) -> LabelledFrames:
    """Return the frames that each check of a planned run looks at.

    Earlier versions planned no number of them and took every so many-th frame. A run that one of them left unfinished
    goes on with the frames it began with: others it would refuse.
    """
    from matae.learn.recipe import RECIPES

    if plan.options.checked:
        return some_of(held_out, plan.options.checked)
    n, most = len(held_out), RECIPES[plan.options.kind].checked
    return held_out if n <= most else held_out.take([i * n // most for i in range(most)])


def plan_pace(
    plan: Plan, network: Network, config: TrainConfig, data: RunData, should_stop: Callable[[], bool]
) -> Plan:
    """Return the plan with the steps and checks that fit into its time.

    A number of steps that a person chose has the recipe's checks, whatever they take: it is to be the same anywhere.

    Parameters
    ----------
    plan
        Its options have the time.
    network
        Not changed.
    config
        Settings with the steps that are wanted.
    data
        What is learnt from and checked on.
    should_stop
        Asked between two passes through the network.

    Raises
    ------
    StoppedError
        If `should_stop` said so.
    TrainError
        If memory does not suffice.
    """
    from matae.learn.recipe import RECIPES

    options, n = plan.options, len(data.held_out)
    chosen = RECIPES[options.kind]
    if config.seconds:
        costs = _measured(network, config, data, should_stop)
        pace = paced(chosen, config.steps, n, seconds=_PLANNED * config.seconds - costs.spent, costs=costs)
    else:
        pace = Pace(config.steps, config.check_every, options.checked or min(n, chosen.checked))
    return replace(plan, steps=pace.steps, options=replace(options, check_every=pace.check_every, checked=pace.checked))


def _measured(network: Network, config: TrainConfig, data: RunData, should_stop: Callable[[], bool]) -> Costs:
    """Return what a step and a check take; where memory runs out, found out with fewer frames at a time.

    Raises
    ------
    TrainError
        If it does not suffice for the fewest either.
    """
    import torch

    from matae.segment.backends.precision import is_out_of_memory

    # One frame of each kind is in every batch.
    batch, fewest = config.batch, (2 if config.pseudo_labels else 1) * (2 if config.self_training else 1)
    while True:
        try:
            found = _tried(network, replace(config, batch=batch), data, should_stop)
            return replace(found, step=found.step * config.batch / batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        if batch == fewest:
            raise TrainError(
                "Memory does not suffice for a training; close other programs and go on with the run, or start one on "
                "another device."
            )
        batch = max(fewest, (batch + 1) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _tried(network: Network, config: TrainConfig, data: RunData, should_stop: Callable[[], bool]) -> Costs:
    """Return what a step and a check take, by trying some on a copy."""
    from matae.train.loop import begin, make_fabric
    from matae.train.step import take_step
    from matae.train.validation import validate

    single = replace(config, processes=1)
    fabric = make_fabric(single)
    start = time.perf_counter()
    run, batches = begin(deepcopy(network), single, fabric.device, data.train, data.unlabelled, pseudo=data.pseudo)

    def step_at(number: int) -> None:
        if should_stop():
            raise StoppedError
        pair, filled = batches.draw_pair(number), batches.draw_pseudo_labelled(number)
        take_step(fabric, run, batches.draw(number), None, should_stop, pair=pair, pseudo=filled)

    step_at(0)  # the first is slower
    clock = time.perf_counter()
    taken = 0
    while taken < 2 or (taken < 10 and time.perf_counter() - clock < min(1.0, _MEASURING * config.seconds)):
        taken += 1
        step_at(taken)
    step = (time.perf_counter() - clock) / taken
    few = data.held_out.take(range(min(_MEASURED, len(data.held_out))))

    def check() -> float:
        clock = time.perf_counter()
        validate(run.average, few, config.grid, should_stop)
        return time.perf_counter() - clock

    spent_on_check = check()
    if spent_on_check < _MEASURING * config.seconds:
        # The first is slower here too, by a third on a processor: checks would be left out for it.
        spent_on_check = min(spent_on_check, check())
    return Costs(step, spent_on_check / len(few), time.perf_counter() - start)

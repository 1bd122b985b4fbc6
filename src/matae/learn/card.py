"""The card of a retrained model: where it comes from, and what it learnt from, in codes that only its study reads."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from matae import __version__

if TYPE_CHECKING:
    from matae.learn.data import RunData
    from matae.learn.interpolate_weights import Kept
    from matae.learn.plan import Plan
    from matae.nn.card import ModelCard
    from matae.store import Study
    from matae.train.config import TrainConfig

__all__ = ["retrained_card"]

_REPEATABLE = (
    "base", "kind", "seconds", "steps", "check_every", "checked", "seed", "statuses", "odd_labels", "self_training",
    "pseudo_labels",
)  # fmt: skip


def retrained_card(
    study: Study,
    base: ModelCard,
    plan: Plan,
    data: RunData,
    *,
    config: TrainConfig,
    seconds: float,
    kept: Kept,
) -> ModelCard:
    """Return the card of the model a run has made; its figures come with the verdict.

    Parameters
    ----------
    study, base, plan, data
        What it was made from.
    config, seconds
        Settings of its training, and how long it took.
    kept
        How far from the base it lies.
    """
    import torch

    options, train = plan.options, data.train
    clips = data.corrections.side("train")
    learnt = data.uncorrected.learnt
    # Whoever taught, by labels or without: the model goes when one of them is forgotten.
    who = {cine.content_id: cine.known_subject for cine in study.cines() if cine.content_id in learnt}
    subjects = {clip.patient for clip in clips} | {study.keyed(subject) for subject in who.values() if subject}
    more = 0 if data.unlabelled is None else len(data.unlabelled)
    filled = 0 if data.pseudo is None else len(data.pseudo)
    own = f"{len(train)} corrected frames of {len(set(train.patients))} patients"
    mixed = f", mixed with {data.replay.name} frames" if data.is_replayed else ""
    mixed += f", and {more} frames of theirs and of other training patients without labels" if more else ""
    mixed += f", and {filled} frames between corrected ones with masks that were filled in" if filled else ""
    facts = {
        "kind": options.kind,
        "base": options.base,
        "base_sha256": base.sha256,
        "study": plan.study,
        "release": {"name": data.corrections.release[0], "number": data.corrections.release[1]},
        # Under the study's key: they mean something where the study is, and nowhere else.
        "subjects": sorted(subjects),
        "clips": sorted(study.keyed(each) for each in {clip.content_id for clip in clips} | learnt.keys()),
        "n_unlabelled": more,
        "n_pseudo_labelled": filled,
        "n_frames": len(train),
        "n_patients": len(set(train.patients)),
        "replay": data.replay.name if data.is_replayed else "none",
        "kept": kept._asdict(),
        "options": {k: v for k, v in options.to_json().items() if k in _REPEATABLE}
        # A folder's path is nobody else's business.
        | ({"replay": options.replay} if options.replay in {"auto", "site", "none"} else {}),
    }
    return replace(
        base,
        name=options.name,
        parent={"name": base.name, "sha256": base.sha256},
        data=f"{base.name} ({base.data}); then {own} of a study of its user{mixed}",
        licence=f"{base.licence}\n\nand the terms of the frames it was retrained on, which its user knows",
        figures={},
        grids={},
        sha256="",
        training=json.loads(json.dumps(asdict(config)))
        | {
            "retrain": facts,
            "seconds": seconds,
            "napari_matae": __version__,
            "torch": str(torch.__version__),
        },
        limits=(
            "Fitted to the scanners, views and readers of one study; measured on a few of its patients only.",
            *base.limits,
        ),
    )

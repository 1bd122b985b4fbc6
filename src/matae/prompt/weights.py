"""The file of a prompt head, ``prompt.safetensors`` beside the weights of the model it was trained for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from matae.errors import ModelError
from matae.files import write_atomic, writing_to

if TYPE_CHECKING:
    from pathlib import Path

    from matae.nn.card import ModelCard
    from matae.prompt.head import PromptHead

__all__ = ["HEAD", "load_head", "save_head"]

HEAD = "prompt.safetensors"


def save_head(path: Path, head: PromptHead, card: ModelCard, **about: object) -> None:
    """Write a head, whole or not at all, with the digest of the weights it was trained for.

    Parameters
    ----------
    path
        Where to.
    head
        What is written.
    card
        Of the model it was trained for.
    about
        What else is known of the training, JSON values.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from safetensors.torch import save

    facts = {
        "config": json.dumps(head.config.to_json()), "model": card.name, "model_sha256": card.sha256,
        "licence": card.licence, "training": json.dumps(about),
    }  # fmt: skip
    tensors = {key: value.detach().cpu().contiguous() for key, value in head.state_dict().items()}
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, save(tensors, metadata=facts))


def load_head(path: Path, card: ModelCard) -> PromptHead:
    """Read the head of a model, in inference mode.

    Parameters
    ----------
    path
        The file.
    card
        Of the model it is to be used with.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or of other weights.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from matae.prompt.head import HeadConfig, PromptHead

    again = "copy the model's whole folder again, or train a head with scripts/train_prompt.py"
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - no mapping
        config = HeadConfig.from_json(json.loads(about["config"]))
    except FileNotFoundError:
        raise ModelError(f"{card.name} has no prompt head ({path.name}); {again}.") from None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"The prompt head of {card.name} cannot be read ({error}); {again}.") from None
    if about.get("model_sha256") != card.sha256:
        raise ModelError(
            f"The prompt head beside {card.name} was trained for other weights (of {about.get('model', 'no model')}); "
            f"{again}."
        )
    try:
        head = PromptHead(config)
        head.load_state_dict(tensors)
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise ModelError(f"The prompt head of {card.name} does not fit its description ({error}); {again}.") from None
    if not all(torch.isfinite(value).all() for value in tensors.values()):
        raise ModelError(f"The prompt head of {card.name} holds values that are not finite; {again}.")
    return head.eval().requires_grad_(requires_grad=False)

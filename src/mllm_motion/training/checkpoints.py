"""Checkpoints: one safetensors file with weights, their moving average, the optimizer's state and the step."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mllm_motion.errors import FileFormatError
from mllm_motion.files import atomic_path

_NAME = "checkpoint.safetensors"


def checkpoint_path(directory: Path) -> Path:
    """Where a run keeps its newest checkpoint."""
    return Path(directory) / _NAME


def save_checkpoint(
    directory: Path, step: int, model: nn.Module, ema: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Write everything that a run needs to go on exactly, whole or not at all."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()} | {f"ema.{k}": v for k, v in ema.items()}
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
    tensors = {key: value.detach().contiguous().cpu().clone() for key, value in tensors.items()}
    with atomic_path(checkpoint_path(directory)) as temporary:
        save_file(tensors, temporary, metadata={"step": str(step)})


def load_average(directory: Path) -> tuple[int, dict[str, Tensor]]:
    """(step, averaged weights of the network under its own names) of a run's newest checkpoint."""
    with safe_open(checkpoint_path(directory), "pt") as file:
        average = {key: file.get_tensor(key) for key in file.keys() if key.startswith("ema.core.")}
        return int(file.metadata()["step"]), {key.removeprefix("ema.core."): value for key, value in average.items()}


def load_checkpoint(
    directory: Path, model: nn.Module, ema: dict[str, Tensor], optimizer: torch.optim.Optimizer | None
) -> int:
    """Fill model, moving average and (unless None) optimizer in place; returns the step, 0 if there is none yet."""
    path = checkpoint_path(directory)
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            step = int((file.metadata() or {})["step"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, KeyError, OSError, json.JSONDecodeError) as error:
        raise FileFormatError(f"the checkpoint {path} is damaged ({error}); delete it to start over") from error
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "ema": {}, "optimizer": {}}
    for key, value in tensors.items():
        group, _, rest = key.partition(".")
        groups[group][rest] = value
    try:
        model.load_state_dict(groups["model"])
    except RuntimeError as error:
        raise FileFormatError(
            f"the checkpoint {path} belongs to a model of another shape; give the same settings or another --out"
        ) from error
    for key, value in groups["ema"].items():
        ema[key].copy_(value)
    if optimizer is not None:
        saved = optimizer.state_dict()
        for key, value in groups["optimizer"].items():
            index, _, name = key.partition(".")
            saved["state"].setdefault(int(index), {})[name] = value
        optimizer.load_state_dict(saved)
    return step

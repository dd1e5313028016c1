"""The training loop that every phase shares: accelerate, AdamW, moving average, checkpoints, CSV and TensorBoard."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from mllm_motion.errors import InvalidInputError, require
from mllm_motion.models.precision import prefers_bf16
from mllm_motion.training.checkpoints import load_checkpoint, save_checkpoint

_CLIP_NORM = 5.0

Losses = dict[str, Tensor]
Split = TypeVar("Split")
"""Named scalars; the one called "loss" is minimised."""


@dataclass(frozen=True)
class LoopConfig:
    """How a phase is trained."""

    out: Path
    """Folder for checkpoints, metrics and the finished model."""
    steps: int = 20_000
    """Steps in all, those before a resume counted in."""
    batch_size: int = 64
    """Clips a step, over all processes together."""
    learning_rate: float = 4e-4
    """Peak learning rate."""
    warmup: int = 300
    """Steps of linear warm-up."""
    decay: float = 0.3
    """Share of the steps, at the end, over which the rate falls to zero."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""
    ema: float = 0.999
    """Moving average of the weights, which is what is kept."""
    seed: int = 0
    """Seed of initial weights, batches and noise."""
    bf16: bool | None = None
    """Compute in bfloat16; by default where the processor or GPU does so natively."""
    checkpoint_minutes: float = 3.0
    """Minutes between checkpoints."""
    validate_every: int = 1000
    """Steps between validations."""
    progress: bool = True
    """Show a progress bar on a terminal."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "learning_rate", "validate_every"):
            if not getattr(self, name) > 0:
                raise InvalidInputError(
                    f"--{name.replace('_', '-')} must be greater than zero; got {getattr(self, name)}"
                )
        if not 0 <= self.decay <= 1 or not 0 <= self.ema < 1:
            raise InvalidInputError("--decay must lie in 0..1 and --ema in 0..1, below 1")

    def rate(self, step: int) -> float:
        """The learning rate of `step`: warm-up, plateau, linear fall (warmup-stable-decay)."""
        fall_from = self.steps * (1 - self.decay)
        fall = max((self.steps - step) / max(self.steps - fall_from, 1), 0.0)
        return self.learning_rate * min((step + 1) / max(self.warmup, 1), 1.0, fall)


def train(
    model: nn.Module,
    get_batch: Callable[[int, int, int], Any],  # (step, rank, world) -> batch of this process
    compute_losses: Callable[[nn.Module, Any], Losses],
    config: LoopConfig,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
) -> dict[str, Tensor]:
    """Train `model` in place from its newest checkpoint on; returns the moving average of its weights."""
    accelerate = require("accelerate", "train")
    bf16 = prefers_bf16() if config.bf16 is None else config.bf16
    accelerate.state.AcceleratorState._reset_state()  # else a second run in one process cannot choose its precision
    accelerator = accelerate.Accelerator(mixed_precision="bf16" if bf16 else "no")
    main, rank, world = accelerator.is_main_process, accelerator.process_index, accelerator.num_processes
    if config.batch_size % world:
        raise InvalidInputError(f"--batch-size {config.batch_size} must be a multiple of the {world} processes")
    config.out.mkdir(parents=True, exist_ok=True)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        fused=True,
    )
    average = {key: value.detach().clone().float() for key, value in model.state_dict().items()}
    step = load_checkpoint(config.out, model, average, optimizer)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    average = {key: value.to(accelerator.device) for key, value in average.items()}
    log = _Log(config, step) if main else None
    bar = tqdm(total=config.steps, initial=step, disable=None if config.progress and main else True, desc="training")
    saved_at = time.monotonic()
    while step < config.steps:
        for group in optimizer.param_groups:
            group["lr"] = config.rate(step)
        losses = compute_losses(wrapped, _to(get_batch(step, rank, world), accelerator.device))
        accelerator.backward(losses["loss"])
        norm = accelerator.clip_grad_norm_(wrapped.parameters(), _CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        # A short average early on, so that it does not remember the initial weights.
        _update_average(average, model, min(config.ema, (1 + step) / (10 + step)))
        bar.update()
        if log:
            log.add(step, losses, float(norm))
        if validate and main and (step % config.validate_every == 0 or step == config.steps):
            figures = _with_average(model, average, validate)
            log.validation(step, figures)
            bar.set_postfix({k: f"{v:.4f}" for k, v in figures.items() if k == "loss"})
        due = time.monotonic() - saved_at > 60 * config.checkpoint_minutes or step == config.steps
        if main and due:
            save_checkpoint(config.out, step, model, average, optimizer)
            saved_at = time.monotonic()
    bar.close()
    if log:
        log.close()
    accelerator.wait_for_everyone()
    return average


def held_out_or_none(open_split: Callable[[], Split]) -> Split | None:
    """What `open_split` opens, or None where the corpus has no such clips: a small one may have no validation split."""
    try:
        return open_split()
    except InvalidInputError:
        return None


def mean_over_clips(compute_losses: Callable[[Any], Losses], batches: Iterable[Any]) -> dict[str, float]:
    """Every loss of `compute_losses`, averaged over all clips of `batches`."""
    sums: dict[str, float] = {}
    count = 0
    for batch in batches:
        for name, value in compute_losses(batch).items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(batch.frames)
        count += len(batch.frames)
    return {name: value / count for name, value in sums.items()}


def _to(batch: Any, device: torch.device) -> Any:
    for name, value in vars(batch).items():
        if isinstance(value, Tensor):
            setattr(batch, name, value.to(device))
    return batch


@torch.no_grad()
def _update_average(average: dict[str, Tensor], model: nn.Module, keep: float) -> None:
    for key, value in model.state_dict().items():
        average[key].lerp_(value.float(), 1 - keep)


@torch.no_grad()
def _with_average(
    model: nn.Module, average: dict[str, Tensor], run: Callable[[nn.Module], dict[str, float]]
) -> dict[str, float]:
    """Run with the averaged weights in place, then put the trained ones back."""
    trained = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    try:
        return run(model)
    finally:
        model.load_state_dict(trained)
        model.train()


class _Log:
    """Means over 50 steps into metrics.csv and TensorBoard."""

    def __init__(self, config: LoopConfig, step: int) -> None:
        self._writer = require("torch.utils.tensorboard", "train").SummaryWriter(
            str(config.out / "tensorboard"), purge_step=step or None
        )
        self._path = config.out / "metrics.csv"
        self._rate, self._sums, self._count = config.rate, {}, 0
        self._since = time.monotonic()

    def add(self, step: int, losses: Losses, norm: float) -> None:
        for name, value in (losses | {"gradient_norm": torch.tensor(norm)}).items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        self._count += 1
        if not math.isfinite(float(losses["loss"].detach())):
            raise InvalidInputError(f"the loss became {float(losses['loss'])} at step {step}; lower --learning-rate")
        if step % 50 == 0:
            seconds = (time.monotonic() - self._since) / self._count
            means = {name: value / self._count for name, value in self._sums.items()}
            self._write(step, "train", means | {"learning_rate": self._rate(step), "seconds_per_step": seconds})
            self._sums, self._count, self._since = {}, 0, time.monotonic()

    def validation(self, step: int, figures: dict[str, float]) -> None:
        self._write(step, "val", figures)

    def _write(self, step: int, kind: str, figures: dict[str, float]) -> None:
        new = not self._path.exists()
        with self._path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "split", "name", "value"])
            writer.writerows([step, kind, name, f"{value:.6g}"] for name, value in figures.items())
        for name, value in figures.items():
            self._writer.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        self._writer.close()

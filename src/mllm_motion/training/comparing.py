"""Before the language model learns to compare clips: the comparison says which of two is faster, longer, and so on.

As in `reading`, without the language model: of two clips, five embeddings of the second are moved towards its word for
"second" or away from it to that for "first".

Shapes: K clips, P pairs, N embeddings a clip, H hidden size, A answers.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from mllm_motion.data.questions import Seen, question_answer
from mllm_motion.data.questions_measures import LEVELS
from mllm_motion.models.comparison import Comparison
from mllm_motion.training.reading_targets import READINGS

_PAIRS, _RATE = 256, 1e-3
_TOLD_BY = {"longer": "seconds", "faster": "speed", "farther": "path", "higher": "rise", "slower": "turned"}
"""What a comparison asks for -> the level whose embedding tells it; which of two turns more nobody asks."""
_PLACES = [len(READINGS) + 1 + LEVELS.index(name) for name in _TOLD_BY.values()]
_SIDES = {"first": -1.0, "second": 1.0, None: float("nan")}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """Clips of one split: what was seen on them, and what the input projection says of them, said (K, N, H)."""

    seen: Sequence[Seen]
    said: Tensor

    def draw(self, comparison: Comparison, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """What the comparison says of pairs (P, N, H), and the answers (P, A).

        An answer is 1 where it is the second clip, -1 where it is the first, nan where it is not clear.
        """
        first, second = rng.integers(len(self.seen), size=(2, count))
        sides = [
            [_SIDES[question_answer(self.seen[a], "comparison", name, self.seen[b])] for name in _TOLD_BY]
            for a, b in zip(first, second, strict=True)
        ]
        told = comparison(self.said[first].float(), self.said[second].float())
        return told, torch.tensor(sides, device=told.device)


def learn_to_compare(comparison: Comparison, axis: Tensor, train: Compared, held_out: Compared, steps: int) -> None:
    """Train `comparison` in place, and log how often it is right; axis (H,) leads from the first clip to the second."""
    comparison.requires_grad_(True)
    rng, parameters = np.random.default_rng(0), list(comparison.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=0.01)
    fall = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1)
    axis = F.normalize(axis, dim=-1) * train.said[:256].float().norm(dim=-1).mean()  # as loud as what it is added to
    for _ in trange(steps, desc="comparing", disable=None):
        told, sides = train.draw(comparison, _PAIRS, rng)
        wanted, weight = torch.zeros_like(told), torch.ones_like(told[..., :1])
        wanted[:, _PLACES] = sides.nan_to_num()[..., None] * axis
        weight[:, _PLACES] = (~sides.isnan()).to(weight)[..., None]
        loss = (weight * (told - wanted).square()).sum((1, 2)).mean() / axis.square().sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        fall.step()
    comparison.requires_grad_(False)
    if len(held_out.said):
        told, sides = held_out.draw(comparison, 8 * _PAIRS, rng)
        agree = ((told[:, _PLACES] @ axis).sign() == sides).float()  # (P, A)
        right = torch.where(sides.isnan(), torch.nan, agree).nanmean(0).tolist()
        shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(_TOLD_BY, right, strict=True))
        _log.info("compared right on validation clips: %s", shares)

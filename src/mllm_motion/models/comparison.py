"""What tells two clips of one message apart, said among the embeddings of the second.

Attention alone hardly learns to hold two clips against each other, embedding by embedding; their difference is small
work for two linear layers. It is odd: the same two clips the other way round are told with the opposite sign.

Shapes: P pairs, N embeddings a clip, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mllm_motion.models.tokens import MOTION_TOKENS

_WIDTH = 64


class Comparison(nn.Module):
    """Two clips -> what is added to the embeddings of the second; at first nothing."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.hear = nn.Linear(MOTION_TOKENS * hidden_size, _WIDTH, bias=False)
        self.say = nn.Linear(_WIDTH, MOTION_TOKENS * hidden_size, bias=False)
        nn.init.zeros_(self.say.weight)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """first, second (P, N, H) -> (P, N, H)."""
        heard = torch.tanh(self.hear((second - first).flatten(1)))
        return self.say(heard).view_as(second)


def followers(shown: Sequence[int]) -> list[int]:
    """Places of the clips that follow another one in their message; `shown` are the clips of each message."""
    starts = [sum(shown[:number]) for number in range(len(shown))]
    return [start + k for start, count in zip(starts, shown, strict=True) for k in range(1, count)]

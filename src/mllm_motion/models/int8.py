"""Weights in 8 bits for passes of one token, which read every weight once and wait for the memory all the while.

Shapes: ... any, I inputs, O outputs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Int8Linear(nn.Module):
    """A frozen linear layer with a second set of weights in 8 bits, one scale an output, that serves single rows.

    Longer inputs, such as prompts and signal tokens, go through the exact weights.
    """

    def __init__(self, exact: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = exact.weight, exact.bias
        weight = exact.weight.detach()
        lowest, highest = weight.aminmax(dim=1)
        scale = (torch.maximum(highest, -lowest).clamp(min=1e-8) / 127).bfloat16()  # (O,)
        codes = (weight / scale.float()[:, None]).round_().clamp_(-127, 127).to(torch.int8)  # (O, I)
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., I) -> (..., O)."""
        if x.numel() > x.shape[-1]:
            return F.linear(x, self.weight, self.bias)
        row = torch._weight_int8pack_mm(x.reshape(1, -1).bfloat16(), self.codes, self.scale).to(x.dtype)
        return (row if self.bias is None else row + self.bias).reshape(*x.shape[:-1], -1)


def quicken(model: nn.Module) -> None:
    """Let the float32 linear layers of a model on the CPU serve single tokens in 8 bits; others stay as they are."""
    if not hasattr(torch, "_weight_int8pack_mm"):
        return
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child.weight.dtype == torch.float32 and child.weight.device.type == "cpu":
                setattr(parent, name, Int8Linear(child))

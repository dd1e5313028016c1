"""Single rows go through 8 bits and stay close; longer inputs stay exact."""

import copy

import pytest
import torch
from torch import nn

from mllm_motion.models.int8 import Int8Linear, quicken


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(96, 64), nn.GELU(), nn.Linear(64, 32, bias=False))


def test_one_row_is_close_and_many_are_exact(layers):
    quick = copy.deepcopy(layers)
    quicken(quick)
    assert [type(layer) for layer in quick] == [Int8Linear, nn.GELU, Int8Linear]
    many, one = torch.randn(2, 5, 96), torch.randn(1, 1, 96)
    assert torch.equal(quick(many), layers(many))
    exact, close = layers(one), quick(one)
    assert close.shape == exact.shape and close.dtype == exact.dtype
    assert not torch.equal(close, exact)
    assert torch.cosine_similarity(close.flatten(), exact.flatten(), dim=0) > 0.999


def test_what_is_not_float32_stays_as_it_is(layers):
    lowered = layers.bfloat16()
    quicken(lowered)
    assert not any(isinstance(layer, Int8Linear) for layer in lowered)


def test_a_row_of_zeros_stays_zero():
    layer = nn.Linear(32, 32, bias=False)
    nn.init.zeros_(layer.weight)
    holder = nn.Sequential(layer)
    quicken(holder)
    assert torch.equal(holder(torch.randn(1, 32)), torch.zeros(1, 32))

"""MDA: shapes, words matched by place and number, gradients, overfitting, and what is refused."""

import pytest
import torch

from mllm_motion.errors import InvalidInputError
from mllm_motion.models.alignment import Alignment, AlignmentConfig, alignment_losses, fit_words, words_distance
from mllm_motion.models.generator import TextCondition

TINY = AlignmentConfig(width=32, depth=2, heads=2, words=8, text_width=16)


def sentences(count=4, length=6, width=16, seed=0):
    draw = torch.Generator().manual_seed(seed)
    mask = torch.arange(length) < torch.tensor([3, 6, 4, 5, 2, 6, 3, 4])[:count, None]
    states = torch.randn(count, length, width, generator=draw) * mask[..., None]
    pooled = torch.nn.functional.normalize(states.sum(1), dim=-1)
    return TextCondition(states, mask, pooled, torch.ones(count, dtype=torch.bool))


def test_a_condition_has_the_generators_form():
    found = Alignment(TINY, 24)(torch.randn(3, 5, 24))
    assert found.states.shape == (3, 8, 16) and found.mask.shape == (3, 8) and found.pooled.shape == (3, 16)
    assert found.present.all() and found.mask[:, 0].all()
    assert torch.allclose(found.pooled.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert torch.equal(found.mask.sum(1), found.length_logits.argmax(-1) + 1)


def test_a_tiny_alignment_overfits_and_then_says_what_the_text_encoder_says():
    torch.manual_seed(0)
    model, signals, text = Alignment(TINY, 24), torch.randn(4, 5, 24), sentences()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        sum(alignment_losses(model(signals), text).values()).backward()
        optimizer.step()
    found = model(signals)
    assert torch.equal(found.mask[:, :6], text.mask) and not found.mask[:, 6:].any()
    wrong = torch.nn.functional.cosine_similarity(found.states[:, :6], text.states, dim=-1)[text.mask]
    assert wrong.min() > 0.95


def test_what_is_usual_at_a_place_is_taken_off_and_survives_a_file():
    torch.manual_seed(0)
    place = 50 * torch.randn(1, 5, 24)
    states = place + 0.01 * torch.randn(64, 5, 24)
    plain, begun = Alignment(TINY, 24), Alignment(TINY, 24)
    begun.begin(states)
    spread = {name: model(states).pooled.std(0).mean() for name, model in (("plain", plain), ("begun", begun))}
    assert spread["begun"] > 20 * spread["plain"]
    again = Alignment(TINY, 24)
    again.load_state_dict(begun.state_dict())
    assert torch.equal(again(states).states, begun(states).states)


def test_every_weight_gets_a_gradient():
    model = Alignment(TINY, 24)
    sum(alignment_losses(model(torch.randn(4, 5, 24)), sentences()).values()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_the_order_and_content_of_signals_matter():
    torch.manual_seed(0)
    model, signals = Alignment(TINY, 24), torch.randn(1, 5, 24)
    assert not torch.allclose(model(signals).states, model(signals.flip(1)).states, atol=1e-4)


def test_attention_has_more_than_one_place_to_look():
    with pytest.raises(InvalidInputError, match="at least two signal tokens"):
        Alignment(TINY, 24)(torch.randn(2, 1, 24))
    with pytest.raises(InvalidInputError, match="24"):
        Alignment(TINY, 24)(torch.randn(2, 5, 23))
    with pytest.raises(InvalidInputError, match="--words"):
        AlignmentConfig(words=1)


def test_words_are_fitted_by_place():
    text = sentences(2)
    longer, mask = fit_words(text.states, text.mask, 8)
    assert torch.equal(longer[0, :3], text.states[0, :3]) and torch.equal(longer[0, 5], text.states[0, 2])
    assert mask.sum(1).tolist() == [3, 6]
    shorter, mask = fit_words(text.states, text.mask, 4)
    assert torch.equal(shorter[1], text.states[1, :4]) and mask.sum(1).tolist() == [3, 4]


def test_the_distance_by_hand():
    target = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]])
    predicted = torch.tensor([[[0.0, 5.0], [9.0, 9.0]]])
    weight = torch.tensor([[2.0, 0.0]])
    # (9 + 1) / 25 and 1 - 20 / 25; the second position counts nothing.
    assert words_distance(predicted, target, weight).item() == pytest.approx(0.4 + 0.2)
    assert words_distance(target, target, torch.ones(1, 2)).item() == pytest.approx(0, abs=1e-6)

"""MDA, motion decoding alignment: hidden states of the motion signal tokens -> the generator's condition tokens.

The output projection of NExT-GPT (Wu et al., ICML 2024, section 3.3, after GILL, Koh et al., NeurIPS 2023, section
3.2): a learned-query transformer whose i-th query stands for the i-th token state that the frozen text encoder would
have given, so that the generator takes one in place of the other. A further query gives the sentence vector and the
number of words.

Shapes: B batch, S signal tokens, H channels of the language model, Q words at most, L words, E text channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mllm_motion.errors import InvalidInputError
from mllm_motion.models.generator import TextCondition
from mllm_motion.models.resampler import Resampler
from mllm_motion.models.tokens import SIGNALS

_LEAST_SPREAD = 1e-3
_BEYOND = 0.1  # weight of positions after the last word, which learn to repeat it: a set one too long does no harm


@dataclass(frozen=True)
class AlignmentConfig:
    """Shape of the motion decoding alignment."""

    width: int = 320
    """Channels of a query."""
    depth: int = 2
    """Blocks of the learned-query transformer."""
    heads: int = 5
    """Attention heads; must divide the width."""
    words: int = 32
    """Condition tokens at most; a longer sentence is cut."""
    text_width: int = 384
    """Channels of the generator's condition tokens."""
    signals: int = 0
    """How many of the signal tokens it reads, the first ones; 0 for all."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise InvalidInputError(f"--width {self.width} of the alignment must be a multiple of --heads {self.heads}")
        if self.signals < 0 or self.signals == 1:
            raise InvalidInputError(f"the alignment reads at least two signal tokens, or 0 for all; got {self.signals}")
        if self.words < 2 or self.depth < 1:
            raise InvalidInputError(
                f"the alignment needs --words >= 2 and --depth >= 1; got {self.words} and {self.depth}"
            )


@dataclass
class AlignedCondition(TextCondition):
    """A `TextCondition` made from signal states, with the logits (B, Q) of its number of words, 1 .. Q."""

    length_logits: Tensor


class Alignment(nn.Module):
    """Predicts the text encoder's token states from `hidden_size`-wide signal states."""

    def __init__(self, config: AlignmentConfig, hidden_size: int) -> None:
        super().__init__()
        self.config, self.hidden_size = config, hidden_size
        count = config.signals or SIGNALS["motion"]
        self.usual = nn.Parameter(torch.zeros(count, hidden_size))
        self.spread = nn.Parameter(torch.ones(count, hidden_size))
        self.resampler = Resampler(hidden_size, config.width, config.words + 1, config.depth, config.heads)
        self.states = nn.Linear(config.width, config.text_width)
        self.pooled = nn.Linear(config.width, config.text_width)
        self.length = nn.Linear(config.width, config.words)

    @torch.no_grad()
    def begin(self, signal_states: Tensor) -> None:
        """Before training: take from states (B, S, H) of some sentences what is usual at each place.

        Sentences move a language model's states far less than the place does. Without this the network spends most of
        a short training on finding what differs at all.
        """
        states = signal_states[:, : len(self.usual)].to(self.usual)
        self.usual[: states.shape[1]] = states.mean(0)
        self.spread[: states.shape[1]] = states.std(0).clamp(min=_LEAST_SPREAD)

    def forward(self, signal_states: Tensor) -> AlignedCondition:
        """(B, S, H) hidden states of a whole set of signal tokens -> the condition they stand for."""
        if signal_states.ndim != 3 or signal_states.shape[1] < 2 or signal_states.shape[2] != self.hidden_size:
            raise InvalidInputError(
                f"the alignment needs hidden states (B, S, {self.hidden_size}) of at least two signal tokens; "
                f"got {tuple(signal_states.shape)}"
            )
        signal_states = signal_states[:, : len(self.usual)]
        count = signal_states.shape[1]
        q = self.resampler((signal_states - self.usual[:count]) / self.spread[:count])  # (B, Q + 1, W)
        summary = q[:, -1]
        length_logits = self.length(summary).float()
        count = length_logits.argmax(-1) + 1
        return AlignedCondition(
            states=self.states(q[:, :-1]).float(),
            mask=torch.arange(self.config.words, device=q.device) < count[:, None],
            pooled=F.normalize(self.pooled(summary).float(), dim=-1),
            present=torch.ones(len(q), dtype=torch.bool, device=q.device),
            length_logits=length_logits,
        )


def fit_words(states: Tensor, mask: Tensor, words: int) -> tuple[Tensor, Tensor]:
    """States (B, L, E) and mask (B, L) cut or extended to `words` positions; extensions repeat the last word."""
    count = mask.sum(1).clamp(1, words)  # (B,)
    place = torch.arange(words, device=states.device)
    source = torch.minimum(place, (mask.sum(1).clamp(min=1) - 1)[:, None])  # (B, Q)
    fitted = states.gather(1, source[..., None].expand(-1, -1, states.shape[-1]))
    return fitted, place < count[:, None]


def words_distance(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Squared error over the target's square, plus 1 - cosine: (B, Q, E) twice, weights (B, Q) -> scalar.

    The quotient makes the first term free of the encoder's scale: predicting zero costs 1.
    """
    squared = (predicted - target).square().sum(-1) / target.square().sum(-1).clamp(min=1e-6)  # (B, Q)
    cosine = F.cosine_similarity(predicted, target, dim=-1)
    return ((squared + 1 - cosine) * weight).sum() / weight.sum().clamp(min=1e-6)


def alignment_losses(predicted: AlignedCondition, text: TextCondition) -> dict[str, Tensor]:
    """How far a prediction is from what the text encoder says: of the words, of the sentence, of their number."""
    words = predicted.states.shape[1]
    target, mask = fit_words(text.states, text.mask, words)
    weight = torch.where(mask, 1.0, _BEYOND)
    everywhere = torch.ones_like(predicted.pooled[:, :1])
    return {
        "words": words_distance(predicted.states, target, weight),
        "sentence": words_distance(predicted.pooled[:, None], text.pooled[:, None], everywhere),
        "word_count": F.cross_entropy(predicted.length_logits, mask.sum(1) - 1),
    }

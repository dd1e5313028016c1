"""DDMG, the motion generator: a rectified-flow transformer that predicts the clean motion from words and constraints.

Notable: x-prediction (the network outputs the clean features at every noise level), DiT blocks with adaLN (Peebles &
Xie, ICCV 2023) whose modulation is shared between blocks up to a learned bias (PixArt-alpha, ICLR 2024, section 2.3),
rotary positions (RoFormer), normalised queries and keys, cross-attention to the token states of a frozen text encoder,
patches that overlap by half on both ends, so that no frame sits at a hard patch border, and observation channels
(joint positions that must be met, with their masks) that make key poses, root paths, prefixes and suffixes one task.

Shapes: B batch, T frames, D features, O observation channels, N tokens (T / patch + 1), L words, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mllm_motion.errors import InvalidInputError
from mllm_motion.motion.features import FEATURES, FPS, FeatureTable
from mllm_motion.motion.skeleton import BODY_22

OBSERVATIONS = FeatureTable(
    (
        ("joint_position", 3 * BODY_22.joint_count),  # m, in the frame of the window's first frame; 0 where unknown
        ("joint_mask", BODY_22.joint_count),
        ("root_path", 2),  # m, x and z of the root in the same frame
        ("root_path_mask", 1),
    )
)

LENGTH_BIN_FRAMES = 4
LENGTH_BINS = 50


@dataclass(frozen=True)
class GeneratorConfig:
    """Shape of the generator."""

    width: int = 256
    """Channels of a token."""
    depth: int = 8
    """Transformer blocks."""
    heads: int = 4
    """Attention heads; must divide the width into even parts."""
    patch: int = 4
    """Frames between neighbouring tokens; each token sees twice as many."""
    text_width: int = 384
    """Channels of the text encoder's token states."""
    max_frames: int = 200
    """Longest window in frames; longer clips are chained windows."""

    def __post_init__(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise InvalidInputError(f"--width {self.width} must split into --heads {self.heads} heads of even size")
        if self.max_frames % self.patch:
            raise InvalidInputError(f"--max-frames {self.max_frames} must be a multiple of --patch {self.patch}")


@dataclass
class TextCondition:
    """What the words say: `states` (B, L, 384), `mask` (B, L) true where a word stands, `pooled` (B, 384).

    `present` (B,) false drops the words of that row for classifier-free guidance.
    """

    states: Tensor
    mask: Tensor
    pooled: Tensor
    present: Tensor

    def to(self, device: torch.device) -> TextCondition:
        """These four on a device."""
        return TextCondition(
            self.states.to(device), self.mask.to(device), self.pooled.to(device), self.present.to(device)
        )


def sinusoid(value: Tensor, width: int) -> Tensor:
    """(B,) numbers -> (B, width) sines and cosines at geometric frequencies."""
    frequency = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=value.device) / (width // 2))
    angle = value.float()[:, None] * frequency[None]
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def rotary_table(count: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (N, width / 2) for rotary positions 0 .. N-1."""
    frequency = 1.0 / 1000 ** (torch.arange(0, width, 2, device=device).float() / width)
    angle = torch.arange(count, device=device).float()[:, None] * frequency[None]
    return angle.cos(), angle.sin()


def apply_rotary(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """(B, H, N, width) turned pairwise by its positions."""
    cos, sin = (t.to(x.dtype) for t in table)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys; to itself (rotary) or to a context."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.query_scale = nn.Parameter(torch.ones(width // heads))
        self.key_scale = nn.Parameter(torch.ones(width // heads))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, N, C/H)

    def _normalise(self, x: Tensor, scale: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], scale.to(x.dtype))

    def context(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, C) -> keys and values, each (B, H, L, C/H); the same for every step of the sampler."""
        key, value = self.key_value(x).chunk(2, dim=-1)
        return self._normalise(self._split(key), self.key_scale), self._split(value)

    def forward(
        self, x: Tensor, key_value: tuple[Tensor, Tensor], mask: Tensor | None, rotary: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """(B, N, C) -> (B, N, C); mask (B, 1, 1, L) true where attention may look."""
        key, value = key_value
        query = self._normalise(self._split(self.query(x)), self.query_scale)
        if rotary is not None:
            query, key = apply_rotary(query, rotary), apply_rotary(key, rotary)
        # Written out: with tens of tokens the fused kernel's backward takes twice as long on a CPU.
        score = query @ key.to(query.dtype).transpose(-1, -2) * query.shape[-1] ** -0.5  # (B, H, N, L)
        if mask is not None:
            score = score.masked_fill(~mask, -3e4)
        mixed = score.float().softmax(-1).to(value.dtype) @ value
        return self.out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Self-attention, attention to the words, and a feed-forward layer, modulated by time and length."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        width = config.width
        self.modulation_bias = nn.Parameter(torch.zeros(6, width))
        self.attend_self = Attention(width, config.heads)
        self.attend_text = Attention(width, config.heads)
        self.text_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(
        self,
        x: Tensor,  # (B, N, C)
        modulation: Tensor,  # (B, 6, C)
        rotary: tuple[Tensor, Tensor],
        token_mask: Tensor | None,  # (B, 1, 1, N)
        text: tuple[Tensor, Tensor],
        text_mask: Tensor,  # (B, 1, 1, L)
    ) -> Tensor:
        """The tokens after this block (B, N, C)."""
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = (modulation + self.modulation_bias).unsqueeze(2).unbind(1)
        h = F.layer_norm(x, x.shape[-1:]) * (1 + scale_a) + shift_a
        x = x + gate_a * self.attend_self(h, self.attend_self.context(h), token_mask, rotary)
        x = x + self.attend_text(self.text_norm(x), text, text_mask, None)
        h = F.layer_norm(x, x.shape[-1:]) * (1 + scale_f) + shift_f
        return x + gate_f * self.down(F.gelu(self.up(h)))


class Generator(nn.Module):
    """Predicts clean, normalised motion features from noisy ones. See the head of this file."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        window = 2 * config.patch
        self.register_buffer("feature_mean", torch.zeros(FEATURES.size))
        self.register_buffer("feature_std", torch.ones(FEATURES.size))
        self.embed = nn.Linear(window * (FEATURES.size + OBSERVATIONS.size), width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.length = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.text = nn.Linear(config.text_width, width)
        self.pooled = nn.Linear(config.text_width, width)
        self.no_text = nn.Parameter(torch.randn(width) * 0.02)
        self.no_pooled = nn.Parameter(torch.zeros(width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.final_modulation = nn.Linear(width, 2 * width)
        self.unembed = nn.Linear(width, window * FEATURES.size)
        self.length_head = nn.Sequential(nn.Linear(config.text_width, width), nn.SiLU(), nn.Linear(width, LENGTH_BINS))
        self._initialise()

    def _initialise(self) -> None:
        # Residual branches and modulation start at zero, so the untrained network is the identity path (DiT, sec. 3.2).
        for layer in (self.modulation, self.final_modulation, self.unembed):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for block in self.blocks:
            nn.init.zeros_(block.attend_text.out.weight)
            nn.init.zeros_(block.attend_text.out.bias)

    def normalise(self, features: Tensor) -> Tensor:
        """(..., D) features in their units -> zero mean, unit spread."""
        return (features - self.feature_mean) / self.feature_std

    def denormalise(self, features: Tensor) -> Tensor:
        """(..., D) normalised -> features in their units."""
        return features * self.feature_std + self.feature_mean

    def encode_text(self, text: TextCondition) -> tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor]:
        """Keys and values of the words for every block, their mask (B, 1, 1, 1 + L), and a summary (B, C).

        The first entry is always there: the learned "no words" state. A row whose words are dropped sees it alone.
        """
        batch = len(text.states)
        present = text.present[:, None]
        dtype = self.text.weight.dtype
        words = self.text(text.states.to(dtype))
        states = torch.cat([self.no_text.to(words.dtype).expand(batch, 1, -1), words], dim=1)  # (B, 1+L, C)
        mask = torch.cat([torch.ones_like(present), text.mask & present], dim=1)[:, None, None]
        pooled = torch.where(present, self.pooled(text.pooled.to(dtype)), self.no_pooled)
        return [block.attend_text.context(states) for block in self.blocks], mask, pooled

    def forward(
        self,
        noisy: Tensor,  # (B, T, D) normalised
        time: Tensor,  # (B,) 0 noise, 1 data
        frames: Tensor,  # (B,) valid frames
        observed: Tensor,  # (B, T, O)
        text: tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor],  # from encode_text
    ) -> Tensor:
        """The clean normalised features (B, T, D); T must be a multiple of the patch."""
        config, (text_states, text_mask, pooled) = self.config, text
        dtype = self.embed.weight.dtype
        seen = torch.cat([noisy, observed], dim=-1)
        token_mask = None
        padded = bool((frames < noisy.shape[1]).any())
        if padded:
            # Padding must not leak into the last window, which reaches one patch beyond the clip.
            seen = seen * (torch.arange(noisy.shape[1], device=seen.device) < frames[:, None])[..., None]
        x = self.embed(self._to_windows(seen.to(dtype)))  # (B, N, C)
        count = x.shape[1]
        if padded:
            first = (torch.arange(count, device=x.device) - 1) * config.patch  # frame at which each window begins
            token_mask = (first < frames[:, None])[:, None, None]
        rotary = rotary_table(count, config.width // config.heads, x.device)
        signal = self.time(sinusoid(time * 1000, config.width).to(dtype))
        signal = F.silu(signal + self.length(sinusoid(frames, config.width).to(dtype)) + pooled)
        modulation = self.modulation(signal).unflatten(-1, (6, -1))
        for block, states in zip(self.blocks, text_states, strict=True):
            x = block(x, modulation, rotary, token_mask, states, text_mask)
        shift, scale = self.final_modulation(signal)[:, None].chunk(2, dim=-1)
        x = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        return self._from_windows(self.unembed(x))

    def _to_windows(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, N, 2 * patch * C): windows of two patches, one patch apart, one patch over each end.

        So every frame lies in exactly two windows, those at the ends too.
        """
        patch = self.config.patch
        x = F.pad(x, (0, 0, patch, patch))
        blocks = x.unflatten(1, (-1, patch)).flatten(2)  # (B, N+1, patch * C)
        return torch.cat([blocks[:, :-1], blocks[:, 1:]], dim=-1)

    def _from_windows(self, x: Tensor) -> Tensor:
        """(B, N, 2 * patch * D) -> (B, T, D): the overlapping halves are added."""
        patch = self.config.patch
        first, second = x.chunk(2, dim=-1)
        blocks = F.pad(first, (0, 0, 0, 1)) + F.pad(second, (0, 0, 1, 0))  # (B, N+1, patch * D)
        frames = blocks.unflatten(-1, (patch, -1)).flatten(1, 2)
        return frames[:, patch:-patch]

    def length_logits(self, pooled: Tensor) -> Tensor:
        """(B, 384) pooled words -> (B, LENGTH_BINS) logits over clip lengths of `LENGTH_BIN_FRAMES` frames each."""
        return self.length_head(pooled.to(self.length_head[0].weight.dtype))

    def predict_seconds(self, pooled: Tensor) -> Tensor:
        """(B, 384) -> (B,) the median of the predicted length, in seconds."""
        cumulative = self.length_logits(pooled).float().softmax(-1).cumsum(-1)
        median = (cumulative < 0.5).sum(-1) + 1
        return median * LENGTH_BIN_FRAMES / FPS

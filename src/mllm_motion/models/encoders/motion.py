"""The motion encoder: the motion tower of the retrieval model, frozen, over clips of any skeleton, rate and length.

The tower tells actions from one another and forgets how fast, how far and how far round they go; each of its tokens
therefore also says where the root is by then.

Shapes: B clips, T frames, D features, N tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.models.kinematics import root_path
from mllm_motion.models.retrieval import Retrieval, RetrievalConfig, load_retrieval
from mllm_motion.motion import features as feature_code
from mllm_motion.motion.clip import Motion
from mllm_motion.motion.conform import to_body_22
from mllm_motion.motion.features import FEATURES, FPS

WINDOW_FRAMES = 200
"""Longest piece that the tower sees at once, as in its training; longer clips are cut into such windows."""
_ROOT_CHANNELS = 10
_MOTION_PARTS = ("columns", "feature_mean", "feature_std", "motion_query", "patches.", "motion_tower.")


class MotionEncoder(nn.Module):
    """Features of clips -> token states, one for four frames and one that sums up each window, and the root's path."""

    def __init__(self, tower: Retrieval) -> None:
        super().__init__()
        self.tower = tower.eval().requires_grad_(False)

    @property
    def width(self) -> int:
        """C, the channels of a token."""
        return self.tower.config.width + _ROOT_CHANNELS

    @classmethod
    def load(cls, retrieval: str | Path) -> MotionEncoder:
        """The tower of a trained retrieval model, by its name or folder."""
        return cls(load_retrieval(retrieval))

    @classmethod
    def from_tensors(cls, config: dict, tensors: dict[str, Tensor], origin: str) -> MotionEncoder:
        """The tower from its configuration and what `tensors` gave; those of the text tower are not needed.

        Raises:
            FileFormatError: they do not fit this version; the sentence names `origin`.
        """
        try:
            tower = Retrieval(RetrievalConfig(**config))
            own = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
            left_out = tower.load_state_dict(own, strict=False).missing_keys
        except (TypeError, RuntimeError, InvalidInputError) as error:
            raise FileFormatError(f"{origin} holds no retrieval model of this version; train it again") from error
        if missing := [name for name in left_out if is_motion_part(name)]:
            raise FileFormatError(f"the motion tower in {origin} has no {missing[0]!r}; train it again")
        return cls(tower)

    def train(self, mode: bool = True) -> MotionEncoder:
        """Stays in evaluation mode: it is frozen, and its dropout must not blur what others learn from it."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D) features in their units, (B,) valid frames -> token states (B, N, C) and their mask (B, N)."""
        batch, length = features.shape[:2]
        span, patch = min(length, WINDOW_FRAMES), self.tower.config.patch
        features = F.pad(features, (0, 0, 0, -length % span))
        windows = features.unflatten(1, (-1, span))  # (B, W, span, D)
        starts = torch.arange(windows.shape[1], device=frames.device) * span
        inside = (frames[:, None] - starts).clamp(0, span)  # (B, W)
        tokens, mask = self.tower.motion_tokens(windows.flatten(0, 1), inside.flatten())
        mask = mask & (inside.flatten() > 0)[:, None]
        # A window's summary knows where the root is at its end, a patch where it is at the patch's own.
        ends = torch.arange(mask.shape[1], device=frames.device) * patch - 1
        ends[0] = span - 1
        last = (starts[:, None] + ends).minimum(frames[:, None, None] - 1).clamp(min=0)  # (B, W, 1 + N)
        root = root_channels(features).take_along_dim(last.flatten(1)[..., None], dim=1)
        tokens = torch.cat([tokens.unflatten(0, (batch, -1)).flatten(1, 2), root], dim=-1)
        return tokens, mask.unflatten(0, (batch, -1)).flatten(1, 2)

    def encode(self, motions: Sequence[Motion]) -> tuple[Tensor, Tensor]:
        """Clips of any known skeleton and frame rate -> token states (B, N, C) and their mask (B, N)."""
        if not motions:
            raise InvalidInputError("the motion encoder needs at least one clip")
        clips = [feature_code.encode(to_body_22(motion).resample(FPS)) for motion in motions]
        frames = torch.tensor([len(clip) for clip in clips])
        features = torch.zeros(len(clips), int(frames.max()), FEATURES.size)
        for row, clip in zip(features, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(clip)
        device = self.tower.feature_mean.device
        return self(features.to(device), frames.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """The tower's own weights, without those of the text tower."""
        return {name: value for name, value in self.tower.state_dict().items() if is_motion_part(name)}


def root_channels(features: Tensor) -> Tensor:
    """(B, T, D) features in their units -> (B, T, `_ROOT_CHANNELS`): what happened to the root up to each frame.

    Seconds (5 s), where it is from where it began (left and ahead of it, 2 m), the way it went (2 m), the angle it
    turned through (half turns) and its sine and cosine, the height of the root (m) and its change, and the speed (m/s).
    """
    yaw, place = root_path(features)  # (B, T), (B, T, 2)
    turned, height = yaw[..., None], features[..., FEATURES.slice("root_height")]
    speed = features[..., FEATURES.slice("root_velocity")].norm(dim=-1, keepdim=True)
    moving = torch.ones_like(speed)
    moving[:, 0] = 0.0  # what stands in the first frame is repeated from the second
    way, seconds = (moving * speed / FPS).cumsum(1), moving.cumsum(1) / FPS
    turn = (turned / torch.pi, turned.sin(), turned.cos())
    return torch.cat([seconds / 5, place / 2, way / 2, *turn, height, height - height[:, :1], speed], dim=-1)


def is_motion_part(name: str) -> bool:
    """Whether a tensor of the retrieval model belongs to its motion tower."""
    return name.startswith(_MOTION_PARTS)

"""The multimodal language model: it reads motion, says words, and decides on motion by signal tokens.

clip -> motion encoder -> input projection -> language model -> words, and states at the signal tokens -> MDA -> FM ->
what the generator is told. The layout is that of NExT-GPT (Wu et al., ICML 2024, section 3).

Shapes: B batch, L tokens, H hidden size, S signal tokens, K clips, N tokens of a clip, C their channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.files import make_folder
from mllm_motion.models.alignment import Alignment, AlignmentConfig
from mllm_motion.models.comparison import Comparison, followers
from mllm_motion.models.encoders.motion import MotionEncoder
from mllm_motion.models.fusion import Fusion, FusionConfig
from mllm_motion.models.generator import TextCondition
from mllm_motion.models.language import LanguageModel, Message
from mllm_motion.models.language_adapters import LoraSettings, adapter_llm, save_adapter
from mllm_motion.models.language_loading import DEFAULT_LLM, load_language
from mllm_motion.models.registry import find_model, write_model
from mllm_motion.models.resampler import Resampler
from mllm_motion.models.tokens import MOTION_TOKENS, signal_text
from mllm_motion.motion.clip import Motion

_MIN_SHARED = 8  # tokens: a shorter common beginning is not worth a pass of its own


@dataclass(frozen=True)
class ProjectionConfig:
    """Shape of the input projection, motion encoder -> language model."""

    width: int = 384
    """Channels of a query."""
    depth: int = 2
    """Blocks of the learned-query transformer."""
    heads: int = 6
    """Attention heads; must divide the width."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise InvalidInputError(
                f"--width {self.width} of the projection must be a multiple of --heads {self.heads}"
            )


@dataclass(frozen=True)
class MultimodalConfig:
    """Shapes of everything around the language model."""

    projection: ProjectionConfig = field(default_factory=ProjectionConfig)
    """Motion to words."""
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    """Signal tokens to the generator's condition (MDA)."""
    fusion: FusionConfig = field(default_factory=FusionConfig)
    """Several conditions to one (FM)."""


class InputProjection(nn.Module):
    """Tokens of a clip -> `MOTION_TOKENS` embeddings of the language model, as loud as its own words."""

    def __init__(self, config: ProjectionConfig, inputs: int, hidden_size: int, loudness: float = 0.1) -> None:
        super().__init__()
        self.resampler = Resampler(inputs, config.width, MOTION_TOKENS, config.depth, config.heads)
        self.out = nn.Linear(config.width, hidden_size)
        self.scale = nn.Parameter(torch.full((hidden_size,), loudness))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """tokens (K, N, C), mask (K, N) -> embeddings (K, MOTION_TOKENS, H)."""
        x = self.out(self.resampler(tokens, mask))
        return F.layer_norm(x.float(), x.shape[-1:]) * self.scale


class MotionLanguageModel(nn.Module):
    """A language model with its motion encoder, input projection, MDA and FM.

    Attributes:
        language: the frozen LM with its adapters.
        encoder: the motion encoder; None if it reads no motion.
        trained: names of the phases that it has been through, in order.
    """

    def __init__(
        self, language: LanguageModel, encoder: MotionEncoder | None, config: MultimodalConfig | None = None
    ) -> None:
        super().__init__()
        config = config or MultimodalConfig()
        sources, width = config.fusion.sources, config.fusion.motion_width
        if encoder is None:
            sources = tuple(source for source in sources if source != "motion")
        else:
            width = encoder.width
        config = replace(config, fusion=replace(config.fusion, sources=sources, motion_width=width))
        self.config, self.trained = config, []
        self.language, self.encoder = language, encoder
        hidden, words = language.hidden_size, language.model.get_input_embeddings().weight
        self.projection = (
            None
            if encoder is None
            else InputProjection(config.projection, encoder.width, hidden, float(words[:1024].float().std()))
        )
        self.comparison = None if encoder is None else Comparison(hidden)
        self.alignment = Alignment(config.alignment, hidden)
        self.fusion = Fusion(config.fusion)
        for part in (self.encoder, *self.parts().values()):
            if part is not None:
                part.to(language.device)

    def project(self, motions: Sequence[Motion], shown: Sequence[int] = ()) -> Tensor:
        """Clips of any known skeleton, rate and length -> what stands for them in a prompt, (K, MOTION_TOKENS, H).

        `shown` says how many clips each message shows, in order; those of one message are compared.
        """
        if self.encoder is None:
            raise InvalidInputError("this language model was trained without a motion encoder and cannot read clips")
        return self.embeddings(*self.encoder.encode(motions), shown)

    def embeddings(self, tokens: Tensor, mask: Tensor, shown: Sequence[int] = ()) -> Tensor:
        """`project` for clips that the motion encoder has read: tokens (K, N, C) and their mask (K, N)."""
        clips = self.projection(tokens, mask)
        if not (later := followers(shown)):
            return clips
        second = torch.tensor(later, device=clips.device)
        added = self.comparison(clips[second - 1], clips[second])
        return clips.index_add(0, second, added.to(clips))

    def read(self, ids: Tensor, mask: Tensor, motion: Tensor | None = None) -> Tensor:
        """ids (B, L), mask (B, L) true at tokens, clips (K, MOTION_TOKENS, H) -> last hidden states (B, L, H).

        What all rows begin with, such as the system message, is read once for all of them.
        """
        embedded = self.language.embed(ids, motion)  # (B, L, H)
        shared = shared_beginning(ids, self.language.slot_id)
        if len(ids) < 2 or shared < _MIN_SHARED:
            return self.language(embedded, mask)
        decoder = self.language.model.base_model
        first = decoder(inputs_embeds=embedded[:1, :shared], use_cache=True)
        first.past_key_values.batch_repeat_interleave(len(ids))
        rest = decoder(
            inputs_embeds=embedded[:, shared:],
            attention_mask=mask,
            past_key_values=first.past_key_values,
            use_cache=True,
        )
        return torch.cat([first.last_hidden_state.expand(len(ids), -1, -1), rest.last_hidden_state], dim=1)

    def condition(
        self,
        signal_states: Tensor | None = None,
        text: TextCondition | None = None,
        motions: Sequence[Motion] | None = None,
    ) -> TextCondition:
        """What the generator is told, from any of: states (B, S, H) at the signal tokens, words, B clips to follow."""
        conditions: dict[str, TextCondition] = {}
        if text is not None:
            conditions["text"] = text
        if signal_states is not None:
            conditions["signal"] = self.alignment(signal_states.float())
        if motions is not None:
            conditions["motion"] = self.motion_condition(*self._encoded(motions))
        return self.fusion(conditions)

    @torch.no_grad()
    def signals(self, sentences: Sequence[str]) -> Tensor:
        """Sentences -> states (B, S, H) float32 at the signal tokens of a reply that moves, for `condition`."""
        language = self.language
        rows = [language.tokenize(signal_conversation(sentence), False) for sentence in sentences]
        ids = torch.full((len(rows), max(map(len, rows))), language.tokenizer.pad_token_id or 0)
        mask = torch.zeros_like(ids, dtype=torch.bool)
        for b, row in enumerate(rows):
            ids[b, : len(row)], mask[b, : len(row)] = torch.tensor(row), True
        ids, mask = ids.to(language.device), mask.to(language.device)
        # The adapters are kept in float32, the model they sit on may not be.
        lowered = language.model.dtype == torch.bfloat16
        with torch.autocast(language.device.type, torch.bfloat16, enabled=lowered):
            return language.signal_states(self.read(ids, mask), ids).float()

    def _encoded(self, motions: Sequence[Motion]) -> tuple[Tensor, Tensor]:
        if self.encoder is None:
            raise InvalidInputError("this language model was trained without a motion encoder and cannot follow clips")
        return self.encoder.encode(motions)

    @staticmethod
    def motion_condition(tokens: Tensor, mask: Tensor) -> TextCondition:
        """Tokens (B, N, C) of the motion encoder and their mask (B, N) as a condition for fusion."""
        return TextCondition(tokens, mask, tokens[:, 0], mask.any(1))

    def parts(self) -> dict[str, nn.Module]:
        """What is saved beside the language model's adapters, by name."""
        named = {"projection": self.projection, "comparison": self.comparison}
        named |= {"alignment": self.alignment, "fusion": self.fusion}
        return {name: part for name, part in named.items() if part is not None}

    def save(self, folder: str | Path, card: dict[str, Any] | None = None) -> None:
        """Write the language model's adapter, `model.safetensors` (all other parts; float16) and `config.json`."""
        folder = make_folder(folder)
        tensors = {f"{n}.{key}": value for n, part in self.parts().items() for key, value in part.state_dict().items()}
        if self.encoder is not None:
            tensors |= {f"encoder.{key}": value for key, value in self.encoder.tensors().items()}
        tensors = {
            key: value.half() if value.is_floating_point() and value.ndim >= 2 else value
            for key, value in tensors.items()
        }
        described = {
            "kind": "multimodal",
            "llm": self.language.name,
            "hidden_size": self.language.hidden_size,
            "encoder": asdict(self.encoder.tower.config) if self.encoder else None,
            "trained": self.trained,
            "card": card or {},
        } | asdict(self.config)
        save_adapter(self.language, folder)
        write_model(folder, tensors, described)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        llm: str | Path | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        begin: Mapping[str, Any] | None = None,
    ) -> MotionLanguageModel:
        """A saved model on the language model that it was trained with: the one named in its files, or `llm`.

        Args:
            folder: what `save` wrote.
            llm: that language model, if it lies elsewhere now.
            device, dtype: of the language model, as for `load_language`.
            begin: parts that are not to be filled, with their configuration: {"fusion": FusionConfig(...)}.

        Raises:
            InvalidInputError: `llm` is another language model; the sentence names both.
            FileFormatError: the folder holds no such model, or one of another version.
        """
        files = find_model(folder)
        saved = files.config()
        try:
            shapes = MultimodalConfig(
                ProjectionConfig(**saved["projection"]),
                AlignmentConfig(**saved["alignment"]),
                FusionConfig(**saved["fusion"]),
            )
            trained, tower = list(saved["trained"]), saved["encoder"]
        except (KeyError, TypeError) as error:
            raise FileFormatError(f"{files.folder} holds no multimodal model of this version ({error})") from error
        language = load_language(llm or adapter_llm(files.folder), adapter=files.folder, device=device, dtype=dtype)
        groups: dict[str, dict[str, Tensor]] = {}
        for key, value in files.tensors().items():
            group, _, name = key.partition(".")
            groups.setdefault(group, {})[name] = value
        encoder = None
        if tower is not None:
            encoder = MotionEncoder.from_tensors(tower, groups.get("encoder", {}), str(files.folder))
        model = cls(language, encoder, replace(shapes, **(begin or {})))
        try:
            for name, part in model.parts().items():
                # Fusion that no phase has trained hands words on as they are, whatever its weights: it may be left out.
                left_out = name == "fusion" and name not in trained and name not in groups
                if name not in (begin or {}) and not left_out:
                    part.load_state_dict(groups.get(name, {}))
        except RuntimeError as error:
            first = str(error).splitlines()[:2][-1].strip(" \t.")  # one line a tensor, below a headline
            raise FileFormatError(
                f"the weights in {files.folder} do not fit this version ({first}); train them again: "
                "mllm-motion train instructions"
            ) from error
        model.trained = trained
        return model.eval().requires_grad_(False)


def new_model(
    llm: str | Path = DEFAULT_LLM,
    retrieval: str | Path | None = None,
    config: MultimodalConfig | None = None,
    lora: LoraSettings | None = None,
    device: str | None = None,
) -> MotionLanguageModel:
    """An untrained model around a language model; `retrieval` is the model whose motion tower lets it read clips."""
    language = load_language(llm, train=lora or LoraSettings(), device=device)
    return MotionLanguageModel(language, None if retrieval is None else MotionEncoder.load(retrieval), config)


def signal_conversation(sentence: str) -> list[Message]:
    """A request and the reply that moves."""
    return [{"role": "user", "content": sentence}, {"role": "assistant", "content": signal_text("motion")}]


def shared_beginning(ids: Tensor, slot_id: int) -> int:
    """How many tokens the rows of ids (B, L) have in common from the start; a clip's slot and the last token end it."""
    same = (ids == ids[:1]).all(0) & (ids[0] != slot_id)
    return min(int(same.int().cumprod(0).sum()), ids.shape[1] - 1)

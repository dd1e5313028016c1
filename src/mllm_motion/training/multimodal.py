"""What the phases around the language model share: what trains and what does not, conversations, the frozen generator.

The language model, far larger than all that trains, is kept out of the optimizer, the moving average and the
checkpoints: they see the trained weights alone.

Shapes: B batch, L tokens, H hidden size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mllm_motion.data.loader import Batch, CorpusBatches
from mllm_motion.data.stores import FeatureStore
from mllm_motion.errors import FileFormatError, InvalidInputError
from mllm_motion.models.generator import Generator, GeneratorConfig, TextCondition
from mllm_motion.models.language import UNLABELLED, LanguageModel, Message
from mllm_motion.models.language_adapters import LoraSettings
from mllm_motion.models.language_loading import DEFAULT_LLM
from mllm_motion.models.multimodal import MotionLanguageModel, MultimodalConfig, new_model
from mllm_motion.models.registry import find_model
from mllm_motion.models.tokens import SIGNALS
from mllm_motion.training.generator import GeneratorTraining, generator_losses
from mllm_motion.training.loop import Losses

_USUAL = 128  # sentences
_TRAINED_BY = {
    "projection": {"instructions"},
    "comparison": {"instructions"},
    "alignment": {"alignment", "instructions"},
    "fusion": {"fusion"},
}


class Trained(nn.Module):
    """The parts of `model` named in `parts`, its language adapters and a generator, as far as they train.

    All else is frozen and not registered: it follows to other devices, but is in no state_dict. Without
    `signal_embeddings` the embeddings of the signal tokens are frozen too: layers below the first adapter then need no
    backward pass.
    """

    def __init__(
        self,
        model: MotionLanguageModel,
        parts: Sequence[str] = (),
        *,
        language: bool = False,
        signal_embeddings: bool = True,
        generator: Generator | None = None,
        train_generator: bool = False,
    ) -> None:
        super().__init__()
        self._hidden = [model.eval().requires_grad_(False)]  # a list, so that nothing is registered
        if generator is not None:
            self._hidden.append(generator.eval().requires_grad_(False))
        self.parts = nn.ModuleDict({name: model.parts()[name].requires_grad_(True) for name in parts})
        self.adapters = nn.ParameterDict()
        if language:
            for name, parameter in model.language.trained_parameters().items():
                if signal_embeddings or name != "signal_in":
                    self.adapters[name.replace(".", "/")] = parameter.requires_grad_(True)
        self.generator = generator.requires_grad_(True) if generator is not None and train_generator else None

    @property
    def model(self) -> MotionLanguageModel:
        """The whole model, trained parts and frozen ones."""
        return self._hidden[0]

    @property
    def core(self) -> Generator:
        """The generator, trained or frozen."""
        return self._hidden[1]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Trained:
        super()._apply(fn, recurse)
        for module in self._hidden:
            module._apply(fn)
        return self

    def total(self, losses: Losses, weights: Mapping[str, float]) -> Losses:
        """`losses` with their weighted sum as "loss"."""
        total = sum(weights[name] * value for name, value in losses.items() if name in weights)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # Data-parallel wrappers wait for every parameter, also where a batch uses only some.
            total = total + 0.0 * sum(parameter.sum() for parameter in self.parameters())
        return losses | {"loss": total}


def open_model(
    start: Path | None,
    llm: str | None,
    retrieval: str | None,
    lora: LoraSettings,
    phase: str,
    shapes: Mapping[str, Any] | None = None,
) -> MotionLanguageModel:
    """The model that a phase goes on from: that of `start`, or a new one.

    Parts named in `shapes` that no earlier phase has trained take their configuration from there.
    """
    shapes = shapes or {}
    if start is None:
        return new_model(llm or DEFAULT_LLM, retrieval, MultimodalConfig(**shapes), lora)
    done = set(find_model(start).config().get("trained", []))
    if phase == "fusion" and not done.intersection(_TRAINED_BY["alignment"]):
        raise InvalidInputError(f"--start {start} has no trained alignment; run first: mllm-motion train alignment")
    begin = {part: shape for part, shape in shapes.items() if not done.intersection(_TRAINED_BY[part])}
    return MotionLanguageModel.load(start, llm=llm, begin=begin)


def begin_alignment(
    model: MotionLanguageModel, sentences: Sequence[str], signals: Callable[[Sequence[str]], Tensor] | None = None
) -> None:
    """Let an MDA that no phase has trained learn what is usual, from sentences spread over all `sentences`.

    `signals` gives the states at their signal tokens (B, S, H); by default the language model itself.
    """
    signals = signals or model.signals
    some = sentences[:: max(len(sentences) // _USUAL, 1)][:_USUAL]
    if len(some) > 1 and not _TRAINED_BY["alignment"].intersection(model.trained):
        model.alignment.begin(torch.cat([signals(some[at : at + 16]) for at in range(0, len(some), 16)]))


def load_generator(name: str | Path) -> Generator:
    """A trained generator by its name or folder, float32."""
    files = find_model(name)
    try:
        core = Generator(GeneratorConfig(**files.config()["generator"]))
        core.load_state_dict({key: value.float() for key, value in files.tensors().items()})
    except (KeyError, TypeError, RuntimeError) as error:
        raise FileFormatError(f"{files.folder} holds no generator of this version; take another --generator") from error
    return core


def finish(trained: Trained, average: dict[str, Tensor], phase: str, out: Path, card: dict[str, Any] | None) -> None:
    """Put the averaged weights in place and write the model."""
    trained.load_state_dict(average)
    trained.model.trained = [*(p for p in trained.model.trained if p != phase), phase]
    trained.model.save(out, card)


def conversation_tensors(
    language: LanguageModel, conversations: Sequence[Sequence[Message]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Conversations -> ids (B, L), mask (B, L) and labels (B, L), padded at the end.

    Only the first token of a set of signal tokens is labelled: the others follow by themselves once it is said.
    """
    rows = [language.tokenize_with_labels(messages) for messages in conversations]
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), longest), language.tokenizer.pad_token_id or 0)
    labels = torch.full((len(rows), longest), UNLABELLED)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for b, (tokens, said) in enumerate(rows):
        ids[b, : len(tokens)], mask[b, : len(tokens)] = torch.tensor(tokens), True
        labels[b, : len(tokens)] = torch.tensor(said)
    for kind in SIGNALS:
        for token in language.signal_ids(kind)[1:]:
            labels[labels == token] = UNLABELLED
    return ids, mask, labels


def generation_losses(core: Generator, batch: Batch, told: TextCondition, training: GeneratorTraining) -> Losses:
    """The generator's losses when it is told `told` and nothing of the batch's own words.

    The network computes in the precision of the autocast around this; the geometry stays in float32.
    """
    kind = batch.features.device.type
    lowered, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
    told_batch = replace(batch, states=told.states, mask=told.mask, pooled=told.pooled)
    with torch.autocast(kind, enabled=False):
        return generator_losses(_Denoise(core, kind, lowered, dtype), told_batch, training)


class _Denoise:
    """The generator as `generator_losses` calls it."""

    def __init__(self, core: Generator, kind: str, lowered: bool, dtype: torch.dtype) -> None:
        self.core, self._precision = core, {"device_type": kind, "enabled": lowered, "dtype": dtype}

    def __call__(
        self, noisy: Tensor, time: Tensor, frames: Tensor, observed: Tensor, text: TextCondition
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(**self._precision):
            clean = self.core(noisy, time, frames, observed, self.core.encode_text(text))
            return clean, self.core.length_logits(text.pooled)


def keep_captions(store: FeatureStore, count: int) -> None:
    """Leave each clip its first `count` captions."""
    store.rows = [row | {"texts": row["texts"][:count]} for row in store.rows]


def all_sentences(*rows: CorpusBatches | None) -> list[str]:
    """Every sentence that batches of these splits can hold; a split that is not there has none."""
    return sorted(set().union(*(split.sentences() for split in rows if split)))


def signature(*modules: nn.Module | Mapping[str, Tensor]) -> str:
    """Changes with any weight: what was computed with these weights is kept under it."""
    digest = hashlib.sha256()
    for module in modules:
        tensors = module.state_dict() if isinstance(module, nn.Module) else module
        for name in sorted(tensors):
            digest.update(name.encode() + tensors[name].detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def mean_losses(module: nn.Module, batches: Sequence[Any]) -> dict[str, float]:
    """Mean of every loss that `module` gives for held-out batches."""
    device, found = next(module.parameters()).device, []
    for batch in batches:
        for name, value in vars(batch).items():
            if isinstance(value, Tensor):
                setattr(batch, name, value.to(device))
        found.append({name: float(value) for name, value in module(batch).items()})
    names = sorted({name for row in found for name in row})
    return {name: sum(row[name] for row in found if name in row) / sum(name in row for row in found) for name in names}

"""The language model: any causal LM of `transformers`, with signal tokens and slots for motion.

Notable: no embedding is resized. The rows of the new tokens are two small parameters of their own beside the frozen
embedding and head, so a tied embedding stays tied, and these rows and the adapters are all that trains.

Shapes: B batch, L tokens, H hidden size, V words of the frozen vocabulary, S new tokens, K clips, N embeddings a clip,
M chosen positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mllm_motion.errors import InvalidInputError
from mllm_motion.models.tokens import MOTION_SLOT, MOTION_TOKENS, SIGNALS, add_signal_tokens, signal_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from mllm_motion.models.language_adapters import LoraSettings

Message = dict[str, str]
"""{"role": "system" | "user" | "assistant", "content": text}; "<motion>" in it stands for the next input clip."""
UNLABELLED = -100
"""The label of a token that nobody should learn to say."""


class LanguageModel(nn.Module):
    """A frozen causal LM with its tokenizer; made by `language_loading.load_language`.

    What a model does to its logits after the head (Gemma's soft cap, Cohere's scale) is left out, alike in training
    and in use; it changes no greedy choice.

    Attributes:
        name: what the user called it.
        model: the `transformers` model.
        tokenizer: its tokenizer, with the signal tokens appended.
        notes: sentences the user should see, such as that it has no chat template.
        lora: settings of its adapters, None if it has none.
        first_signal_id: V, the id of the first new token.
        slot_id: the token of "<motion>", the last of the new ones.
        signal_in, signal_out: (S, H) float32, the new rows of the embedding and of the head.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, notes: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.name, self.tokenizer, self.notes = name, tokenizer, list(notes)
        self.model = model.requires_grad_(False).eval()
        self.lora: LoraSettings | None = None
        self.first_signal_id = add_signal_tokens(tokenizer)
        self.slot_id: int = tokenizer.convert_tokens_to_ids(MOTION_SLOT)
        words, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        self.signal_in = nn.Parameter(_like_an_average_row(words, self.slot_id - self.first_signal_id))  # (S, H)
        self.signal_out = nn.Parameter(_like_an_average_row(head, self.slot_id - self.first_signal_id))

    @property
    def hidden_size(self) -> int:
        """H."""
        return self.signal_in.shape[1]

    @property
    def context_length(self) -> int:
        """Most tokens it reads, prompt and reply together."""
        return getattr(self.model.config, "max_position_embeddings", None) or 2048

    @property
    def device(self) -> torch.device:
        """Where prompts go in."""
        return self.signal_in.device

    def signal_ids(self, kind: str) -> list[int]:
        """Ids of the tokens of one kind, in order."""
        return self.tokenizer.convert_tokens_to_ids(list(signal_tokens(kind)))

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """The conversation as the model's chat template writes it."""
        return self.tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=add_generation_prompt
        )

    def tokenize(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> list[int]:
        """Ids of the conversation; each "<motion>" takes `MOTION_TOKENS` places."""
        text = _widened(self.render(messages, add_generation_prompt))
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def tokenize_with_labels(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Ids of the conversation and labels: the id itself in what the assistant says and ends with, else -100."""
        text = _widened(self.render(messages, False))
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        said = []  # (start, end) of what the assistant says, in characters
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                prompt, whole = self.render(messages[:index]), self.render(messages[: index + 1], False)
                said.append((len(_widened(prompt)), len(_widened(whole))))
        ids = encoded["input_ids"]
        inside = [any(start < end and begin < stop for start, stop in said) for begin, end in encoded["offset_mapping"]]
        return ids, [token if is_said else UNLABELLED for token, is_said in zip(ids, inside, strict=True)]

    def embed(self, ids: Tensor, motion: Tensor | None = None) -> Tensor:
        """ids (B, L) -> embeddings (B, L, H); the clips `motion` (K, N, H) fill the slots in reading order.

        Raises:
            InvalidInputError: more or fewer slots than clips.
        """
        is_new, is_slot = ids >= self.first_signal_id, ids == self.slot_id
        words = self.model.get_input_embeddings()(ids.masked_fill(is_new, 0))
        rows = F.embedding((ids - self.first_signal_id).clamp(0, len(self.signal_in) - 1), self.signal_in)
        x = torch.where(is_new[..., None], rows.to(words.dtype), words)
        clips = 0 if motion is None else len(motion)
        if int(is_slot.sum()) != clips * MOTION_TOKENS:
            raise InvalidInputError(
                f"the messages have {int(is_slot.sum()) / MOTION_TOKENS:g} {MOTION_SLOT}, but {clips} clips came with "
                "them; give one clip for each"
            )
        return x if motion is None else x.masked_scatter(is_slot[..., None], motion.to(x))

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embeddings (B, L, H) and their mask (B, L) -> hidden states (B, L, H) after the last norm."""
        return self.model.base_model(
            inputs_embeds=inputs_embeds, attention_mask=attention_mask, use_cache=False
        ).last_hidden_state

    def loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of states (B, L, H) that should have said labels (B, L), the first of each row left out."""
        wanted = labels[:, 1:] != UNLABELLED  # the head is a fifth of a small model: only where it is asked
        return F.cross_entropy(self.logits(states[:, :-1][wanted]), labels[:, 1:][wanted])

    def logits(self, states: Tensor) -> Tensor:
        """States (..., H) -> logits (..., V + S) float32."""
        words = self.model.get_output_embeddings()(states)[..., : self.first_signal_id].float()
        # A tokenizer may know more words than its model; those are never said.
        words = F.pad(words, (0, self.first_signal_id - words.shape[-1]), value=float("-inf"))
        new = F.linear(states.to(self.signal_out), self.signal_out)
        return torch.cat([words, new.to(words)], dim=-1)

    def signal_states(self, states: Tensor, ids: Tensor, kind: str = "motion") -> Tensor:
        """States (B, L, H) of ids (B, L) -> (K, S_kind, H): those at each complete set, in reading order."""
        first = ids == self.signal_ids(kind)[0]
        rows, columns = first.nonzero(as_tuple=True)
        count = SIGNALS[kind]
        fits = columns + count <= ids.shape[1]
        columns = columns[fits, None] + torch.arange(count, device=ids.device)
        return states[rows[fits, None], columns]

    def end_ids(self) -> set[int]:
        """Tokens that end a reply."""
        ends = self.model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        return {token for token in [*ends, self.tokenizer.eos_token_id] if token is not None}

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Everything that trains, by name: the rows of the new tokens and the adapters, frozen at present or not."""
        mine = ("signal_in", "signal_out")
        return {name: value for name, value in self.named_parameters() if name in mine or ".lora_" in name}

    def fingerprint(self) -> str:
        """Tells this model from every other of the same shape, whatever its name, folder or precision."""
        rows = self.model.get_input_embeddings().weight[:64].detach().to("cpu", torch.bfloat16).contiguous()
        return hashlib.sha256(rows.view(torch.uint8).numpy().tobytes()).hexdigest()[:16]


def clips_shown(conversations: Iterable[Sequence[Message]]) -> list[int]:
    """How many clips each message shows, for the messages that show any, in reading order."""
    counts = (message["content"].count(MOTION_SLOT) for messages in conversations for message in messages)
    return [count for count in counts if count]


def _like_an_average_row(weight: Tensor, rows: int) -> Tensor:
    """(rows, H) float32 near the mean row of weight (V, H), so that new tokens begin neither loud nor mute."""
    noise = torch.randn(rows, weight.shape[1], generator=torch.Generator().manual_seed(0))
    spread = weight[:1024].float().std()
    return weight.detach().mean(0, dtype=torch.float32) + 0.5 * spread * noise.to(weight.device)


def _widened(text: str) -> str:
    return text.replace(MOTION_SLOT, MOTION_SLOT * MOTION_TOKENS)

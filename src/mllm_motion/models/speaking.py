"""Replies of the language model, token by token: words, and complete sets of signal tokens where it decides on them.

Once it has chosen the first signal token of a kind, the others are fed in one pass. Keys and values of the conversation
so far are kept between turns, so that a new turn reads only what is new.

Shapes: L tokens, H hidden size, V words, S new tokens, K clips, N embeddings a clip.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mllm_motion.errors import InvalidInputError
from mllm_motion.models.language import LanguageModel, Message
from mllm_motion.models.tokens import MOTION_TOKENS, SIGNALS

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # how a character looks whose last byte has not come yet


@dataclass(frozen=True)
class Signal:
    """A complete set of signal tokens in a reply: `states` (S_kind, H), the hidden states at these tokens."""

    kind: str
    states: Tensor


@dataclass
class Memory:
    """What the model has read, from turn to turn: token ids, the clips in them (K, N, H), keys and values."""

    ids: list[int] = field(default_factory=list)
    motion: Tensor | None = None
    cache: Any = None


@torch.no_grad()
def stream(
    language: LanguageModel,
    messages: Sequence[Message],
    motion: Tensor | None = None,
    *,
    max_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
    kinds: Collection[str] = tuple(SIGNALS),
    memory: Memory | None = None,
) -> Iterator[str | Signal]:
    """The reply to a conversation, piece by piece: words, and a `Signal` where the model decides on one.

    Args:
        language: the model.
        messages: the conversation so far.
        motion: (K, N, H), the clips that its "<motion>" stand for.
        max_tokens: where the reply is cut off; a set of signal tokens is whole or not there.
        temperature: 0 always takes the likeliest token; 1 draws as the model believes.
        seed: of the draws.
        kinds: the signals it may choose.
        memory: pass the same one for every turn of a conversation, and nothing is read twice.

    Raises:
        InvalidInputError: the conversation leaves no room for a reply in the model's context.
    """
    ids = language.tokenize(messages)
    room = language.context_length - len(ids)
    if room < 1:
        raise InvalidInputError(
            f"the conversation has {len(ids)} tokens and {language.name} reads {language.context_length}; shorten it"
        )
    firsts = {language.signal_ids(kind)[0]: kind for kind in kinds}
    new_rows = torch.arange(len(language.signal_in)) + language.first_signal_id
    closed = [token for token in new_rows.tolist() if token not in firsts]
    memory = memory or Memory()
    states = _read(language, ids, motion, memory)
    text, draw = _Text(language), torch.Generator().manual_seed(seed)
    left = min(max_tokens, room)
    while left > 0:
        logits = language.logits(states[-1])  # (V + S,)
        logits[closed] = float("-inf")
        token = _choose(logits, temperature, draw)
        kind = firsts.get(token)
        said = language.signal_ids(kind) if kind else [token]
        left -= len(said)
        if token in language.end_ids() or left < 0:
            break
        states = _read(language, [*memory.ids, *said], motion, memory)
        if kind:
            yield from text.rest()
            yield Signal(kind, states)
        else:
            yield from text.add(token)
    yield from text.rest()


@dataclass(frozen=True)
class Said:
    """A whole reply: its words, and its sets of signal tokens in order."""

    text: str
    signals: tuple[Signal, ...] = ()


@torch.no_grad()
def reply_to_all(
    language: LanguageModel,
    conversations: Sequence[Sequence[Message]],
    motion: Tensor | None = None,
    *,
    max_tokens: int = 96,
    kinds: Collection[str] = tuple(SIGNALS),
    drawn: int = 0,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[Said]:
    """The likeliest reply to each of several conversations, read side by side: many times as quick as one by one.

    With `drawn` there are as many more of each, drawn by chance; they follow the likeliest one.

    Args:
        language: the model.
        conversations: each ends with a message of the user.
        motion: (K, N, H), the clips that the "<motion>" of all conversations stand for, in reading order.
        max_tokens: where a reply is cut off.
        kinds: the signals that may be chosen.
        drawn: further replies to each conversation.
        temperature: of the draws; 1 draws as the model believes.
        seed: of the draws.
    """
    rows = [language.tokenize(messages) for messages in conversations]
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows], device=language.device)
    mask = torch.tensor([[False] * (longest - len(row)) + [True] * len(row) for row in rows], device=language.device)
    firsts = {language.signal_ids(kind)[0]: kind for kind in kinds}
    closed = [token for kind in SIGNALS for token in language.signal_ids(kind) if token not in firsts]
    ends, decoder = language.end_ids(), language.model.base_model
    places = (mask.cumsum(1) - 1).clamp(min=0)
    output = decoder(
        inputs_embeds=language.embed(ids, motion), attention_mask=mask, position_ids=places, use_cache=True
    )
    cache, last = output.past_key_values, output.last_hidden_state[:, -1]  # (B, H)
    if drawn:  # the conversations are read once, whatever number of replies they have
        cache.batch_repeat_interleave(1 + drawn)
        last, mask, places = (x.repeat_interleave(1 + drawn, 0) for x in (last, mask, places))
    draw = torch.Generator().manual_seed(seed)
    said: list[list[int]] = [[] for _ in last]
    forced: list[list[int]] = [[] for _ in last]
    states: list[list[Tensor]] = [[] for _ in last]  # at the tokens of a reply
    ended = [False] * len(last)
    for _ in range(max_tokens + max(SIGNALS.values())):
        logits = language.logits(last)
        logits[:, closed] = float("-inf")
        chosen = logits.argmax(-1).tolist()
        for b in range(len(chosen)):
            if b % (1 + drawn) and not ended[b]:
                chosen[b] = _choose(logits[b], temperature, draw)
        for b, token in enumerate(chosen):
            if forced[b]:
                chosen[b] = forced[b].pop(0)
            elif token in ends or len(said[b]) + SIGNALS.get(firsts.get(token, ""), 1) > max_tokens:
                ended[b] = True
            elif token in firsts:
                forced[b] = language.signal_ids(firsts[token])[1:]
            if not ended[b]:
                said[b].append(chosen[b])
        if all(ended):
            break
        places = places[:, -1:] + 1
        mask = F.pad(mask, (0, 1), value=True)
        output = decoder(
            inputs_embeds=language.embed(torch.tensor(chosen, device=language.device)[:, None]),
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
        )
        cache, last = output.past_key_values, output.last_hidden_state[:, -1]
        for b, row in enumerate(said):
            if row and not ended[b]:
                states[b].append(last[b])
    return [_said(language, tokens, at, firsts) for tokens, at in zip(said, states, strict=True)]


def _said(language: LanguageModel, tokens: list[int], states: list[Tensor], firsts: dict[int, str]) -> Said:
    """A reply from its tokens and the states (H,) at them."""
    signals = []
    for at, token in enumerate(tokens):
        if kind := firsts.get(token):
            signals.append(Signal(kind, torch.stack(states[at : at + SIGNALS[kind]])))
    words = language.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Said(words.strip(), tuple(signals))


class _Text:
    """Tokens to text while they come; a character is held back until all its bytes are there."""

    def __init__(self, language: LanguageModel) -> None:
        self._tokenizer = language.tokenizer
        self._ids: list[int] = []
        self._shown = ""

    def add(self, token: int) -> Iterator[str]:
        self._ids.append(token)
        text = self._decode()
        if not text.endswith(_UNFINISHED) and len(text) > len(self._shown):
            yield text[len(self._shown) :]
            self._shown = text

    def rest(self) -> Iterator[str]:
        """What is still held back; begins anew."""
        if rest := self._decode()[len(self._shown) :]:
            yield rest
        self._ids, self._shown = [], ""

    def _decode(self) -> str:
        # All of them again: what a token looks like depends on those before it.
        return self._tokenizer.decode(self._ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _read(language: LanguageModel, ids: list[int], motion: Tensor | None, memory: Memory) -> Tensor:
    """Read `ids` behind what the memory shares with them -> hidden states (L', H) of those that were new."""
    kept = _shared(language.slot_id, ids, motion, memory)
    if kept < len(memory.ids):
        try:
            memory.cache.crop(kept - len(memory.ids))
        except (RuntimeError, ValueError):  # a sliding window has forgotten the beginning
            memory.cache, kept = None, 0
    clips = ids[:kept].count(language.slot_id) // MOTION_TOKENS
    new_clips = None if motion is None or clips == len(motion) else motion[clips:]
    embedded = language.embed(torch.tensor([ids[kept:]], device=language.device), new_clips)
    cache, memory.ids, memory.cache = memory.cache, [], None  # the pass changes it in place, and may be interrupted
    output = language.model.base_model(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
    memory.ids, memory.motion, memory.cache = list(ids), motion, output.past_key_values
    return output.last_hidden_state[0]


def _shared(slot_id: int, ids: list[int], motion: Tensor | None, memory: Memory) -> int:
    """How many tokens at the beginning are the same, clips included; at least one stays to be read."""
    longest = min(len(ids) - 1, len(memory.ids))
    kept = next((at for at in range(longest) if ids[at] != memory.ids[at]), longest)
    slots = [at for at, token in enumerate(ids) if token == slot_id]
    for clip, start in enumerate(slots[::MOTION_TOKENS]):
        if start >= kept:
            break
        known = memory.motion is not None and motion is not None and len(memory.motion) > clip < len(motion)
        if start + MOTION_TOKENS > kept or not known or not torch.equal(memory.motion[clip], motion[clip]):
            return start
    return kept


def _choose(logits: Tensor, temperature: float, draw: torch.Generator) -> int:
    """(V + S,) logits -> a token id."""
    if temperature <= 0:
        return int(logits.argmax())
    return int(torch.multinomial((logits.cpu() / temperature).softmax(-1), 1, generator=draw))

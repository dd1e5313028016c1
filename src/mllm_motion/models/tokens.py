"""Signal tokens: words of the language model that stand for something that is not text.

The language model ends a sentence with `[MOT00]…[MOT23]` when it decides to move; its hidden states at these tokens
are what the generator is told (GILL, Koh et al., NeurIPS 2023, section 3.2; NExT-GPT, Wu et al., ICML 2024, section
3.2). `<motion>` marks where a clip that somebody shows stands in a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mllm_motion.errors import unknown_name

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SignalKind = Literal["motion", "image", "audio", "video"]

SIGNALS: dict[str, int] = {"motion": 24, "image": 4, "audio": 8, "video": 24}
"""Kind -> how many tokens carry it."""
MOTION_SLOT = "<motion>"
"""Stands for one input clip in the text of a message."""
MOTION_TOKENS = 25
"""Embeddings that one input clip becomes; a slot takes as many places in the prompt."""

_NAMES = {"motion": "MOT", "image": "IMG", "audio": "AUD", "video": "VID"}


def signal_tokens(kind: str) -> tuple[str, ...]:
    """The tokens of one kind in order, e.g. "[MOT00]" to "[MOT23]"; an unknown kind raises `InvalidInputError`."""
    if kind not in SIGNALS:
        raise unknown_name("kind of signal", kind, SIGNALS)
    count = SIGNALS[kind]
    digits = len(str(count - 1))
    return tuple(f"[{_NAMES[kind]}{index:0{digits}}]" for index in range(count))


def signal_text(kind: str) -> str:
    """The tokens of one kind in a row, as they stand in an assistant's message."""
    return "".join(signal_tokens(kind))


def add_signal_tokens(tokenizer: PreTrainedTokenizerBase) -> int:
    """Append every signal token, then the slot of an input clip, as tokens that are never split.

    Returns:
        The id of the first signal token; the others follow in the order of `SIGNALS`, the slot is the last.
    """
    names = [token for kind in SIGNALS for token in signal_tokens(kind)]
    tokenizer.add_tokens([*names, MOTION_SLOT], special_tokens=True)
    return tokenizer.convert_tokens_to_ids(names[0])


def without_tokens(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """`text` in which nothing reads as a special token, so that what a user types cannot end a turn or fill a slot."""
    for token in tokenizer.added_tokens_decoder.values():
        if token.special and len(token.content) > 1:
            text = text.replace(token.content, f"{token.content[0]} {token.content[1:]}")
    return text

"""Words answered with words: small talk, and refusals of what no body can do and of what this program cannot make."""

from __future__ import annotations

import numpy as np

from mllm_motion.data.instructions_clips import ClipPool
from mllm_motion.data.instructions_comparisons import absent
from mllm_motion.data.instructions_motion import dialogue, request, request_and_tell
from mllm_motion.data.instructions_plans import draw_act
from mllm_motion.data.instructions_schema import Ref, Sample
from mllm_motion.data.instructions_words import A_PERSON, Book, asked_about, fill, somebody, typed
from mllm_motion.data.wording import pick

_TOPICS = ("greeting", "how_are_you", "who_are_you", "abilities", "abilities", "thanks", "bye")
_AFTER_MOTION = ("thanks", "praise", "praise", "blame", "bye", "describe_made", "describe_made")
_EDITS = ("edit_slower", "edit_faster", "edit_mirror", "edit_other_hand", "edit_reverse", "edit_repeat", "edit_hold")
_ANY = {"side": "left", "times": "twice", "seconds": "3"}
_HISTORY_SHARE, _LONGEST_HISTORY = 0.5, 4


def conversation(pool: ClipPool | None, book: Book, rng: np.random.Generator) -> Sample | None:
    """Small talk; sometimes about a motion that was just made."""
    style, made = rng.random(), tuple[Ref, ...]()
    values: tuple[str, ...]
    if style < 0.4:
        values = _small_talk(book, rng)
    elif style < 0.6:
        first, caption = request(draw_act(rng), book, rng)
        topic = pick(rng, _AFTER_MOTION)
        about = {"caption": caption} if topic == "describe_made" else {}
        reply = book.reply("describe_reply" if about else f"{topic}_reply", rng, **about)
        values, made = (first, "<motion>", book.ask(topic, rng), reply), (Ref(text=caption),)
    else:
        values = _on_topic(book, rng)
    return _later(book, rng, "conversation", *values, outputs=made)


def _small_talk(book: Book, rng: np.random.Generator) -> tuple[str, str]:
    asked, answer = pick(rng, book.lines("smalltalk")).split(" | ")
    return typed(asked, rng), answer


def _on_topic(book: Book, rng: np.random.Generator) -> tuple[str, str]:
    topic = pick(rng, _TOPICS)
    return book.ask(topic, rng), book.reply(f"{topic}_reply", rng)


def _later(book: Book, rng: np.random.Generator, kind: str, *values: str, outputs: tuple[Ref, ...] = ()) -> Sample:
    """A `dialogue`; to learn from, often one that goes on after motions that were made and words that were said."""
    turns, made = list[str](), list[Ref]()
    if not book.held_out and rng.random() <= _HISTORY_SHARE:
        for _ in range(int(rng.integers(1, _LONGEST_HISTORY + 1))):
            style = rng.random()
            if style < 0.2:
                turns += _small_talk(book, rng) if style < 0.1 else _on_topic(book, rng)
                continue
            act, words = draw_act(rng), ""
            if style < 0.4:
                asked, words, caption = request_and_tell(act, book, rng)
            else:
                asked, caption = request(act, book, rng)
            turns += [asked, f"{words}\n<motion>".lstrip()]
            made.append(Ref(text=caption))
    return dialogue(kind, *turns, *values, outputs=(*made, *outputs))


def refusal(pool: ClipPool | None, book: Book, rng: np.random.Generator) -> Sample | None:
    """What cannot be done or answered, and why."""
    style = rng.random()
    if style < 0.4:
        return _impossible(book, rng)
    if style < 0.62:
        return _later(book, rng, "refusal", _not_made(book, rng), book.reply("not_made_reply", rng))
    if style < 0.72:
        return dialogue("refusal", book.ask("no_clip", rng), book.reply("no_clip_reply", rng))
    if style < 0.8 or pool is None:
        asked = book.ask(pick(rng, _EDITS), rng, asked_about(rng), **_ANY)
        return dialogue("refusal", asked, book.reply("nothing_to_edit_reply", rng))
    return absent(pool, book, rng)


def _impossible(book: Book, rng: np.random.Generator) -> Sample:
    """Asked in the same words as what is possible, so that the deed decides and not its wording."""
    subject = somebody(rng)
    lines = [line for line in book.lines("request_act") if "doing" not in line and "caption" not in line]
    template = pick(rng, lines)
    who = subject if "{who}" in template else A_PERSON
    do = fill(pick(rng, book.lines("impossible")), who, rng)
    if "{who}" not in template:
        for theirs, yours in ((f" {who.reflexive}", " yourself"), (f" {who.possessive} ", " your ")):
            do = do.replace(theirs, yours)
    asked = typed(fill(template, who, rng, who=subject.text, do=do, order=do), rng)
    return _later(book, rng, "refusal", asked, book.reply("impossible_reply", rng, short="do that"))


def _not_made(book: Book, rng: np.random.Generator) -> str:
    return book.ask("not_made", rng, asked_about(rng))

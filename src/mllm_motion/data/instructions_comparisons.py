"""Comparisons of two clips, and questions that take for granted what a clip does not show."""

from __future__ import annotations

import numpy as np

from mllm_motion.data.instructions_clips import ClipPool
from mllm_motion.data.instructions_motion import caption_of, dialogue, shown
from mllm_motion.data.instructions_questions import TRIES, asked_sample, forms
from mllm_motion.data.instructions_schema import Ref, Sample
from mllm_motion.data.instructions_words import Book, asked_about
from mllm_motion.data.questions import look, question_answer
from mllm_motion.data.questions_claims import CLAIMS
from mllm_motion.data.wording import inflect, pick, swap_sides

_COMPARED = {
    "faster": ("walk$|run$|turn_|circle_|walk_back|sneak", "faster"),
    "slower": ("walk$|run$|turn_|circle_|walk_back|sneak", "slower"),
    "longer": ("", "longer"),
    "farther": ("walk$|run$|turn_|circle_|walk_back|sneak|sidestep", "goes farther"),
    "higher": ("jump|hop_forward", "jumps higher"),
}


def comparison(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """Which of two clips is faster, slower, longer, goes farther or jumps higher; or how they differ, in words."""
    if rng.random() < 0.25:
        return _difference(pool, book, rng)
    name = pick(rng, ("faster", "faster", "slower", "longer", "farther", "higher"))
    for _ in range(TRIES // 2):
        first = pool.draw(rng, f"(?:{_COMPARED[name][0]})" if _COMPARED[name][0] else "")
        if first is None:
            return None
        a, ref = pool.seen(first), Ref(first["id"])
        if name in ("faster", "slower") and rng.random() < 0.5:
            factor = round(float(rng.choice([rng.uniform(0.5, 0.7), rng.uniform(1.45, 1.9)])), 2)
            op = "slower" if factor < 1 else "faster"
            second = Ref(first["id"], edit={"op": op, "factor": factor})
            b = look(pool.library.load(second))
        else:
            drawn = pool.draw(rng, f"(?:{_COMPARED[name][0]})" if _COMPARED[name][0] else "")
            second, b = Ref(drawn["id"]), pool.seen(drawn)
        answer = question_answer(a, "comparison", name, b)
        if answer is None or second == ref:
            continue
        refs = (ref, second)
        if rng.random() < 0.5:
            refs, answer = refs[::-1], {"first": "second", "second": "first"}[answer]
        text, reply = _asked(name, answer, book, rng)
        return asked_sample("comparison", name, answer, text, reply, refs, rng)
    return None


def _asked(name: str, answer: str, book: Book, rng: np.random.Generator) -> tuple[str, str]:
    """The question and its answer, in words."""
    subject = asked_about(rng)
    listed = "compare_act_reply" if name in ("farther", "higher") else "compare_reply"
    reply = book.reply(listed, rng, subject, answer=answer, comparative=_COMPARED[name][1])
    return book.ask(f"compare_{name}", rng, subject), reply


def _difference(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """Two clips of different actions and what each shows; now and then one and its mirror image."""
    row = pool.draw(rng)
    if row is None:
        return None
    caption = caption_of(pool, row, rng)
    mirrored = pool.mirror_pairs.get(row["id"])
    if mirrored and caption and rng.random() < 0.4 and swap_sides(caption) != caption:
        second, told_second = mirrored, swap_sides(caption)
    else:
        drawn = pool.draw(rng)
        if drawn is None or drawn["action"] == row["action"]:
            return None
        second, told_second = drawn["id"], caption_of(pool, drawn, rng)
    if caption is None or told_second is None or caption == told_second:
        return None
    reply = book.reply("difference_reply", rng, first=caption, second=told_second)
    asked = shown(book.ask("difference", rng), 2, rng)
    return dialogue("comparison", asked, reply, inputs=(Ref(row["id"]), Ref(second)))


ABSENT = {
    "hand_wave": "wave", "leg_kick": "kick", "count_jump": "jump", "count_squat": "squat", "sit": "sit",
    "turn_around": "turn_around", "lie": "lie", "run": "run",
}  # fmt: skip


def absent(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """A question that takes for granted what the clip does not show, and the correction."""
    name = pick(rng, tuple(ABSENT))
    claim = CLAIMS[ABSENT[name]]
    for _ in range(TRIES):
        row = pool.draw(rng)
        if row is None or not claim.fails(pool.seen(row).facts):
            continue
        caption = caption_of(pool, row, rng)
        if caption is None or claim.phrase.strip("*").split()[0] in caption:
            continue
        subject = asked_about(rng)
        act = forms({"do": claim.phrase}, subject)
        correction = book.reply(
            "absent_reply", rng, subject, do=act["do"], does_it=inflect(claim.phrase, "present"), caption=caption
        )
        asked = book.ask(f"absent_{name}", rng, subject)
        return dialogue("refusal", shown(asked, 1, rng), correction, inputs=(Ref(row["id"]),))
    return None

"""Samples that go from words to motion and from motion to words: requests, descriptions, timelines."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

import numpy as np

from mllm_motion.data.instructions_clips import ClipPool
from mllm_motion.data.instructions_schema import Ref, Sample, Turn
from mllm_motion.data.instructions_words import A_PERSON, THE_PERSON, Act, Book, fill, somebody, typed, word
from mllm_motion.data.measure import ClipFacts
from mllm_motion.data.phases import RUN_SPEED_M_S
from mllm_motion.data.questions_events import EVENTS
from mllm_motion.data.shards import Row
from mllm_motion.data.templates import templates
from mllm_motion.data.wording import pick, third_person

TOLD_SHARE = 0.25
BEHIND_SHARE = 0.12
_GREETING = re.compile(r"(?:hello|hi|hey|good (?:morning|evening))\b", re.IGNORECASE)
_SUBJECT = re.compile(
    r"(?:an? |the |this )?(?:\w+ ){0,2}?"
    r"(?:person|man|woman|figure|character|guy|girl|boy|human|someone|somebody|he|she)\b"
)


@cache
def _finite_verbs() -> frozenset[str]:
    verbs = {
        verb for name in templates() for text in templates()[name].texts for verb in re.findall(r"\*([a-z-]+)", text)
    }
    return frozenset({"is", *map(third_person, verbs)})


def is_sentence(text: str) -> bool:
    """Whether `text` says who does what ("a man walks", "she is walking"), so that "a clip where …" may precede it."""
    subject = _SUBJECT.match(text)
    if not subject:
        return False
    following = text[subject.end() :].split()[:2]
    if following and (following[0].endswith("ly") or following[0] == "then"):
        following = following[1:]
    return bool(following) and following[0].strip(",.") in _finite_verbs()


def shown(question: str, count: int, rng: np.random.Generator) -> str:
    """`question` with the slots of the clips that it is about, mostly before it."""
    slots = "\n".join(["<motion>"] * count)
    return f"{question}\n{slots}" if rng.random() < BEHIND_SHARE else f"{slots}\n{question}"


def dialogue(
    kind: str, *values: str, inputs: tuple[Ref, ...] = (), outputs: tuple[Ref, ...] = (), **more: object
) -> Sample:
    """A sample, still without id and split, of human and gpt values in turn."""
    turns = tuple(Turn("gpt" if i % 2 else "human", value) for i, value in enumerate(values))
    refs = {name: {"motion": given} if given else {} for name, given in (("inputs", inputs), ("outputs", outputs))}
    return Sample("", kind, turns, refs["inputs"], refs["outputs"], **more)  # type: ignore[arg-type]


def request(act: Act, book: Book, rng: np.random.Generator) -> tuple[str, str]:
    """A request for `act`, and the caption of what is to be shown."""
    subject = somebody(rng)
    slots = act.slots(subject)
    if rng.random() < 0.25:
        return book.ask("request_caption", rng, caption=slots["caption"]), slots["caption"]
    template = pick(rng, book.lines("request_act"))
    named = "{who}" in template or "{caption}" in template
    if not named:
        slots = act.slots(A_PERSON)
    return typed(fill(template, THE_PERSON, rng, **slots), rng), slots["caption"]


def request_and_tell(act: Act, book: Book, rng: np.random.Generator) -> tuple[str, str, str]:
    """A request for motion and words; the reply's words, and the caption."""
    subject = somebody(rng)
    # The test keeps to those who are named; people also type "bow and describe it".
    wanted = "{who}" if book.held_out else ("{who}", "{who}", "{order}")[int(rng.integers(3))]
    lines = [line for line in book.lines("request_act") if wanted in line and not line.endswith("?")]
    slots = act.slots(A_PERSON if wanted == "{order}" else subject)
    plain = fill(pick(rng, lines), THE_PERSON, rng, **slots).rstrip(".!")
    asked = book.ask("request_told", rng, request=plain)
    reply = book.reply("greeted_reply" if _GREETING.match(asked) else "told_reply", rng, **slots)
    return asked, reply, slots["caption"]


def text_to_motion(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """A request and the clip that fulfils it; now and then with words, where they are asked for."""
    row = pool.draw(rng)
    if row is None:
        return None
    saying = None if row["human_texts"] and rng.random() < 0.6 else pool.saying(row, rng)
    if saying is not None and rng.random() < 0.75:
        act = word(saying, rng)
        if rng.random() < TOLD_SHARE / 0.6:
            asked, reply, caption = request_and_tell(act, book, rng)
            return dialogue("text_to_motion", asked, f"{reply}\n<motion>", outputs=(Ref(row["id"], caption),))
        asked, caption = request(act, book, rng)
    else:
        caption = pick(rng, row["human_texts"] or row["texts"])
        bare = caption.rstrip(".")
        asked = book.ask("request_caption", rng, caption=bare) if is_sentence(caption) else typed(bare, rng)
    return dialogue("text_to_motion", asked, "<motion>", outputs=(Ref(row["id"], caption),))


def caption_of(pool: ClipPool, row: Row, rng: np.random.Generator) -> str | None:
    """A sentence that says what a clip shows, about "a person" where there is one; without its full stop."""
    human = [text for text in row["human_texts"] if is_sentence(text)]
    if human and rng.random() < 0.6:
        return pick(rng, human).rstrip(". ")
    saying = pool.saying(row, rng)
    if saying is not None:
        return word(saying, rng).caption()
    sentences = [text for text in row["texts"] if is_sentence(text)]
    plain = [text for text in sentences if text.startswith(("a person", "the person"))]
    return pick(rng, plain or sentences).rstrip(". ") if sentences else None


def motion_to_text(pool: ClipPool, book: Book, rng: np.random.Generator) -> Sample | None:
    """A clip and its description: one sentence, several with what is measured, or a timeline."""
    style = rng.random()
    if style > 0.9:
        found = pool.sequence(rng)
        lines = timeline(found[1].events) if found else None
        if found is None or lines is None:
            return None
        return dialogue("motion_to_text", shown(book.ask("timeline", rng), 1, rng), lines, inputs=(found[0],))
    row = pool.draw(rng)
    if row is None:
        return None
    caption = caption_of(pool, row, rng)
    if caption is None:
        return None
    reply = book.reply("describe_reply", rng, caption=caption)
    if style > 0.63:
        reply = " ".join([reply, *details(pool.seen(row).facts, caption)])
    asked = book.ask("describe_long" if style > 0.63 else "describe_short", rng)
    return dialogue("motion_to_text", shown(asked, 1, rng), reply, inputs=(Ref(row["id"]),))


def details(facts: ClipFacts, caption: str) -> list[str]:
    """Sentences of what is measured and the caption does not say: way, pace, turn, hands, length."""
    told = []
    ends = {
        "forward": facts.end_forward_m,
        "backward": -facts.end_forward_m,
        "left": facts.end_left_m,
        "right": -facts.end_left_m,
    }
    if facts.travel != "none" and facts.path_m > 0.7 and ends[facts.travel] > 0.6 * facts.path_m:
        way = facts.travel if facts.travel in ("forward", "backward") else f"to the {facts.travel}"
        told.append(
            f"They go about {ends[facts.travel]:.1f} metres {way}, at {facts.mean_speed_m_s:.1f} metres a second."
        )
    elif facts.path_m < 0.25:
        told.append("They stay in place.")
    if 30 < abs(facts.turn_deg) and facts.turn_span_deg < abs(facts.turn_deg) + 35:
        side = "left" if facts.turn_deg > 0 else "right"
        told.append(f"They turn by about {round(abs(facts.turn_deg) / 10) * 10} degrees to the {side}.")
    ups = [
        side for side in ("left", "right") if facts.arm(side).peak_over_neck_m > 0.05 and facts.arm(side).lift_m > 0.2
    ]
    if len(ups) == 2:
        told.append("Both hands go up above the shoulders.")
    elif ups:
        told.append(f"The {ups[0]} hand goes up above the shoulder.")
    if facts.pelvis_rise_m > 0.1 and facts.longest_air_s >= 0.2 and facts.peak_speed_m_s < RUN_SPEED_M_S:
        told.append(f"The hips rise by about {100 * facts.pelvis_rise_m:.0f} centimetres.")
    if facts.pelvis_sink_m > 0.2:
        told.append(f"The hips sink by about {100 * facts.pelvis_sink_m:.0f} centimetres.")
    return [*told, f"It lasts {facts.seconds:.1f} seconds."]


def timeline(events: dict[str, tuple[float, float]]) -> str | None:
    """What happens when, a line each; None where fewer than two things follow one another."""
    spans = sorted(events.items(), key=lambda item: item[1])
    apart = all(a[1][1] < b[1][0] + 0.5 for a, b in pairwise(spans))
    if len(spans) < 2 or not apart:
        return None
    rng = np.random.default_rng(0)  # the phrases hold no choice
    lines = [
        f"{start:.1f}-{end:.1f} s: {fill('{they} ' + EVENTS[name][0].replace('$p', '{their}'), A_PERSON, rng)}"
        for name, (start, end) in spans
    ]
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))

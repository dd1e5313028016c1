"""The measuring behind data.questions: each answer from the facts of a clip, or None where it is not clear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_motion.data.checks import CHECKS, other, waves
from mllm_motion.data.limbs import FACTS_FPS
from mllm_motion.data.measure import ClipFacts, measure_positions
from mllm_motion.data.questions_claims import CLAIMS
from mllm_motion.data.questions_events import Spans, find_events
from mllm_motion.errors import InvalidInputError, unknown_name
from mllm_motion.motion.clip import Motion

CLEAR_M = 0.05
LEVELS = ("seconds", "speed", "path", "rise", "turned")
FASTER_RATIO, LONGER_RATIO, FARTHER_RATIO, HIGHER_M = 1.3, 1.35, 1.6, 0.08


@dataclass(frozen=True)
class Seen:
    """What was measured on a clip: its facts, and when each event begins and ends."""

    facts: ClipFacts
    events: Spans


def look(clip: Motion | np.ndarray) -> Seen:
    """Measure a clip of the default skeleton, or joint positions (T, 22, 3) in metres at 20 fps."""
    if isinstance(clip, Motion):
        motion = clip if clip.fps == FACTS_FPS else clip.resample(FACTS_FPS)
        positions = motion.joint_positions_m.astype(np.float64)
    else:
        positions = np.asarray(clip, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (22, 3) or not len(positions):
        raise InvalidInputError(f"a clip to be asked about has positions (T, 22, 3); got shape {positions.shape}")
    facts = measure_positions(positions)
    return Seen(facts, find_events(positions, facts))


def _upright(f: ClipFacts) -> bool:
    """Whether higher and lower mean something for the hands: not lying, crawling or upside down."""
    return not (f.lying_start or f.lying_end or f.upside_down or f.cartwheel or f.crawl_share)


def _hand_raised(seen: Seen) -> str | None:
    if not _upright(seen.facts):
        return None
    arms = {side: seen.facts.arm(side).peak_over_neck_m for side in ("left", "right")}
    up = [side for side, peak in arms.items() if peak > CLEAR_M]
    down = [side for side, peak in arms.items() if peak < -CLEAR_M]
    if len(up) + len(down) < 2:
        return None
    if len(up) == 1 and seen.facts.arm(up[0]).lift_m < 0.2:
        return None  # it was up all the time: nothing is raised
    if not up:
        return "none" if max(arms.values()) < -0.15 else None
    return "both" if len(up) == 2 else up[0]


def _hand_waved(seen: Seen) -> str | None:
    arms = {side: seen.facts.arm(side) for side in ("left", "right")}
    waving = [side for side, arm in arms.items() if waves(arm)]
    if len(waving) == 1:
        idle = arms[other(waving[0])]
        return waving[0] if idle.above_elbow_s < 0.5 and idle.waving_reversals < 3 else None
    if waving:
        return "both"
    return "none" if all(arm.above_elbow_s < 0.3 for arm in arms.values()) else None


def hand(seen: Seen, about: str) -> str | None:
    """The hand that waves, or that goes above the shoulder: left, right, both or none."""
    return _hand_waved(seen) if about == "wave" else _hand_raised(seen)


def leg(seen: Seen, about: str) -> str | None:
    """The leg that kicks (or is lifted) while the other one stands: left, right, both or none."""
    f = seen.facts
    if f.path_m > 2.0 or f.longest_air_s >= 0.15 or not _upright(f):
        return None
    rises = {side: f.leg(side).rise_m for side in ("left", "right")}
    high, low = sorted(rises.values(), reverse=True)
    limit = 0.45 if about == "kick" else 0.3
    if high < 0.15 and f.path_m < 0.5:
        return "none"
    if high < limit:
        return None
    if low > limit:
        return "both" if low > 0.8 * high else None
    return max(rises, key=lambda side: rises[side]) if low < 0.6 * high else None


def direction(seen: Seen, about: str) -> str | None:
    """Where it goes, seen from the body in the first frame: forward, backward, left, right or none."""
    f = seen.facts
    if f.path_m < 0.25:
        return "none"
    if f.path_m < 0.7 or abs(f.turn_deg) > 40 or f.turn_span_deg > 70:
        return None
    ways = {"forward": f.end_forward_m, "backward": -f.end_forward_m, "left": f.end_left_m, "right": -f.end_left_m}
    way = max(ways, key=lambda name: ways[name])
    across = abs(f.end_left_m) if way in ("forward", "backward") else abs(f.end_forward_m)
    clear = way == f.travel and ways[way] > 0.6 * f.path_m and across < 0.4 * ways[way]
    return way if clear else None


def turn(seen: Seen, about: str) -> str | None:
    """The side to which the facing changes: left, right or none."""
    f = seen.facts
    if abs(f.turn_deg) < 14 and f.turn_span_deg < 30:
        return "none"
    if abs(f.turn_deg) < 35 or f.turn_span_deg > abs(f.turn_deg) + 35:
        return None
    return "left" if f.turn_deg > 0 else "right"


def turn_degrees(seen: Seen, about: str) -> str | None:
    """The nearest multiple of 45, if it is near."""
    if turn(seen, "") not in ("left", "right") or abs(seen.facts.turn_deg) > 382:
        return None
    nearest = 45 * round(abs(seen.facts.turn_deg) / 45)
    return str(nearest) if abs(abs(seen.facts.turn_deg) - nearest) < 15 else None


def count(seen: Seen, about: str) -> str | None:
    """How often the action asked about is done, from 1 to 6."""
    f = seen.facts
    in_place = _upright(f) and (f.path_m < 1.5 or (about == "jump" and f.mean_speed_m_s < 1.0))
    counts = {
        "jump": f.jumps if f.longest_air_s >= 0.15 and f.pelvis_rise_m > 0.1 else 0,
        "squat": f.dips if CHECKS["squat"](f, "") else 0,
        "bow": f.bends if f.pelvis_sink_m < 0.2 and f.trunk_tilt_deg > 36 else 0,
        "kick": f.left_leg.kicks + f.right_leg.kicks if f.longest_air_s < 0.15 and not f.upside_down else 0,
        "raise": f.both_up_count,
        "punch": f.left_arm.punches + f.right_arm.punches,
    }
    return str(counts[about]) if in_place and 1 <= counts[about] <= 6 else None


def _moving_speed(f: ClipFacts) -> float | None:
    """Metres a second while going somewhere, or None for a clip that mostly stays."""
    moving = [phase for phase in f.phases if phase.kind != "still"]
    seconds = sum(phase.seconds for phase in moving)
    if f.path_m < 0.7 or seconds < 0.6 * f.seconds:
        return None
    return sum(phase.path_m for phase in moving) / seconds


def speed(seen: Seen, about: str) -> str | None:
    """How fast it goes from place to place: slow, normal or fast."""
    speed = _moving_speed(seen.facts)
    if speed is None or not _upright(seen.facts):
        return None
    bands = {"slow": (0.2, 0.72), "normal": (0.92, 1.35), "fast": (1.6, 12.0)}
    return next((name for name, (low, high) in bands.items() if low < speed < high), None)


def gait(seen: Seen, about: str) -> str | None:
    """walk or run."""
    f, speed = seen.facts, _moving_speed(seen.facts)
    if speed is None or f.path_m < 1.2 or f.travel not in ("forward", "backward") or not _upright(f):
        return None
    if speed > 2.0 and f.air_share > 0.08:
        return "run"
    return "walk" if speed < 1.55 and f.longest_air_s < 0.1 else None


def order(seen: Seen, about: str) -> str | None:
    """Of two events "a,b" the one that is over before the other begins."""
    names = about.split(",")
    if len(names) != 2 or any(name not in seen.events for name in names):
        return None
    a, b = (seen.events[name] for name in names)
    if a[1] < b[0] + 0.2 and b[0] - a[0] > 0.6:
        return "first"
    return "second" if b[1] < a[0] + 0.2 and a[0] - b[0] > 0.6 else None


def yes_no(seen: Seen, about: str) -> str | None:
    """Whether a claim of data.questions_claims surely holds (yes) or surely fails (no)."""
    if about not in CLAIMS:
        raise unknown_name("claim", about, CLAIMS)
    claim = CLAIMS[about]
    return "yes" if claim.holds(seen.facts) else "no" if claim.fails(seen.facts) else None


def level(seen: Seen, name: str) -> float | None:
    """One of `LEVELS` as a number: seconds, metres a second, metres, metres off the ground, degrees."""
    f = seen.facts
    if name == "speed":
        return _moving_speed(f)
    if name == "rise":
        return f.pelvis_rise_m if f.longest_air_s >= 0.1 else None
    return {"seconds": f.seconds, "path": f.path_m, "turned": abs(f.turn_deg)}[name]


def compare(a: ClipFacts, b: ClipFacts, about: str) -> str | None:
    """Which of two clips is faster, slower, longer, goes farther or gets higher."""
    if about == "slower":
        a, b = b, a
    if about == "higher":
        off_ground = a.longest_air_s >= 0.1 and b.longest_air_s >= 0.1
        difference = a.pelvis_rise_m - b.pelvis_rise_m
        return ("first" if difference > 0 else "second") if off_ground and abs(difference) > HIGHER_M else None
    if about == "longer":
        values, ratio = (a.seconds, b.seconds), LONGER_RATIO
    elif about == "farther":
        values, ratio = (a.path_m, b.path_m), FARTHER_RATIO
        if max(values) < 0.8:
            return None
    else:
        speeds = (_moving_speed(a), _moving_speed(b))
        if None in speeds:
            return None
        values, ratio = (speeds[0] or 0.0, speeds[1] or 0.0), FASTER_RATIO
    if max(values) < ratio * max(min(values), 1e-6):
        return None
    return "first" if values[0] > values[1] else "second"

"""The comparison learns which of two clips is faster, longer, and so on."""

import logging
import re

import numpy as np
import torch

from mllm_motion.models.comparison import Comparison
from mllm_motion.models.tokens import MOTION_TOKENS
from mllm_motion.training import comparing
from mllm_motion.training.comparing import Compared, learn_to_compare

HIDDEN = 12


def clips(seed, count=300):
    """Clips of 1 to 8 s, as made-up facts; a projection that says the length by one number, and noise."""
    rng = np.random.default_rng(seed)
    seconds = rng.uniform(1, 8, count)
    said = 0.03 * rng.normal(size=(count, MOTION_TOKENS, HIDDEN))
    said[:, 3, 5] += np.log(seconds)
    return Compared(list(seconds), torch.from_numpy(said).half())


def longer(first, kind, about, second):
    """The answer to "which is longer?" by the rule of data.questions; the other questions have none."""
    if about != "longer" or max(first, second) < 1.35 * min(first, second):
        return None
    return "first" if first > second else "second"


def test_it_learns_what_is_said_of_the_clips(monkeypatch, caplog):
    monkeypatch.setattr(comparing, "question_answer", longer)
    torch.manual_seed(0)
    comparison, axis = Comparison(HIDDEN), torch.randn(HIDDEN)
    with caplog.at_level(logging.INFO):
        learn_to_compare(comparison, axis, clips(1), clips(2), steps=150)
    found = re.search(r"longer (\d+)%, faster nan%", caplog.text)
    assert found and int(found.group(1)) > 95, caplog.text
    assert not any(parameter.requires_grad for parameter in comparison.parameters())
    # What nobody asked stays as it was.
    told, sides = clips(3).draw(comparison, 64, np.random.default_rng(0))
    silent = [place for place in range(MOTION_TOKENS) if place not in comparing._PLACES]
    loud = torch.nn.functional.cosine_similarity(told[:, comparing._PLACES[0]], axis, dim=-1)
    assert told[:, silent].abs().max() < 0.2 * told[:, comparing._PLACES[0]].abs().max()
    assert (loud.abs()[~sides[:, 0].isnan()] > 0.9).float().mean() > 0.9


def test_every_comparison_has_an_embedding_of_its_own():
    from mllm_motion.data.questions import QUESTIONS

    assert set(comparing._TOLD_BY) == set(QUESTIONS["comparison"].abouts)
    assert len(set(comparing._PLACES)) == len(comparing._TOLD_BY) and max(comparing._PLACES) < MOTION_TOKENS

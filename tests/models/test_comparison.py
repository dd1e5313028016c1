"""What tells two clips of one message apart."""

import pytest
import torch
from conftest import make_smooth_motion
from tiny_llm import make_llm

from mllm_motion.models.comparison import Comparison, followers
from mllm_motion.models.encoders.motion import MotionEncoder
from mllm_motion.models.language import clips_shown
from mllm_motion.models.language_loading import load_language
from mllm_motion.models.multimodal import MotionLanguageModel
from mllm_motion.models.retrieval import Retrieval, RetrievalConfig
from mllm_motion.models.tokens import MOTION_TOKENS


@pytest.mark.parametrize(
    ("shown", "places"), [([], []), ([1, 1], []), ([2], [1]), ([1, 2, 1], [2]), ([3, 1, 2], [1, 2, 5])]
)
def test_clips_follow_those_of_their_own_message(shown, places):
    assert followers(shown) == places


def test_a_new_one_says_nothing_and_a_trained_one_the_opposite_of_a_swapped_pair():
    torch.manual_seed(0)
    comparison = Comparison(8)
    first, second = torch.randn(2, 3, MOTION_TOKENS, 8)
    assert not comparison(first, second).any()
    torch.nn.init.normal_(comparison.say.weight)
    told = comparison(first, second)
    assert told.shape == second.shape and told.abs().mean() > 0.1
    assert torch.allclose(told, -comparison(second, first), atol=1e-6)
    assert not comparison(first, first).any()


def test_only_the_second_clip_of_a_message_is_read_differently(tmp_path):
    torch.manual_seed(0)
    encoder = MotionEncoder(Retrieval(RetrievalConfig(width=16, depth=1, heads=2, embedding=8)))
    model = MotionLanguageModel(load_language(make_llm(tmp_path), dtype=torch.float32), encoder).eval()
    torch.nn.init.normal_(model.comparison.say.weight)
    clips = [make_smooth_motion(seed, frames=30) for seed in (1, 2, 3)]
    with torch.no_grad():
        apart, together = model.project(clips, [1, 1, 1]), model.project(clips, [1, 2])
    assert torch.equal(apart, model.project(clips)) and torch.equal(apart[:2], together[:2])
    assert (apart[2] - together[2]).abs().max() > 0.1


def test_clips_are_counted_by_message():
    asked = [{"role": "user", "content": "<motion>\n<motion>\nwhich?"}, {"role": "assistant", "content": "the first"}]
    assert clips_shown(
        [asked, [{"role": "user", "content": "hi"}], [{"role": "user", "content": "this <motion>"}]]
    ) == [2, 1]

"""Question answering: which words of a text answer a question (RoBERTa, Liu et al. 2019, and its kin)."""

from collections.abc import Mapping, Sequence

import numpy as np

from ipa.serving.replica import ReplicaSettings
from ipa.serving.runtimes.items import Float32s, of_texts, texts_of
from ipa.serving.runtimes.networks import LIBRARIES, Network, check_network, probabilities
from ipa.serving.runtimes.options import read_options
from ipa.serving.runtimes.samples import sample_text
from ipa.serving.runtimes.task import Model, Task, TensorSpec
from ipa.serving.runtimes.tokens import tokenizer_of
from ipa.serving.v2 import Tensor

LONGEST_ANSWER = 30
"""Tokens that an answer has at most."""


def _load(replica: ReplicaSettings) -> Model:
    max_tokens = read_options(replica)["max_tokens"]
    network = Network(replica, "ForQuestionAnswering")
    tokenizer = tokenizer_of(network, max_tokens)

    def answer(inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        questions, contexts = texts_of(inputs["question"]), texts_of(inputs["context"])
        found = network(**tokenizer(questions, contexts))
        answers = []
        for row, (question, context) in enumerate(zip(questions, contexts, strict=True)):
            spans = tokenizer.spans(question, context)
            # What follows only fills the batch up.
            tokens = slice(len(spans))
            starts, ends = (
                probabilities(scores[row, tokens]) for scores in (found.start_logits, found.end_logits)
            )
            answers.append(best_answer(context, spans, starts, ends))
        scores = np.array([score for _, score in answers], dtype=np.float32)
        return [of_texts("answer", [text for text, _ in answers]), Tensor.of("score", scores)]

    return answer


def best_answer(
    context: str, spans: Sequence[tuple[int, int] | None], starts: Float32s, ends: Float32s
) -> tuple[str, float]:
    """Return the part of a text that is likeliest to be the answer, and its probability.

    Parameters
    ----------
    context
        The text with the answer.
    spans
        Where in it each token stands; None for tokens of the question.
    starts, ends
        Probability of every token to begin, and to end, the answer; shape (tokens,).
    """
    inside = [place for place, span in enumerate(spans) if span is not None]
    if not inside:
        return "", 0.0
    first, last = inside[0], inside[-1] + 1
    both = np.triu(np.outer(starts[first:last], ends[first:last]))
    both = np.tril(both, LONGEST_ANSWER - 1)
    start, end = np.unravel_index(int(both.argmax()), both.shape)
    opening, closing = spans[first + int(start)], spans[first + int(end)]
    if opening is None or closing is None:
        return "", 0.0
    return context[opening[0] : closing[1]], float(both[start, end])


QUESTION_ANSWERING = Task(
    inputs=(TensorSpec("question", "BYTES"), TensorSpec("context", "BYTES")),
    outputs=(TensorSpec("answer", "BYTES"), TensorSpec("score", "FP32")),
    load=_load,
    sample=lambda: [sample_text("question"), sample_text("context")],
    sources=("random", "pretrained"),
    libraries=LIBRARIES,
    check_weights=check_network,
)
"""Takes a question and a text in UTF-8; tells the part of the text that answers it, and its probability."""

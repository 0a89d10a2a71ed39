"""A checker for tests of reconcilers: its verdict is a field."""

from collections.abc import Callable

from epochal_operator.checker.verdict import NetworkError, NetworkQuestion, NoVerdict, Verdict

TOO_SMALL = "spec.network.layers[0] (Conv2D, 'conv') got (None, 8, 8, 1): its input is too small"
WRONG = Verdict([NetworkError(0, TOO_SMALL)])


class FixedChecker:
    """Gives one verdict.

    Attributes:
        answer: The verdict.
        questions: The questions so far.
        notify: What the last question is to call.
    """

    def __init__(self, answer: Verdict | NoVerdict) -> None:
        self.answer = answer
        self.questions: list[NetworkQuestion] = []
        self.notify: Callable[[], None] = lambda: None

    def verdict(self, question: NetworkQuestion, notify: Callable[[], None]) -> Verdict | NoVerdict:
        self.questions.append(question)
        self.notify = notify
        return self.answer

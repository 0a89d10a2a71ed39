from collections.abc import Callable

from tests.bench.turns import abba, in_turn


def test_the_first_side_alternates() -> None:
    assert list(abba(3)) == [
        (0, "ours"),
        (0, "theirs"),
        (1, "theirs"),
        (1, "ours"),
        (2, "ours"),
        (2, "theirs"),
    ]


def test_many_contenders_alternate_the_order() -> None:
    asked: list[str] = []

    def contender(name: str) -> Callable[[], int]:
        def measure() -> int:
            asked.append(name)
            return len(asked)

        return measure

    measured = in_turn({name: contender(name) for name in "abc"}, 2)
    assert "".join(asked) == "abccba"
    assert measured == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}

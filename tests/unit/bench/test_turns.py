from collections.abc import Callable

from tests.bench.turns import abba, in_turn


def test_who_comes_first_changes_from_round_to_round() -> None:
    assert list(abba(3)) == [
        (0, "ours"),
        (0, "theirs"),
        (1, "theirs"),
        (1, "ours"),
        (2, "ours"),
        (2, "theirs"),
    ]


def test_many_take_turns_there_and_back() -> None:
    asked: list[str] = []

    def contender(name: str) -> Callable[[], int]:
        def measure() -> int:
            asked.append(name)
            return len(asked)

        return measure

    measured = in_turn({name: contender(name) for name in "abc"}, 2)
    assert "".join(asked) == "abccba"
    assert measured == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}

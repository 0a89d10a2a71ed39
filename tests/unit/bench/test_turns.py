from tests.bench.turns import abba


def test_who_comes_first_changes_from_round_to_round() -> None:
    assert list(abba(3)) == [
        (0, "ours"),
        (0, "theirs"),
        (1, "theirs"),
        (1, "ours"),
        (2, "ours"),
        (2, "theirs"),
    ]

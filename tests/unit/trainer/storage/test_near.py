from collections.abc import Callable, Sequence

import pytest
from epochal_trainer.storage import near

KEYS = [
    "mnist/train.npz",
    "mnist/test.npz",
    "fashion/train.npz",
    "fashion/v2/train.npz",
    *(f"many/{number:05}.npz" for number in range(5000)),
    "many/train.npz",
    "digits.npz",
]


def entries(looks: list[str] | None = None, keys: Sequence[str] = KEYS) -> Callable[[str], list[str]]:
    def look(prefix: str) -> list[str]:
        if looks is not None:
            looks.append(prefix)
        rest = (key.removeprefix(prefix) for key in keys if key.startswith(prefix))
        found = {prefix + name + slash for name, slash, _ in (one.partition("/") for one in rest)}
        return sorted(found)[: near.MOST]

    return look


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("mnist/trian.npz", ["mnist/train.npz"]),
        ("mnits/train.npz", ["mnist/train.npz"]),
        ("Mnist/Train.npz", ["mnist/train.npz"]),
        ("mnist/tset.npz", ["mnist/test.npz"]),
        ("fashon/v1/trian.npz", ["fashion/v2/train.npz"]),
        ("many/trainn.npz", ["many/train.npz"]),
        ("digit.npz", ["digits.npz"]),
        ("mnist", ["mnist/"]),
        ("mnist/zzzz", []),
        ("zzzz/train.npz", []),
        ("/".join("abcdefgh" * 50), []),
    ],
)
def test_each_part_of_a_path_may_be_wrong(key: str, found: list[str]) -> None:
    looks: list[str] = []
    assert near.like(key, entries(looks)) == found
    assert len(looks) <= near.LOOKS


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("mnist/trian.npz", "did you mean mnist/train.npz?"),
        ("fashion", "it is a folder, which holds train.npz, v2/"),
        ("many/", "it is a folder, which holds 00000.npz, 00001.npz, 00002.npz and more"),
        ("mnist/zzzz", "beside it lie mnist/test.npz, mnist/train.npz"),
        ("zzzz", "beside it lie digits.npz, fashion/, many/ and 1 more"),
        ("zzzz/train.npz", "nothing lies beside it; the bucket holds digits.npz, fashion/, many/ and 1 more"),
    ],
)
def test_what_is_said_of_a_missing_key(key: str, advice: str) -> None:
    assert near.advise(key, entries()) == advice


def test_an_empty_bucket_is_told() -> None:
    assert near.advise("a/b", entries(keys=[])) == "nothing lies beside it"


@pytest.mark.parametrize(
    ("present", "said"),
    [
        (["mnist-data-2", "mnist-data", "zoo"], "did you mean mnist-data or mnist-data-2?"),
        (["zoo"], "there is zoo"),
        (["zoo", "bar"], "there are bar, zoo"),
        (["e", "d", "c", "b"], "there are b, c, d and 1 more"),
        ([], "there is none"),
    ],
)
def test_what_is_said_of_a_name_that_is_not_there(present: list[str], said: str) -> None:
    assert near.among("mnist-dat", present) == said

from collections.abc import Callable, Sequence

import pytest
from epochal_trainer.storage import suggestions

KEYS = [
    "mnist/train.npz",
    "mnist/test.npz",
    "fashion/train.npz",
    "fashion/v2/train.npz",
    *(f"many/{number:05}.npz" for number in range(5000)),
    "many/train.npz",
    "digits.npz",
]


def entries(listings: list[str] | None = None, keys: Sequence[str] = KEYS) -> Callable[[str], list[str]]:
    def list_entries(prefix: str) -> list[str]:
        if listings is not None:
            listings.append(prefix)
        rest = (key.removeprefix(prefix) for key in keys if key.startswith(prefix))
        found = {prefix + name + slash for name, slash, _ in (key.partition("/") for key in rest)}
        return sorted(found)[: suggestions.MAX_ENTRIES]

    return list_entries


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
def test_similar_keys_are_found_with_few_listings(key: str, found: list[str]) -> None:
    listings: list[str] = []
    assert suggestions.similar_keys(key, entries(listings)) == found
    assert len(listings) <= suggestions.MAX_LISTINGS


@pytest.mark.parametrize(
    ("key", "keys", "advice"),
    [
        ("mnist/trian.npz", KEYS, "did you mean mnist/train.npz?"),
        ("fashion", KEYS, "it is a folder that contains train.npz, v2/"),
        ("many/", KEYS, "it is a folder that contains 00000.npz, 00001.npz, 00002.npz and more"),
        ("mnist/zzzz", KEYS, "its folder contains mnist/test.npz, mnist/train.npz"),
        ("zzzz", KEYS, "the bucket contains digits.npz, fashion/, many/ and 1 more"),
        (
            "zzzz/train.npz",
            KEYS,
            "its folder does not exist; the bucket contains digits.npz, fashion/, many/ and 1 more",
        ),
        ("a/b", [], "the bucket is empty"),
    ],
)
def test_advice_for_a_missing_key(key: str, keys: list[str], advice: str) -> None:
    assert suggestions.suggest_key(key, entries(keys=keys)) == advice


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["mnist-data-2", "mnist-data", "zoo"], "did you mean mnist-data or mnist-data-2?"),
        (["zoo"], "found zoo"),
        (["zoo", "bar"], "found bar, zoo"),
        (["e", "d", "c", "b"], "found b, c, d and 1 more"),
        ([], "none exists"),
    ],
)
def test_advice_for_a_missing_name(names: list[str], advice: str) -> None:
    assert suggestions.suggest_name("mnist-dat", names) == advice

import pytest
from epochal_api.suggestions import MAX_SUGGESTIONS, close_matches


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("Dens", ["Dense", "Conv2D"], ["Dense"]),
        ("dense", ["Dense", "DENSE", "Conv2D"], ["Dense", "DENSE"]),
        ("Mnist", ["mnist", "MNIST-2"], ["mnist"]),
        ("zzzz", ["Dense"], []),
        ("dense", ["EinsumDense", "Dense"], ["Dense"]),
        ("f1", ["AUC", "F1Score", "FBetaScore"], ["F1Score"]),
        ("Dense", [], []),
        ("", ["a"], []),
        ("ab1", ["ab2", "ab3", "ab4", "ab5"], ["ab5", "ab4", "ab3"]),
    ],
)
def test_suggests_similar_names_in_any_case(name: str, known: list[str], found: list[str]) -> None:
    assert close_matches(name, known) == found
    assert len(found) <= MAX_SUGGESTIONS

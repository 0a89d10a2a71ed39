import pytest
from epochal_api.documents import UnreadableFile, read_documents

TEXT = """
# comment
kind: TrainingJob
spec:
  layers:
  - {layer: Dense, units: 2}
  - layer: Adam
    learning_rate: 1e-3
---
---
{"kind": "Experiment"}
"""


def test_places_and_values() -> None:
    first, second = read_documents(TEXT)
    assert first.value["spec"]["layers"][1] == {"layer": "Adam", "learning_rate": 0.001}
    assert second.value == {"kind": "Experiment"}
    assert first.place("spec.layers[0].units") == (6, 20)
    assert first.place("spec.layers[1].learning_rate") == (8, 5)
    assert first.place("spec.layers[1].units.more[3]") == first.place("spec.layers[1]") == (7, 5)
    assert first.place("nothing.here") == (3, 1)
    assert second.place("kind") == (11, 2)


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-3", 0.001), ("1E5", 1e5), (".5e+2", 50.0), ("-2.e1", -20.0), ("1.5", 1.5), ("e5", "e5"), ("'1e3'", "1e3")],
)
def test_numbers_as_kubectl_reads_them(written: str, value: object) -> None:
    (document,) = read_documents(f"x: {written}")
    assert document.value == {"x": value}
    assert type(document.value["x"]) is type(value)


BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "must be YAML or JSON"),
        ("a: !!python/object:os.system {}", "must be YAML or JSON"),
        ("[" * 300 + "]" * 300, "more than 200 levels"),
        ("[" * 5_000 + "]" * 5_000, "must be YAML or JSON"),
        ("x" * (4 * 2**20 + 1), "at most 4 MiB"),
        (BOMB, "more than"),
        ("&a [*a]", "more than 200 levels"),
    ],
)
def test_unreadable_files(text: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        list(read_documents(text))

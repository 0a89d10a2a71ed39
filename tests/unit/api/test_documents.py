import pytest
import yaml
from epochal_api import documents
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
    [
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("!!int 1:30", 90),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5e+2", 50.0),
        ("-2.e1", -20.0),
        ("1.5", 1.5),
        ("e5", "e5"),
        ("'1e3'", "1e3"),
    ],
)
def test_numbers_as_kubectl_reads_them(written: str, value: object) -> None:
    (document,) = read_documents(f"x: {written}")
    assert document.value == {"x": value}
    assert type(document.value["x"]) is type(value)


BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))

LONG = "k" * 100
"""A path has only these characters of a longer key."""
BOMB_OF_LONG_KEYS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{{LONG}1: *a{n - 1}, {LONG}2: *a{n - 1}}}\n" for n in range(1, 18)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "must be YAML or JSON"),
        ("a: !!python/object:os.system {}", "must be YAML or JSON"),
        ("[" * 300 + "]" * 300, "more than 200 levels"),
        ("[" * 5_000 + "]" * 5_000, "more than 200 levels"),
        ("x" * (4 * 2**20 + 1), "at most 4 MiB"),
        (BOMB, "more than"),
        (BOMB_OF_LONG_KEYS, "more than 100,000 values"),
        ("&a [*a]", "more than 200 levels"),
        ("a: 1\n? [b]\n: 2\n", "line 2: a key must be a text, found a list"),
        ("a: &a [b]\nc: {{d: 1}: 2}\n", "line 2: a key must be a text, found a mapping"),
        ("a: &a [b]\nc: {*a : 1}\n", "a key must be a text, found a list"),
    ],
)
def test_unreadable_files(text: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        list(read_documents(text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [\n", 3),
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a:\n- {b: 1, 'b': 2}\n", 2),
        ("a: \n- \x00", 2),
        ("a:\n  b: &c\n    d: *c\n", 2),
        ("a:\n" + "[" * 5_000, 2),
    ],
)
def test_the_line_of_an_error(text: str, line: int) -> None:
    with pytest.raises(UnreadableFile) as caught:
        list(read_documents(text))
    assert caught.value.line == line


def test_keys_that_only_look_the_same() -> None:
    text = "base: &b {x: 1}\nsome: {<<: *b, x: 2}\n'a.b': 1\na: {b: 2}\nother: [{x: 1}, {x: 2}]\n"
    (document,) = read_documents(text)
    assert document.value["some"] == {"x": 2}


def test_a_number_to_the_base_60_costs_no_time() -> None:
    (document,) = read_documents("x: 1" + ":1" * 60_000)
    assert isinstance(document.value["x"], str)


def test_the_paths_of_nested_fields_have_a_bounded_size() -> None:
    nested = "".join(f"{{{LONG}: " for _ in range(100)) + "[" + "1," * 2_000 + "]" + "}" * 100
    (document,) = read_documents(f"first: {nested}\nlast:\n- x: 1\n")
    assert sum(map(len, document.places)) <= 8 * 2**20
    assert document.place("last[0].x") == (3, 3)
    assert document.place("first." + ".".join([LONG] * 100) + "[1999]").line == 1


def test_the_values_of_an_object_are_counted_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MAX_NODES", 5)
    composed: list[object] = []
    compose = yaml.SafeLoader.compose_node

    def counted(*arguments: object) -> object:
        composed.append(arguments)
        return compose(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(yaml.SafeLoader, "compose_node", counted)
    assert len(list(read_documents("a: 1\nb: 2\nc: {d: 3}\n---\n- 1\n- 2\n- 3\n- 4\n"))) == 2
    composed.clear()
    with pytest.raises(UnreadableFile, match="more than 5 values") as caught:
        list(read_documents("a:\n" + "- 1\n" * 1000))
    assert (len(composed), caught.value.line) == (6, 5)  # five values and a key

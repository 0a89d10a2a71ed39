"""A text of a user: the object, or the line and the field that cannot be read, within bounded time."""

import tracemalloc

import pytest
from epochal_studio.networks.reading import MAX_CHARACTERS, UnreadableDocument, read_object
from epochal_studio.wire.networks import MAX_YAML

HEAD = "kind: TrainingJob\nspec:\n"
BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 100))


def test_an_object() -> None:
    assert read_object("a: 1\nb: [x, 0.5, true, null]\n") == {"a": 1, "b": ["x", 0.5, True, None]}
    assert read_object('{"a": {"b": []}}') == {"a": {"b": []}}


@pytest.mark.parametrize(
    ("text", "line", "path", "message"),
    [
        ("", 1, "", "empty"),
        ("# only a comment\n---\n", 1, "", "empty"),
        ("- a\n", 1, "", "found list"),
        ("text", 1, "", "found str"),
        ("a: 1\nb: [1\nc: 2\n", 3, "", "cannot be read"),
        ("a: 1\na: 2\n", 2, "", "given twice"),
        ("a: 1\n---\nb: 2\n---\nc: [", 3, "", "another object"),
        (HEAD + "  network: &a {layers: [*a]}\n", 3, "", "200 levels"),
        (HEAD + "  a: " + "[" * 60_000, 3, "", "200 levels"),
        (BOMB, None, "", "100,000 values"),
        ("a: 1\nb: \x00\n", 2, "", "unacceptable character"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "", "constructor"),
        ("a: 1\nb: {2020-01-01: 1}\n", 2, "b.2020-01-01", "a key must be a text, found date"),
        ("a:\n- 2020-01-01\n", 2, "a[0]", "found date"),
        ("a: {b: !!binary YQ==}\n", 1, "a.b", "found bytes"),
        ("a: !!set {b}\n", 1, "a", "found set"),
        ("a:\n  b: .nan\n", 2, "a.b", "finite"),
        ("a: .inf\n", 1, "a", "finite"),
        ("a: 0x" + "f" * 60_000, 1, "a", "64 bits"),
        ('a: "\\ud800"\n', 1, "a", "Unicode"),
        ("1: 2\n", 1, "1", "a key must be a text, found int"),
        ("a: " + "1" * 10_000, 1, "", "integer"),
    ],
)
def test_a_text_that_is_no_object(text: str, line: int | None, path: str, message: str) -> None:
    with pytest.raises(UnreadableDocument, match=message) as caught:
        read_object(text)
    problem = caught.value.problem
    assert (problem.path, problem.line if line else None) == (path, line)
    assert (problem.line or 0) > 0
    assert len(problem.message) < 1000


def test_aliases_repeat_no_long_text() -> None:
    text = "a: &a '" + "x" * 60_000 + "'\nb: [" + "*a," * 10_000 + "]\n"
    assert len(text) < MAX_YAML
    with pytest.raises(UnreadableDocument, match=f"{MAX_CHARACTERS:,} characters"):
        read_object(text)


def test_deep_fields_take_no_memory_for_their_paths() -> None:
    key = "k" * 100
    text = f"{{{key}: " * 180 + "[" + "1," * 1_500 + "]" + "}" * 180
    tracemalloc.start()
    try:
        read_object(text)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


def test_the_path_of_a_deep_fault() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read_object("a:\n- b: 1\n  c:\n  - []\n  - - .nan\n")
    assert (caught.value.problem.path, caught.value.problem.line) == ("a[0].c[1][0]", 5)

"""Forms with files."""

from contextlib import suppress
from time import thread_time

import pytest
from aiohttp import FormData
from epochal_server.protocols.multipart import files
from epochal_server.refusals import Invalid
from hypothesis import example, given
from hypothesis import strategies as st

TYPE = "multipart/form-data; boundary=XX"
HEAD = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
PART = b"--XX\r\n" + HEAD + b"data\r\n"


class Written(bytearray):
    """The written bytes of aiohttp."""

    async def write(self, data: bytes) -> None:
        self.extend(data)


def found(body: bytes, content_type: str = TYPE, max_files: int = 3) -> list[tuple[str, bytes]]:
    return [(file.name, bytes(file.data)) for file in files(body, content_type, max_files)]


@given(st.lists(st.tuples(st.sampled_from(["a.jpg", "é.png", "a b;c.webp"]), st.binary()), min_size=1, max_size=3))
async def test_parses_forms_of_aiohttp(sent: list[tuple[str, bytes]]) -> None:
    form = FormData(quote_fields=False)
    for name, data in sent:
        form.add_field("file", data, filename=name, content_type="image/jpeg")
    written, payload = Written(), form()
    await payload.write(written)  # type: ignore[arg-type]
    assert found(bytes(written), payload.content_type) == sent


@pytest.mark.parametrize(
    "body",
    [
        PART + b"--XX--",
        PART + b"--XX--\r\nepilogue",
        b"preamble\r\n" + PART + b"--XX--\r\n",
        b"--XX \t\r\n" + HEAD + b"data\r\n--XX--",
        b"--XX\r\nContent-Type: image/jpeg\r\ncontent-disposition: form-data; filename=a.jpg\r\n\r\ndata\r\n--XX--",
    ],
)
def test_parses_forms_of_other_clients(body: bytes) -> None:
    assert found(body) == [("a.jpg", b"data")]


def test_parses_a_quoted_boundary() -> None:
    assert found(PART + b"--XX--", 'multipart/form-data; boundary="XX"') == [("a.jpg", b"data")]


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (PART, "multipart/form-data", "expected multipart/form-data with a boundary, found no valid boundary"),
        (PART, f"multipart/form-data; boundary={'X' * 99}", "found no valid boundary"),
        (PART, f"multipart/form-data; boundary*{'9' * 5000}*=XX", "found no valid boundary"),
        (b"", TYPE, "found a truncated form"),
        (b"data", TYPE, "found a truncated form"),
        (PART, TYPE, "found a truncated form"),
        (PART[:-2], TYPE, "found a truncated form"),
        (b"--XX", TYPE, "found a truncated form"),
        (b"--XX--", TYPE, "found no file"),
        (PART * 4 + b"--XX--", TYPE, "expected at most 3 files, found more"),
        (b"--XX\r\n\r\ndata\r\n--XX--", TYPE, "expected files only, found part 1 without a filename"),
        (b"--XX\r\ndata\r\n--XX--", TYPE, "found part 1 without headers"),
        (
            PART + b"--XX\r\nA: " + b"b" * 5000 + b"\r\n\r\ndata\r\n--XX--",
            TYPE,
            "found part 2 without headers, or with headers of more than",
        ),
        (PART.replace(b"; filename", b"; name") + b"--XX--", TYPE, "found part 1 without a filename"),
    ],
)
def test_message_has_the_expected_and_the_found_form(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        found(body, content_type)
    assert message in refused.value.message


@given(st.lists(st.sampled_from([PART, b"--XX", b"--", b"\r\n", HEAD, b"\r\n\r\n", b"x", b"\xff"])), st.text())
def test_survives_any_body(parts: list[bytes], content_type: str) -> None:
    for kind in (TYPE, content_type, f"multipart/form-data; boundary={content_type}"):
        with suppress(Invalid):
            found(b"".join(parts), kind)


@given(st.text(), st.text(), st.sampled_from(["", "*", "*0", "*0*", "*1"]))
@example("idna''a", "unicode-escape''\\ud800", "*")
def test_survives_any_header(boundary: str, name: str, star: str) -> None:
    head = f"--XX\r\nContent-Disposition: form-data; filename{star}={name}\r\n\r\n"
    with suppress(Invalid):
        for found in files(head.encode(errors="replace") + b"\r\n--XX--", TYPE, 1):
            assert found.name.encode() is not None
    with suppress(Invalid):
        files(PART, f"multipart/form-data; boundary{star}={boundary}", 1)


@pytest.mark.parametrize(
    "parameters", ['filename="' + ";" * 3950, 'a=";' * 980, "".join(f"filename*{at}=a;" for at in range(250))]
)
def test_many_parameters_take_little_time(parameters: str) -> None:
    part = f"--XX\r\nContent-Disposition: form-data; {parameters}\r\n\r\ndata\r\n".encode()
    began = thread_time()
    with pytest.raises(Invalid, match="Content-Disposition: expected at most 64 parameters, found"):
        files(part * 64 + b"--XX--", TYPE, 64)
    with pytest.raises(Invalid, match="Content-Type: expected at most 64 parameters, found"):
        files(part, f"multipart/form-data; {parameters}", 64)
    assert thread_time() - began < 0.02
    named = b'--XX\r\nContent-Disposition: form-data; filename="a;b;c.jpg"\r\n\r\ndata\r\n--XX--'
    assert [file.name for file in files(named, TYPE, 1)] == ["a;b;c.jpg"]

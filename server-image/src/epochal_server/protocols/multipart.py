"""Parses forms with files: multipart/form-data, RFC 7578."""

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from epochal_server.refusals import Invalid

END = b"--"
LINE = b"\r\n"
MAX_BOUNDARY = 70
"""Maximum length of a boundary, by RFC 2046. A longer boundary is refused."""
MAX_HEAD_BYTES = 4096
MAX_PARAMETERS = 64
"""Maximum number of semicolons in a header, of parameters or in a filename. More are refused: the parser takes
quadratic time."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in a form: its filename and its content."""

    name: str
    data: memoryview


def files(body: bytes, content_type: str, max_files: int) -> list[File]:
    """Return the files of a form.

    Raises:
        Invalid: If the form is invalid, is incomplete, has no file or too many files, or has a part without a filename.
    """
    opening = END + _boundary(content_type)
    line = LINE + opening
    at = len(opening) if body.startswith(opening) else _after(body, line, 0) + len(line)
    view, parts = memoryview(body), list[File]()
    while body[at : at + 2] != END:
        if len(parts) == max_files:
            raise Invalid(f"body: expected at most {max_files} files, found more: send them in several requests")
        end = _after(body, line, at)
        head = body.find(LINE + LINE, at, min(end, at + MAX_HEAD_BYTES))
        if head < 0:
            raise _invalid_form(
                f"part {len(parts) + 1} without headers, or with headers of more than {MAX_HEAD_BYTES:,} bytes"
            )
        name = _file_name(body[at:head].lstrip(), len(parts) + 1)
        parts.append(File(name, view[head + len(LINE + LINE) : end]))
        at = end + len(line)
    if not parts:
        raise Invalid("body: expected a form with files, found no file: send at least one photograph")
    return parts


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = _parameter(header, "boundary", "Content-Type") or ""
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
        raise Invalid(
            "Content-Type: expected multipart/form-data with a boundary, found no valid boundary: let your HTTP client "
            "write that header"
        )
    return boundary.encode()


def _after(body: bytes, line: bytes, start: int) -> int:
    at = body.find(line, start)
    if at < 0:
        raise _invalid_form("a truncated form")
    return at


def _file_name(head: bytes, part: int) -> str:
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))
    name = _parameter(headers, "filename", "Content-Disposition")
    if name is None:
        raise Invalid(
            f"body: expected files only, found part {part} without a filename: send each file with its filename"
        )
    return name


def _parameter(headers: Message, name: str, header: str) -> str | None:
    """Return a parameter of a header, or None if it is missing. A value with a charset (RFC 2231) is not decoded.

    Raises:
        Invalid: If the header has too many parameters.
    """
    if (count := str(headers.get(header, "")).count(";")) > MAX_PARAMETERS:
        raise Invalid(
            f"{header}: expected at most {MAX_PARAMETERS} parameters, found {count:,}: let your HTTP client write that "
            "header"
        )
    try:
        value = headers.get_param(name, header=header)
    except ValueError:  # the number of a continued parameter (RFC 2231) may be too long for int()
        return None
    return value[2] if isinstance(value, tuple) else value


def _invalid_form(fault: str) -> Invalid:
    return Invalid(f"body: expected a form, multipart/form-data, found {fault}: let your HTTP client write the form")

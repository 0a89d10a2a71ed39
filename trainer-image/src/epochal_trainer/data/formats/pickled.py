"""Pickles of `(features, labels)` or `(features, labels, class_names)`, read without execution of their code.

A pickle is a program that may call any function. This reader interprets its opcodes, as pickletools describes them. It
accepts only the few functions and classes that pickles of arrays need, and replaces them by its own harmless classes.
So a hostile pickle can call no function, and cannot give NumPy a false description of an array.

The standard library's unpickler allocates the memory that a pickle declares before it reads the data. NumPy trusts a
pickle's description of a type, even with addresses of objects. A pickle of a few bytes can build a tuple that holds
2^100 others. So this reader never inspects nested content, not even for a message.
"""

import codecs
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from epochal_trainer.data.class_names import parse_names
from epochal_trainer.data.formats.pickled_arrays import (
    MAX_SHOWN,
    NON_NUMERIC_TYPES,
    NotNumeric,
    PickledArray,
    UnsafeName,
    check_tuple,
    replacement_for,
)
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.samples import NamesArray, Samples
from epochal_trainer.data.source import DataFile, unsupported_type
from epochal_trainer.lib.failures import Failure, bad_data, is_machine_error

BINARY_PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
MAX_OPCODES = 100_000
"""Maximum number of opcodes in a pickle. A pickle with more is refused. A tuple of arrays of any size needs fewer than
a hundred."""
UTF_8 = re.compile(rb"[\xc4-\xff]")
WIDE_CHARACTERS = {
    "unicodestring1": UTF_8,
    "unicodestring4": UTF_8,
    "unicodestring8": UTF_8,
    "unicodestringnl": re.compile(rb"\\u(?!00)|\\U"),
}
"""Pattern of the start of a character above U+00FF, by kind of text. Array data stored as text contain no such
character."""
BYTES_PER_WIDE_CHARACTER = 4
"""Maximum bytes of memory per character of a text with a character above U+00FF. Other texts take one byte."""


def is_pickle(head: bytes) -> bool:
    """Return whether a file that begins with these bytes may be a pickle of a tuple or a list."""
    if head[:1] == pickle.PROTO:
        return len(head) > 1 and head[1] in BINARY_PROTOCOLS
    return head[:1] in (pickle.MARK, pickle.EMPTY_LIST)


def read(file: DataFile, memory: MemoryBudget) -> Samples:
    """Return the features and labels of a pickle in this machine's byte order, with class names if there are any.

    Raises:
        Failure: UnsafePickle, UnsupportedType, MissingArrays, TruncatedData, DamagedData or DataTooLarge.
    """
    with file.open() as stream:
        opcodes = Opcodes(stream, file, memory)
        try:
            content = _interpret(opcodes)
        except Failure:
            raise
        except Exception as error:
            if is_machine_error(error):
                raise
            if opcodes.is_truncated:
                raise file.truncated("the pickle ends too early", "it must be complete") from error
            raise _failure(file, error) from error
    names: NamesArray | None = None
    match content:
        case (PickledArray() as features, PickledArray() as labels):
            pass
        case (PickledArray() as features, PickledArray() as labels, (list() | tuple()) as texts):
            names = parse_names(texts, f"{file.name}[2]")
        case _:
            raise bad_data(
                "MissingArrays",
                f"{file.name} holds {_describe(content)}: it must hold a tuple of two numpy arrays, (features, labels)",
            )
    x, y = f"{file.name}[0]", f"{file.name}[1]"
    return Samples.single(features.array(file), labels.array(file), x, y, class_names=names)


def _failure(file: DataFile, error: Exception) -> Failure:
    message = "".join(character if character.isprintable() else "?" for character in str(error)[:MAX_SHOWN])
    match error:
        case UnsafeName():
            advice = "a pickle may hold only numpy arrays; save a tuple of two arrays, (features, labels)"
            return bad_data("UnsafePickle", f"{file.name} refers to {message}: {advice}")
        case NotNumeric():
            return unsupported_type(file.name, message, may_be_text=message in NON_NUMERIC_TYPES.values())
        case _:
            return file.damaged(f"the file is not a valid pickle ({type(error).__name__}: {message})")


class Opcodes:
    """Reads the opcodes of a pickle from a stream, within the size of the file and the memory budget."""

    def __init__(self, stream: BinaryIO, file: DataFile, memory: MemoryBudget) -> None:
        self._stream = stream
        self._file_name = file.name
        self._memory = memory
        self._max_size = file.max_size()
        self._wide_character: re.Pattern[bytes] | None = None
        self.is_truncated = False
        """Whether the stream ended before a read was complete."""

    def read_next(self) -> tuple[pickletools.OpcodeInfo, Any]:
        """Read an opcode and its argument, which is None for an opcode without an argument."""
        self._wide_character = None
        code = self.read(1)
        if code not in OPCODES:
            raise ValueError(f"unknown opcode {code!r}")
        opcode = OPCODES[code]
        if opcode.arg is None:
            return opcode, None
        self._wide_character = WIDE_CHARACTERS.get(opcode.arg.name)
        argument = ARGUMENT_READERS.get(opcode.arg.name, opcode.arg.reader)(self)
        self.is_truncated = self.is_truncated or (opcode.name == "FRAME" and argument > self._max_size)
        return opcode, argument

    def read(self, size: int) -> bytes:
        """Read `size` bytes, or fewer at the end of the stream. Subtract them from the memory budget first."""
        allowed = min(size, self._max_size)
        self._memory.reserve(allowed, self._file_name)
        data = self._stream.read(allowed)
        return self._count(data, complete=len(data) == size)

    def readline(self) -> bytes:
        """Read a line with its newline, which is missing only at the end of the stream. Subtract it from the budget."""
        line = self._stream.readline(self._memory.remaining + 1)
        self._memory.reserve(len(line), self._file_name)
        return self._count(line, complete=line.endswith(b"\n"))

    def _count(self, data: bytes, *, complete: bool) -> bytes:
        self._max_size -= len(data)
        self.is_truncated = self.is_truncated or not complete
        # A single wide character makes the whole text wide.
        if self._wide_character is not None and self._wide_character.search(data):
            self._memory.reserve(BYTES_PER_WIDE_CHARACTER * len(data), self._file_name)
        return data


def _interpret(opcodes: Opcodes) -> object:
    """Interpret a pickle's opcodes to the end, and return the resulting object."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    for _ in range(MAX_OPCODES):
        opcode, argument = opcodes.read_next()
        match opcode.name:
            case "STOP":
                return stack.pop()
            case "MARK":
                marks.append(len(stack))
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                memo[len(memo) if argument is None else argument] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case _:
                begin = _first_operand(opcode, len(stack), marks)
                stack[begin:] = _apply(opcode, argument, stack[begin:])
    raise NotNumeric(f"more than {MAX_OPCODES:,} Python values")


def _first_operand(opcode: pickletools.OpcodeInfo, size: int, marks: list[int]) -> int:
    """Return the stack index of an opcode's first operand. Remove the opcode's mark, if it has one, from `marks`.

    Raises:
        ValueError: If the stack holds too few values.
    """
    operands = opcode.stack_before
    has_mark = pickletools.markobject in operands
    begin = marks.pop() - operands.index(pickletools.markobject) if has_mark else size - len(operands)
    if begin < 0:
        raise ValueError(f"the pickle's stack has too few values for the opcode {opcode.name}")
    return begin


def _apply(opcode: pickletools.OpcodeInfo, argument: Any, operands: list[Any]) -> list[Any]:
    """Return the values that replace an opcode's operands on the stack."""
    match opcode.name:
        case "PROTO" | "FRAME" | "POP" | "POP_MARK":
            return []
        case "DUP":
            return operands * 2
        case "GLOBAL":
            return [replacement_for(*argument.split(" ", 1))]
        case "INST":
            raise UnsafeName(argument.replace(" ", ".", 1))
        case name if name in CONSTRUCTORS:
            return [CONSTRUCTORS[name](*operands)]
        case _ if argument is not None and opcode.stack_after[0] is not pickletools.anyobject:
            return [argument]  # an integer, a float, a text or bytes
    raise ValueError(f"unsupported opcode {opcode.name}")


def _build(target: Any, state: object) -> object:
    target.set_state(state)
    return target


def _extend(target: Any, *items: object) -> object:
    list.extend(target, items)
    return target


def _unchanged(target: object, *_: object) -> object:
    return target


def _describe(content: object) -> str:
    if isinstance(content, tuple | list):
        # Do not format the elements: a list may contain itself, or another list a million times.
        return f"a {type(content).__name__} of {len(content)}: {', '.join(map(_describe_type, content[:4]))}"
    return _describe_type(content)


def _describe_type(content: object) -> str:
    return "one array" if isinstance(content, PickledArray) else f"a {type(content).__name__}"


CONSTRUCTORS: dict[str, Callable[..., object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "TUPLE": lambda *items: items,
    "TUPLE1": lambda *items: items,
    "TUPLE2": lambda *items: items,
    "TUPLE3": lambda *items: items,
    "EMPTY_LIST": list,
    "LIST": lambda *items: list(items),
    "APPEND": _extend,
    "APPENDS": _extend,
    # Items of a dict or a set would be hashed, which reads nested content. No array needs them, so these stay empty.
    "EMPTY_DICT": dict,
    "DICT": lambda *_: {},
    "SETITEM": _unchanged,
    "SETITEMS": _unchanged,
    "EMPTY_SET": set,
    "ADDITEMS": _unchanged,
    "FROZENSET": lambda *_: frozenset(),
    "STACK_GLOBAL": replacement_for,
    "REDUCE": lambda function, arguments: function(*check_tuple(arguments)),
    "BUILD": _build,
}
"""For each opcode that replaces its operands on the stack by one value, the function that computes the value."""
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
ARGUMENT_READERS: dict[str, Callable[[Any], Any]] = {
    "bytearray8": pickletools.read_bytes8,
    "string1": pickletools.read_bytes1,
    "string4": pickletools.read_bytes4,
    "stringnl": lambda file: codecs.escape_decode(pickletools.read_stringnl(file, decode=False))[0],
}
"""Readers by type of argument that return bytes. Those of pickletools would copy the bytes, or decode them to text."""

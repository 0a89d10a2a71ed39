"""Pickles of `(features, labels)` or `(features, labels, class_names)`, read without execution of their code.

A pickle is a program that may call any function. This reader interprets its opcodes, as pickletools describes them. It
accepts only a few names and replaces NumPy's by its own harmless classes. So a hostile pickle finds no function to
call, and cannot deceive NumPy about an array.

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

from epochal_trainer.data.class_names import class_names
from epochal_trainer.data.formats.pickled_arrays import SHOWN, WORDS, NotNumbers, PickledArray, Unsafe, named, tuple_of
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import ClassNames, Samples
from epochal_trainer.data.source import Source, unsupported
from epochal_trainer.lib.failures import Failure, bad_data, is_machine_error

BINARY_PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
MOST_STEPS = 100_000
"""Maximum number of opcodes: a tuple of arrays takes fewer than a hundred, whatever its size."""
UTF_8 = re.compile(rb"[\xc4-\xff]")
WIDE = {
    "unicodestring1": UTF_8,
    "unicodestring4": UTF_8,
    "unicodestring8": UTF_8,
    "unicodestringnl": re.compile(rb"\\u(?!00)|\\U"),
}
"""Pattern of the start of a character above U+00FF, by kind of text. Array data stored as text contain no such
character."""
WIDEST = 4
"""Bytes per character of a text that contains such a character."""


def is_pickle(head: bytes) -> bool:
    """Return whether a file with this beginning may be a pickle of a tuple or a list."""
    if head[:1] == pickle.PROTO:
        return len(head) > 1 and head[1] in BINARY_PROTOCOLS
    return head[:1] in (pickle.MARK, pickle.EMPTY_LIST)


def read(source: Source, memory: Memory) -> Samples:
    """Read a pickle of features and labels, with optional class names as a list of texts.

    Args:
        source: The file.
        memory: Memory budget of the arrays.

    Returns:
        Features and labels in this machine's byte order, with class names if there are any.

    Raises:
        Failure: UnsafePickle, UnsupportedType, MissingArrays, TruncatedData, DamagedData or DataTooLarge.
    """
    with source.opened() as stream:
        program = Program(stream, source, memory)
        try:
            content = _followed(program)
        except Failure:
            raise
        except Exception as error:
            if is_machine_error(error):
                raise
            if program.ended:
                raise source.truncated("the pickle breaks off", "it must be whole") from error
            raise _failure(source, error) from error
    names: ClassNames | None = None
    match content:
        case (PickledArray() as features, PickledArray() as labels):
            pass
        case (PickledArray() as features, PickledArray() as labels, (list() | tuple()) as texts):
            names = class_names(texts, f"{source.name}[2]")
        case _:
            raise bad_data(
                "MissingArrays",
                f"{source.name} holds {_what(content)}: it must hold a tuple of two numpy arrays, (features, labels)",
            )
    x, y = f"{source.name}[0]", f"{source.name}[1]"
    return Samples(features.array(source), labels.array(source), x, y, class_names=names)


def _failure(source: Source, error: Exception) -> Failure:
    said = "".join(character if character.isprintable() else "?" for character in str(error)[:SHOWN])
    match error:
        case Unsafe():
            advice = "a pickle may hold numpy arrays and nothing else; save a tuple of two arrays, (features, labels)"
            return bad_data("UnsafePickle", f"{source.name} names {said}: {advice}")
        case NotNumbers():
            return unsupported(source.name, said, words=said in WORDS.values())
        case _:
            return source.damaged(f"it is no pickle that can be read ({type(error).__name__}: {said})")


class Program:
    """The opcodes in a stream. Reads never exceed the size of the file or the memory budget."""

    def __init__(self, stream: BinaryIO, source: Source, memory: Memory) -> None:
        self._stream = stream
        self._name = source.name
        self._memory = memory
        self._most = source.most()
        self._wide: re.Pattern[bytes] | None = None
        self.ended = False
        """Whether a read went past the end of the stream."""

    def step(self) -> tuple[pickletools.OpcodeInfo, Any]:
        """Read an opcode and its argument, which is None for an opcode without an argument."""
        self._wide = None
        code = self.read(1)
        if code not in OPCODES:
            raise ValueError(f"no step begins with {code!r}")
        opcode = OPCODES[code]
        if opcode.arg is None:
            return opcode, None
        self._wide = WIDE.get(opcode.arg.name)
        argument = READERS.get(opcode.arg.name, opcode.arg.reader)(self)
        self.ended = self.ended or (opcode.name == "FRAME" and argument > self._most)
        return opcode, argument

    def read(self, size: int) -> bytes:
        """Read bytes, with fewer bytes only at the end of the stream."""
        possible = min(size, self._most)
        self._memory.reserve(possible, self._name)
        data = self._stream.read(possible)
        return self._taken(data, whole=len(data) == size)

    def readline(self) -> bytes:
        """Read a line with its newline, which is missing only at the end of the stream."""
        line = self._stream.readline(self._memory.left + 1)
        self._memory.reserve(len(line), self._name)
        return self._taken(line, whole=line.endswith(b"\n"))

    def _taken(self, data: bytes, *, whole: bool) -> bytes:
        self._most -= len(data)
        self.ended = self.ended or not whole
        if self._wide is not None and self._wide.search(data):  # a single wide character makes the whole text wide
            self._memory.reserve(WIDEST * len(data), self._name)
        return data


def _followed(program: Program) -> object:
    """Interpret a pickle's opcodes to the end, and return the resulting object."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    for _ in range(MOST_STEPS):
        opcode, argument = program.step()
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
                begin = _begin(opcode, len(stack), marks)
                stack[begin:] = _left(opcode, argument, stack[begin:])
    raise NotNumbers(f"more than {MOST_STEPS:,} Python values")


def _begin(opcode: pickletools.OpcodeInfo, size: int, marks: list[int]) -> int:
    """Return the stack index of the first value that an opcode takes."""
    takes = opcode.stack_before
    of_marked = pickletools.markobject in takes
    begin = marks.pop() - takes.index(pickletools.markobject) if of_marked else size - len(takes)
    if begin < 0:
        raise ValueError(f"there is too little for a {opcode.name}")
    return begin


def _left(opcode: pickletools.OpcodeInfo, argument: Any, taken: list[Any]) -> list[Any]:
    """Return the values that replace an opcode's operands on the stack."""
    match opcode.name:
        case "PROTO" | "FRAME" | "POP" | "POP_MARK":
            return []
        case "DUP":
            return taken * 2
        case "GLOBAL":
            return [named(*argument.split(" ", 1))]
        case "INST":
            raise Unsafe(argument.replace(" ", ".", 1))
        case name if name in MADE:
            return [MADE[name](*taken)]
        case _ if argument is not None and opcode.stack_after[0] is not pickletools.anyobject:
            return [argument]  # an integer, a float, a text or bytes
    raise ValueError(f"an array needs no {opcode.name}")


def _built(built: Any, state: object) -> object:
    built.set_state(state)
    return built


def _extended(extended: Any, *items: object) -> object:
    list.extend(extended, items)
    return extended


def _first(first: object, *_: object) -> object:
    return first


def _what(content: object) -> str:
    if isinstance(content, tuple | list):
        # Do not format the elements: a list may contain itself, or another list a million times.
        return f"a {type(content).__name__} of {len(content)}: {', '.join(map(_kind, content[:4]))}"
    return _kind(content)


def _kind(content: object) -> str:
    return "one array" if isinstance(content, PickledArray) else f"a {type(content).__name__}"


MADE: dict[str, Callable[..., object]] = {
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
    "APPEND": _extended,
    "APPENDS": _extended,
    # Items of a dict or a set would be hashed, which reads nested content. No array needs them, so these stay empty.
    "EMPTY_DICT": dict,
    "DICT": lambda *_: {},
    "SETITEM": _first,
    "SETITEMS": _first,
    "EMPTY_SET": set,
    "ADDITEMS": _first,
    "FROZENSET": lambda *_: frozenset(),
    "STACK_GLOBAL": named,
    "REDUCE": lambda known, arguments: known(*tuple_of(arguments)),
    "BUILD": _built,
}
"""Functions for the opcodes that replace their operands on the stack by a single value."""
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
READERS: dict[str, Callable[[Any], Any]] = {
    "bytearray8": pickletools.read_bytes8,
    "string1": pickletools.read_bytes1,
    "string4": pickletools.read_bytes4,
    "stringnl": lambda file: codecs.escape_decode(pickletools.read_stringnl(file, decode=False))[0],
}
"""Readers of arguments that pickletools would not read as bytes: this avoids a copy, and supports bytes of Python 2."""

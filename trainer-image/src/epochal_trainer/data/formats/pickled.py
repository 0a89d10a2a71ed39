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
import sys
from collections.abc import Callable
from math import prod
from typing import Any, BinaryIO

import numpy as np

from epochal_trainer.data.class_names import ClassNames, class_names
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, Samples, shaped
from epochal_trainer.data.source import Source, unsupported
from epochal_trainer.lib.failures import Failure, bad_data, of_the_machine

BINARY_PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
MOST_STEPS = 100_000
"""Maximum number of opcodes: a tuple of arrays takes fewer than a hundred, whatever its size."""
MOST_AXES = 64
"""Maximum number of axes of an array, as in NumPy."""
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
BYTE_ORDERS = ("<", ">", "=", "|")
TYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]")
WORDS = {"O": "Python objects", "S": "strings", "U": "strings"}
"""Names for elements of an array that are not numbers, by the first letter of the type."""
SHOWN = 100


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
            if of_the_machine(error):
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
    said = _printable(str(error))
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


class Unsafe(Exception):
    """The error for a pickle with a name that no array needs."""


class NotNumbers(Exception):
    """The error for a pickle with an array that does not hold numbers."""


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
            return [_named(*argument.split(" ", 1))]
        case "INST":
            raise Unsafe(argument.replace(" ", ".", 1))
        case name if name in MADE:
            return [MADE[name](*taken)]
        case _ if argument is not None and opcode.stack_after[0] is not pickletools.anyobject:
            return [argument]  # an integer, a float, a text or bytes
    raise ValueError(f"an array needs no {opcode.name}")


class PickledType:
    """Replaces numpy.dtype during the read of a pickle."""

    def __init__(self, code: object, *_: object) -> None:
        self._code = _text(code)
        if not TYPE_CODE.fullmatch(self._code):
            raise NotNumbers(WORDS.get(self._code[:1], f"elements of type {self._code:.{SHOWN}}"))
        self.dtype = np.dtype(self._code)

    def set_state(self, state: object) -> None:
        """Apply the state that the pickle provides for the type."""
        _, order, subarray, fields, *_ = _tuple(state)
        order = _text(order)
        # np.dtype would parse a longer text as several fields.
        if subarray is not None or fields is not None or order not in BYTE_ORDERS:
            raise NotNumbers("records")
        self.dtype = np.dtype(f"{order}{self._code}")


class PickledArray:
    """Replaces numpy.ndarray during the read of a pickle."""

    def __init__(self, *_: object) -> None:
        self._set(b"", PickledType("u1"))

    def set_state(self, state: object) -> None:
        """Apply the state that the pickle provides for the array."""
        _, shape, kind, fortran, data = _tuple(state)
        self._set(data, kind, shape, "F" if fortran else "C")

    @classmethod
    def from_buffer(cls, *arguments: Any) -> "PickledArray":
        """Return an array from its bytes: replaces NumPy's functions `_frombuffer` and `scalar`."""
        made = cls()
        made._set(*arguments)
        return made

    def _set(self, data: Any, kind: Any, shape: Any = (), order: object = "C", axes: Any = None) -> None:
        if not (isinstance(kind, PickledType) and isinstance(shape, tuple) and isinstance(data, bytes | str)):
            raise TypeError("an array needs a type, a shape and data")
        if len(shape) > MOST_AXES or any(type(size) is not int or not 0 <= size <= sys.maxsize for size in shape):
            raise ValueError(f"an array's shape is up to {MOST_AXES} sizes from 0 on")
        if axes is None and order not in ("C", "F"):
            raise ValueError("an array's order is C or F")
        # A transposed array is stored as an array of another shape, with the order in which to transpose its axes.
        numbers = isinstance(axes, tuple) and all(type(axis) is int for axis in axes)
        if axes is not None and not (order == "K" and numbers and sorted(axes) == list(range(len(shape)))):
            raise ValueError(f"an array of {len(shape)} axes is given an order of other axes")
        self._data, self._dtype, self._shape, self._axes = data, kind.dtype, shape, axes
        self._order: Any = "F" if order == "F" else "C"

    def array(self, source: Source) -> Array:
        """Return the array, without a copy if its bytes are in this machine's byte order."""
        size = prod(self._shape) * self._dtype.itemsize
        if size != len(self._data):
            found = f"an array of {shaped(self._shape)} {self._dtype} takes {size:,} bytes"
            raise source.damaged(f"{found}, and {len(self._data):,} are there")
        try:
            data = self._data.encode("latin-1") if isinstance(self._data, str) else self._data
            flat = np.frombuffer(data, self._dtype) if size else np.empty(0, self._dtype)
            made = flat.astype(self._dtype.newbyteorder("="), copy=False).reshape(self._shape, order=self._order)
            return made if self._axes is None else made.transpose(self._axes)
        except ValueError as error:
            raise source.damaged(str(error)) from error


def _named(module: object, name: object) -> Callable[..., object]:
    """Return the replacement for a name in the pickle.

    Raises:
        Unsafe: If no array needs the name.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError("a name must be a text")
    known = KNOWN.get((module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins"), name))
    if known is None:
        raise Unsafe(f"{module}.{name}")
    return known


def _built(built: Any, state: object) -> object:
    built.set_state(state)
    return built


def _extended(extended: Any, *items: object) -> object:
    list.extend(extended, items)
    return extended


def _ndarray(*_: object) -> None:
    raise Unsafe("numpy.ndarray as a function")


def _first(first: object, *_: object) -> object:
    return first


def _items(*items: object) -> tuple[object, ...]:
    return items


def _tuple(value: object) -> tuple[Any, ...]:
    # tuple() would split text or bytes into an object per element.
    if not isinstance(value, tuple):
        raise TypeError(f"a tuple must be there, found {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, bytes | str):
        raise TypeError(f"an array's type must be named by a text, found {type(value).__name__}")
    return value.decode("ascii") if isinstance(value, bytes) else value


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:SHOWN])


def _what(content: object) -> str:
    if isinstance(content, tuple | list):
        # Do not format the elements: a list may contain itself, or another list a million times.
        return f"a {type(content).__name__} of {len(content)}: {', '.join(map(_kind, content[:4]))}"
    return _kind(content)


def _kind(content: object) -> str:
    return "one array" if isinstance(content, PickledArray) else f"a {type(content).__name__}"


KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _ndarray,
    ("numpy", "dtype"): PickledType,
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy.core.multiarray", "scalar"): PickledArray.from_buffer,
    ("numpy.core.numeric", "_frombuffer"): PickledArray.from_buffer,
    ("_codecs", "encode"): _first,  # PickledArray encodes its text only once, however many times the pickle encodes it
    ("builtins", "bytes"): lambda: b"",
}
"""Replacements for the names that a pickle of arrays may use, as of NumPy 1 and Python 3."""
MADE: dict[str, Callable[..., object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "TUPLE": _items,
    "TUPLE1": _items,
    "TUPLE2": _items,
    "TUPLE3": _items,
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
    "STACK_GLOBAL": _named,
    "REDUCE": lambda known, arguments: known(*_tuple(arguments)),
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

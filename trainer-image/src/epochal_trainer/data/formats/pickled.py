"""Pickles of `(features, labels)`, or of `(features, labels, class_names)`, read without running what they say.

A pickle is a program that may call anything. This reader follows it step by step, as pickletools describes the steps,
but knows a handful of names only and puts its own harmless parts in the place of numpy's: a hostile pickle finds
nothing to call, and cannot lie to numpy about an array. The standard library's own unpickler takes the memory that a
pickle claims before it looks for data, and numpy believes what a pickle says of a type, addresses of objects included.
A few bytes of it can build a tuple that holds 2^100 others: nothing looks into what it holds, not even for a message.
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
"""Steps of a pickle's program: a tuple of arrays takes less than a hundred, whatever its size."""
MOST_AXES = 64
"""Axes of an array, as many as numpy has."""
UTF_8 = re.compile(rb"[\xc4-\xff]")
WIDE = {
    "unicodestring1": UTF_8,
    "unicodestring4": UTF_8,
    "unicodestring8": UTF_8,
    "unicodestringnl": re.compile(rb"\\u(?!00)|\\U"),
}
"""Begins a character beyond U+00FF, which no array has that was written as text, by the kind of text."""
WIDEST = 4
"""Bytes that each character of a text takes if one of them is wide."""
BYTE_ORDERS = ("<", ">", "=", "|")
TYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]")
WORDS = {"O": "Python objects", "S": "strings", "U": "strings"}
"""What an array may hold in place of class indices, by the first letter of its type."""
SHOWN = 100


def is_pickle(head: bytes) -> bool:
    """Whether a file that begins so may be a pickle of a tuple or a list."""
    if head[:1] == pickle.PROTO:
        return len(head) > 1 and head[1] in BINARY_PROTOCOLS
    return head[:1] in (pickle.MARK, pickle.EMPTY_LIST)


def read(source: Source, memory: Memory) -> Samples:
    """Reads a pickle of features and labels, and of the names of the classes as a list of texts, if they are there.

    Args:
        source: The file.
        memory: What the arrays may take.

    Returns:
        Features and labels, in this machine's byte order.

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
    """The steps in a stream: never more than it can hold and memory has room for, whatever is asked of it."""

    def __init__(self, stream: BinaryIO, source: Source, memory: Memory) -> None:
        self._stream = stream
        self._name = source.name
        self._memory = memory
        self._most = source.most()
        self._wide: re.Pattern[bytes] | None = None
        self.ended = False
        """Whether more was asked for than there is."""

    def step(self) -> tuple[pickletools.OpcodeInfo, Any]:
        """Reads a step and its argument, None if it has none."""
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
        """Reads bytes, fewer only at the end."""
        possible = min(size, self._most)
        self._memory.reserve(possible, self._name)
        data = self._stream.read(possible)
        return self._taken(data, whole=len(data) == size)

    def readline(self) -> bytes:
        """Reads a line with its end; without it only where the stream ends."""
        line = self._stream.readline(self._memory.left + 1)
        self._memory.reserve(len(line), self._name)
        return self._taken(line, whole=line.endswith(b"\n"))

    def _taken(self, data: bytes, *, whole: bool) -> bytes:
        self._most -= len(data)
        self.ended = self.ended or not whole
        if self._wide is not None and self._wide.search(data):  # one wide character makes all of a text wide
            self._memory.reserve(WIDEST * len(data), self._name)
        return data


class Unsafe(Exception):
    """A pickle names what no array needs."""


class NotNumbers(Exception):
    """A pickle holds an array of something else than numbers."""


def _followed(program: Program) -> object:
    """Follows a pickle's program to its end, and returns what it leaves."""
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
    """Returns where in a stack of some size begins what a step takes from it."""
    takes = opcode.stack_before
    of_marked = pickletools.markobject in takes
    begin = marks.pop() - takes.index(pickletools.markobject) if of_marked else size - len(takes)
    if begin < 0:
        raise ValueError(f"there is too little for a {opcode.name}")
    return begin


def _left(opcode: pickletools.OpcodeInfo, argument: Any, taken: list[Any]) -> list[Any]:
    """Returns what a step leaves on the stack in place of what it takes."""
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
            return [argument]  # a number, a text or bytes
    raise ValueError(f"an array needs no {opcode.name}")


class PickledType:
    """Stands for numpy.dtype while a pickle is read."""

    def __init__(self, code: object, *_: object) -> None:
        self._code = _text(code)
        if not TYPE_CODE.fullmatch(self._code):
            raise NotNumbers(WORDS.get(self._code[:1], f"elements of type {self._code:.{SHOWN}}"))
        self.dtype = np.dtype(self._code)

    def set_state(self, state: object) -> None:
        """Takes what follows the type in the pickle."""
        _, order, subarray, fields, *_ = _tuple(state)
        order = _text(order)
        if subarray is not None or fields is not None or order not in BYTE_ORDERS:  # numpy reads more out of a text
            raise NotNumbers("records")
        self.dtype = np.dtype(f"{order}{self._code}")


class PickledArray:
    """Stands for numpy.ndarray while a pickle is read."""

    def __init__(self, *_: object) -> None:
        self._set(b"", PickledType("u1"))

    def set_state(self, state: object) -> None:
        """Takes what follows the array in the pickle."""
        _, shape, kind, fortran, data = _tuple(state)
        self._set(data, kind, shape, "F" if fortran else "C")

    @classmethod
    def from_buffer(cls, *arguments: Any) -> "PickledArray":
        """Stands for numpy's function of this name, and for that of a single number."""
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
        # The bytes of a transposed array lie as those of another shape, whose axes are put into this order.
        numbers = isinstance(axes, tuple) and all(type(axis) is int for axis in axes)
        if axes is not None and not (order == "K" and numbers and sorted(axes) == list(range(len(shape)))):
            raise ValueError(f"an array of {len(shape)} axes is given an order of other axes")
        self._data, self._dtype, self._shape, self._axes = data, kind.dtype, shape, axes
        self._order: Any = "F" if order == "F" else "C"

    def array(self, source: Source) -> Array:
        """Returns the array, without a copy where its bytes are in this machine's order."""
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
    """Returns what stands in the place of a name.

    Raises:
        Unsafe: If no array needs that name.
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
    # Text or bytes would come apart into as many objects as they are long.
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
        # Never what is in the parts: a list may hold itself, or another one a million times.
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
    ("_codecs", "encode"): _first,  # an array turns its text into bytes once, however often a pickle asks for it
    ("builtins", "bytes"): lambda: b"",
}
"""Names that a pickle of arrays may use, as of numpy 1 and Python 3, and what stands in their place."""
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
    # What goes into a dict or a set is looked into, for its hash, and no array is in one: these stay empty.
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
"""Steps that leave one value, which is made of what they take from the stack."""
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
READERS: dict[str, Callable[[Any], Any]] = {
    "bytearray8": pickletools.read_bytes8,
    "string1": pickletools.read_bytes1,
    "string4": pickletools.read_bytes4,
    "stringnl": lambda file: codecs.escape_decode(pickletools.read_stringnl(file, decode=False))[0],
}
"""Arguments that pickletools reads into something else than bytes: a copy more, and none of Python 2's bytes."""

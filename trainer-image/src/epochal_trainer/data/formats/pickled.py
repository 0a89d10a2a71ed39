"""Pickles of `(features, labels)`, of any numpy, read without running what they say.

A pickle is a program that may call anything. This reader follows it, but knows a handful of names only and puts its own
harmless parts in the place of numpy's: a hostile pickle finds nothing to call, and cannot lie to numpy about an array.
A few bytes of it can build a tuple that holds 2^100 others: nothing looks into what it holds, not even for a message.
"""

import pickle
import re
import struct
import sys
from collections.abc import Callable
from math import prod
from typing import Any, BinaryIO, ClassVar, NamedTuple

import numpy as np

from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, Samples, shaped
from epochal_trainer.data.source import Source, unsupported
from epochal_trainer.lib.failures import Failure, bad_data, of_the_machine

BINARY_PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
MOST_STEPS = 100_000
"""Steps of a pickle's program: a tuple of arrays takes less than a hundred, whatever its size."""
MOST_AXES = 64
"""Axes of an array, as many as numpy has."""
WIDE = {"utf-8": re.compile(rb"[\xc4-\xff]"), "raw-unicode-escape": re.compile(rb"\\u(?!00)|\\U")}
"""Begins a character beyond U+00FF, which no array has that was written as text, by encoding."""
WIDEST = 4
"""Bytes that each character of a text takes if one of them is wide."""
BYTE_ORDERS = ("<", ">", "=", "|")
TYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]")
SHOWN = 100

Unpickler: Any = pickle._Unpickler  # noqa: SLF001
"""The standard library's own in Python: the one in C takes the memory that a pickle claims before it looks for data."""


def is_pickle(head: bytes) -> bool:
    """Whether a file that begins so may be a pickle of a tuple or a list."""
    if head[:1] == pickle.PROTO:
        return len(head) > 1 and head[1] in BINARY_PROTOCOLS
    return head[:1] in (pickle.MARK, pickle.EMPTY_LIST)


def read(source: Source, memory: Memory) -> Samples:
    """Reads a pickle of features and labels.

    Args:
        source: The file.
        memory: What the arrays may take.

    Returns:
        Features and labels, in this machine's byte order.

    Raises:
        Failure: UnsafePickle, UnsupportedType, MissingArrays, TruncatedData, DamagedData or DataTooLarge.
    """
    with source.opened() as stream:
        bounded = Bounded(stream, source, memory)
        try:
            content = Reader(bounded).load()
        except Failure:
            raise
        except Exception as error:
            if of_the_machine(error):
                raise
            if bounded.ended:
                raise source.truncated("the pickle breaks off", "it must be whole") from error
            raise _failure(source, error) from error
    match content:
        case (PickledArray() as features, PickledArray() as labels):
            x, y = f"{source.name}[0]", f"{source.name}[1]"
            return Samples(features.array(source), labels.array(source), x, y)
    raise bad_data(
        "MissingArrays",
        f"{source.name} holds {_what(content)}: it must hold a tuple of two numpy arrays, (features, labels)",
    )


def _failure(source: Source, error: Exception) -> Failure:
    said = _printable(str(error))
    match error:
        case Unsafe():
            advice = "a pickle may hold numpy arrays and nothing else; save a tuple of two arrays, (features, labels)"
            return bad_data("UnsafePickle", f"{source.name} names {said}: {advice}")
        case NotNumbers():
            return unsupported(source.name, said)
        case _:
            return source.damaged(f"it is no pickle that can be read ({type(error).__name__}: {said})")


class Bounded:
    """A stream that never gives more than it can hold and memory has room for, whatever is asked of it."""

    def __init__(self, stream: BinaryIO, source: Source, memory: Memory) -> None:
        self._stream = stream
        self._name = source.name
        self._memory = memory
        self._most = source.most()
        self.ended = False
        """Whether more was asked for than there is."""

    def read(self, size: int) -> bytes:
        """Reads bytes, fewer only at the end."""
        possible = min(size, self._most)
        self._memory.reserve(possible, self._name)
        data = self._stream.read(possible)
        self._most -= len(data)
        self.ended = self.ended or len(data) < size
        return data

    def reserve(self, size: int) -> None:
        """Takes bytes out of the budget that are needed beside those that are read."""
        self._memory.reserve(size, self._name)

    def readline(self) -> bytes:
        """Reads a line with its end; without it only where the stream ends."""
        line = self._stream.readline(self._memory.left + 1)
        self._memory.reserve(len(line), self._name)
        self._most -= len(line)
        self.ended = self.ended or not line.endswith(b"\n")
        return line


class Unsafe(Exception):
    """A pickle names what no array needs."""


class NotNumbers(Exception):
    """A pickle holds an array of something else than numbers."""


class PickledType:
    """Stands for numpy.dtype while a pickle is read."""

    def __init__(self, code: object, *_: object) -> None:
        self._code = _text(code)
        if not TYPE_CODE.fullmatch(self._code):
            kinds = {"O": "Python objects", "S": "strings", "U": "strings"}
            raise NotNumbers(kinds.get(self._code[:1], f"elements of type {self._code:.{SHOWN}}"))
        self.dtype = np.dtype(self._code)

    def __setstate__(self, state: object) -> None:
        _, order, subarray, fields, *_ = _tuple(state)
        order = _text(order)
        if subarray is not None or fields is not None or order not in BYTE_ORDERS:  # numpy reads more out of a text
            raise NotNumbers("records")
        self.dtype = np.dtype(f"{order}{self._code}")


class PickledArray:
    """Stands for numpy.ndarray while a pickle is read."""

    def __init__(self, *_: object) -> None:
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype("u1")
        self._order: Any = "C"
        self._axes: tuple[int, ...] | None = None
        self._data: bytes | str = b""

    def __setstate__(self, state: object) -> None:
        _, shape, kind, fortran, data = _tuple(state)
        self._set(data, kind, shape, "F" if fortran else "C")

    @classmethod
    def from_buffer(
        cls, data: object, kind: object, shape: object = (), order: object = "C", axes: object = None
    ) -> "PickledArray":
        """Stands for numpy's function of this name, and for that of a single number."""
        made = cls()
        if axes is None:
            made._set(data, kind, shape, order)
        else:  # The bytes of a transposed array lie as those of another shape, whose axes are put into this order.
            made._permuted(data, kind, shape, order, axes)
        return made

    def _permuted(self, data: object, kind: object, shape: object, order: object, axes: object) -> None:
        if order != "K" or not isinstance(axes, tuple) or not isinstance(shape, tuple):
            raise TypeError("the axes of a transposed array need its shape, and the order K")
        if any(type(axis) is not int for axis in axes) or sorted(axes) != list(range(len(shape))):
            raise ValueError(f"an array of {len(shape)} axes is given an order of other axes")
        self._set(data, kind, shape, "C")
        self._axes = axes

    def _set(self, data: object, kind: object, shape: object, order: object) -> None:
        if not isinstance(kind, PickledType) or not isinstance(shape, tuple) or order not in ("C", "F"):
            raise TypeError("an array needs a type, a shape and an order")
        if len(shape) > MOST_AXES or any(type(size) is not int or not 0 <= size <= sys.maxsize for size in shape):
            raise ValueError(f"an array's shape is up to {MOST_AXES} sizes from 0 on")
        if not isinstance(data, bytes | str):
            raise TypeError(f"an array's data must be bytes, found {type(data).__name__}")
        self._data, self._dtype, self._shape, self._order = data, kind.dtype, shape, order

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


class Known(NamedTuple):
    """A name that a pickle of arrays may use, and what stands in its place. It has no attributes that could be set."""

    call: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Does what stands in the name's place."""
        return self.call(*arguments)


def _ndarray(*_: object) -> None:
    raise Unsafe("numpy.ndarray as a function")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:SHOWN])


def _text(value: object) -> str:
    if not isinstance(value, bytes | str):
        raise TypeError(f"an array's type must be named by a text, found {type(value).__name__}")
    return value.decode("ascii") if isinstance(value, bytes) else value


def _tuple(value: object) -> tuple[Any, ...]:
    # Text or bytes would come apart into as many objects as they are long.
    if not isinstance(value, tuple):
        raise TypeError(f"a tuple must be there, found {type(value).__name__}")
    return value


def _as_it_is(text: object, *_: object) -> object:
    """Stands for the encoding of text as bytes: an array does it once, however often a pickle asks for it."""
    return text


KNOWN = {
    ("numpy", "ndarray"): Known(_ndarray),
    ("numpy", "dtype"): Known(PickledType),
    ("numpy.core.multiarray", "_reconstruct"): Known(PickledArray),
    ("numpy.core.multiarray", "scalar"): Known(PickledArray.from_buffer),
    ("numpy.core.numeric", "_frombuffer"): Known(PickledArray.from_buffer),
    ("_codecs", "encode"): Known(_as_it_is),
    ("builtins", "bytes"): Known(lambda: b""),
}
RENAMED = {"numpy._core.multiarray": "numpy.core.multiarray", "numpy._core.numeric": "numpy.core.numeric"}
"""Modules of numpy 2, by their names in numpy 1."""


def _counted(step: Callable[[Any], None]) -> Callable[[Any], None]:
    def counted(reader: "Reader") -> None:
        reader.steps += 1
        if reader.steps > MOST_STEPS:
            raise NotNumbers(f"more than {MOST_STEPS:,} Python values")
        step(reader)

    return counted


def _load_bytes(reader: Any) -> None:
    (size,) = struct.unpack("<Q", reader.read(8))
    reader.append(reader.read(size))


def _load_text(prefix: str) -> Callable[[Any], None]:
    head = struct.Struct(prefix)

    def load(reader: Any) -> None:
        (size,) = head.unpack(reader.read(head.size))
        reader.append(reader.text(reader.read(size), "utf-8"))

    return load


def _load_line(reader: Any) -> None:
    reader.append(reader.text(reader.readline()[:-1], "raw-unicode-escape"))


def _load_reduce(reader: Any) -> None:
    arguments = _tuple(reader.stack.pop())
    reader.stack[-1] = reader.stack[-1](*arguments)


def _load_build(reader: Any) -> None:
    state = reader.stack.pop()
    built = reader.stack[-1]
    if not isinstance(built, PickledType | PickledArray):
        raise TypeError(f"{_kind(built)} has no state")
    built.__setstate__(state)


def _passing_over(kind: Callable[[], Any] | None = None) -> Callable[[Any], None]:
    def load(reader: Any) -> None:
        reader.pop_mark()
        if kind is not None:
            reader.append(kind())

    return load


def _load_setitem(reader: Any) -> None:
    del reader.stack[-2:]


OWN: dict[bytes, Callable[[Any], None]] = {
    pickle.BYTEARRAY8: _load_bytes,
    pickle.UNICODE: _load_line,
    pickle.BINUNICODE: _load_text("<I"),
    pickle.BINUNICODE8: _load_text("<Q"),
    pickle.REDUCE: _load_reduce,
    pickle.BUILD: _load_build,
    # What goes into a dict or a set is looked into, for its hash, and no array is in one: these stay empty.
    pickle.DICT: _passing_over(dict),
    pickle.SETITEM: _load_setitem,
    pickle.SETITEMS: _passing_over(),
    pickle.ADDITEMS: _passing_over(),
    pickle.FROZENSET: _passing_over(frozenset),
}
"""Steps that cost no more than they read, in place of the standard library's."""
NEVER = {pickle.NEWOBJ, pickle.NEWOBJ_EX}
"""Steps that make an object of a class: there is none to be had."""


class Reader(Unpickler):  # type: ignore[misc]
    """Reads arrays, their types, numbers and plain containers; refuses everything else by name."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code: _counted(step)
        for code, step in (Unpickler.dispatch | {code[0]: step for code, step in OWN.items()}).items()
        if bytes([code]) not in NEVER
    }

    def __init__(self, file: Bounded) -> None:
        super().__init__(file, encoding="bytes")
        self.steps = 0
        self._file = file

    def text(self, encoded: bytes, encoding: str) -> str:
        """Decodes a text, if there is room for it: one wide character makes all of it wide."""
        if WIDE[encoding].search(encoded):
            self._file.reserve(WIDEST * len(encoded))
        return str(encoded, encoding, "surrogatepass")

    def find_class(self, module: str, name: str) -> Known:
        """Returns what stands in the place of a name; called by the unpickler.

        Raises:
            Unsafe: If no array needs that name.
        """
        now = "builtins" if module == "__builtin__" else RENAMED.get(module, module)
        if (now, name) not in KNOWN:
            raise Unsafe(f"{module}.{name}")
        return KNOWN[now, name]


def _what(content: object) -> str:
    if isinstance(content, tuple | list):
        # Never what is in the parts: a list may hold itself, or another one a million times.
        return f"a {type(content).__name__} of {len(content)}: {', '.join(map(_kind, content[:4]))}"
    return _kind(content)


def _kind(content: object) -> str:
    return "one array" if isinstance(content, PickledArray) else f"a {type(content).__name__}"

"""Asks the user about the data, for `epochal init` without a file, and describes the data by the answers."""

import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from epochal.environment import Environment
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.init.description import DataDescription, Features, Labels

_T = TypeVar("_T")
_MAX_TRIES = 5
_MAX_ANSWER = 512
_KINDS: Mapping[str, Literal["bytes", "numbers", "texts"]] = {
    "table": "numbers",
    "gray": "bytes",
    "color": "bytes",
    "text": "texts",
}


def ask_for_data(environment: Environment) -> DataDescription:
    """Ask the user about the data, and return the description of the data from the answers.

    Raises:
        EpochalError: If standard input ends, or _MAX_TRIES answers to a question are invalid.
    """
    kind = _ask(environment, f"What is a sample? ({', '.join(_KINDS)})", "table", _one_of(*_KINDS))
    shape: tuple[int, ...] = ()
    if kind == "table":
        shape = (_ask(environment, "How many columns of numbers does a sample have?", "", _count),)
    elif kind != "text":
        height, width = _ask(environment, "How many pixels, as HEIGHTxWIDTH?", "28x28", _sides)
        shape = (height, width, 1 if kind == "gray" else 3)
    task = _ask(environment, "What shall the network predict? (class, number)", "class", _one_of("class", "number"))
    if task == "class":
        labels = Labels("classes", _ask(environment, "How many classes are there?", "10", _count))
    else:
        labels = Labels("numbers", _ask(environment, "How many numbers are there?", "1", _count))
    key = _ask(environment, "Which object of the bucket has the arrays x and y?", "train.npz", str)
    return DataDescription(
        source="answers",
        features=Features(shape, _KINDS[kind]),
        labels=labels,
        samples=None,
        size=None,
        train={"object": key},
        files=(key,),
    )


def _ask(environment: Environment, question: str, default: str, parse: Callable[[str], _T]) -> _T:
    """Ask a question up to _MAX_TRIES times until the answer is valid, and return the parsed answer."""
    for _ in range(_MAX_TRIES):
        print(f"{question} [{default}] " if default else f"{question} ", end="", file=environment.stderr, flush=True)
        line = environment.stdin.readline(_MAX_ANSWER)
        if not line:
            break
        try:
            return parse(line.strip() or default)
        except ValueError as error:
            environment.warn(str(error))
    raise EpochalError("no answer", "Give the data as an argument: epochal init DATA", exit_code=ExitCode.USAGE)


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        found = [value for value in values if text and value.startswith(text.lower())]
        if len(found) != 1:
            raise ValueError(f"Answer with {' or '.join(values)}.")
        return found[0]

    return parse


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text):
        raise ValueError("Answer with a whole number from 1.")
    return int(text)


def _sides(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,3}) ?[x×,] ?([1-9][0-9]{0,3})", text)
    if match is None:
        raise ValueError("Answer with two whole numbers, such as 28x28.")
    return int(match[1]), int(match[2])

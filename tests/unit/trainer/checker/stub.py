"""A process in place of the zygote: it has no Keras, and each question is an order."""

import json
import os
import socket
import sys
import time

from epochal_trainer.checker import forks
from epochal_trainer.checker.forks import InvalidQuestion, limit_memory, serve
from epochal_trainer.checker.frames import send_frame

LIMIT_SECONDS = 1.0

remembered: list[str] = []


def answer(question: bytes) -> bytes:
    order = question.decode()
    if order.startswith("{"):
        order = json.loads(order)["order"]
    match order.split():
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["spin"]:
            sum(range(10**12))  # no Python runs meanwhile
        case ["map", size]:
            bytearray(int(size))
        case ["exit"]:
            os._exit(1)
        case ["invalid"]:
            raise InvalidQuestion("network: must be a network")
        case ["bug"]:
            raise KeyError(order)
        case ["pid"]:
            return str(os.getppid()).encode()
    remembered.append(order)
    return " ".join(remembered).encode()


if __name__ == "__main__":
    forks.LIMIT_SECONDS = LIMIT_SECONDS
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.setblocking(True)  # noqa: FBT003 - the name of the argument is `flag`
    data = limit_memory()
    send_frame(connection, b"ready")
    serve(connection, answer, data)

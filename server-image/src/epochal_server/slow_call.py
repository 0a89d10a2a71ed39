"""Reports calls of the model and of worker threads that take too long."""


def slow_call_message(call: str, lasts: float, expected: float, *, seconds: float, factor: float) -> str | None:
    """Return an error message if a running call is too slow, else None.

    A call is too slow once it takes longer than `seconds` and longer than `factor` times its expected time.

    Args:
        call: The name of the call, with which the message begins.
        lasts: Seconds since the call began.
        expected: Expected seconds of the call, or 0 if they are unknown.
        seconds: Minimum of the limit, for first calls and short calls.
        factor: Factor of the expected seconds.
    """
    limit = max(seconds, factor * expected)
    if lasts <= limit:
        return None
    return (
        f"{call} takes too long: {lasts:.0f} s so far, expected at most {limit:.0f} s: send fewer or smaller samples, "
        "or raise spec.resources.limits.cpu of the ModelServer"
    )

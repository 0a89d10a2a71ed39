"""The command line, before a run has begun."""

import subprocess
import sys

ENDED_IN_A_CALLBACK = """
import signal, weakref
from epochal_trainer import __main__ as command_line, commands

def app():
    class Thing: pass
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
    del thing  # whatever the callback raises is passed over, as in those of imports
    print("goes on")

commands.app = app
command_line.main()
"""


def test_sigterm_ends_the_process_inside_a_callback() -> None:
    done = subprocess.run([sys.executable, "-c", ENDED_IN_A_CALLBACK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (143, "")

"""`make bench-studio`: measures the pages and the back end of Studio, and writes its part of RESULTS.md."""

from collections.abc import Callable

from tests.bench.command import measure
from tests.bench.figures import Figure
from tests.bench.studio.compared import compared
from tests.bench.studio.crowd import crowd
from tests.bench.studio.curves import curves
from tests.bench.studio.first_list import first_list
from tests.bench.studio.keyboard import keyboard
from tests.bench.studio.modeler import modeler
from tests.bench.studio.recovery import recovery
from tests.bench.studio.runs_list import runs_list

ROWS: dict[str, Callable[[], list[Figure]]] = {
    "first-list": first_list,
    "list": runs_list,
    "compared": compared,
    "curves": curves,
    "modeler": modeler,
    "recovery": recovery,
    "crowd": crowd,
    "keyboard": keyboard,
}
HOW = """\
Method: Chromium with software rendering shows the built pages of Studio's own process, beside a fake API server and an
S3 service on the loopback address; median (least-greatest, runs). A time in a page begins with the navigation or the
event, and ends with the frame after the page has the result. The work of the main thread is the duration of its tasks,
from the developer tools. A browser of the crowd is a client that reads the stream. The checker of the modeler is a
process of this machine; its baseline are the same networks without a page. The list of 1,000
runs of the local cluster and the keyboard use the installed Studio, by a port-forward. For the list, each page has
another token, so that no watch is shared. The rows of recovery cut a relay of TCP connections, and end the process of
Studio. The keys include Tab. After an arrow key 0.1 s pass, the time in which a person looks.
"""

if __name__ == "__main__":
    measure("studio", __doc__, ROWS, HOW)

"""Ledgers as large as the API server admits, which no operator writes."""

import base64
import gzip
import zlib
from collections.abc import Sequence

from epochal_api.experiment.spec import MAX_TRIALS
from epochal_operator.experiment.ledger.encoding import MAX_DECOMPRESSED_BYTES, MAX_LEDGER_BYTES
from epochal_operator.experiment.ledger.events import MAX_EVENTS

RUNGS_OF_ONE_TRIAL: tuple[str, ...] = ('["Finished",0,{},1,"0.5","u",1,false]',)
HOSTILE: tuple[tuple[str, ...], ...] = (
    RUNGS_OF_ONE_TRIAL,
    ('["Started",0,0,"{}"]',),
    ('["Created",{},{{}},0]',),
    ('["Created",{},{{"rate":"0.1"}},0]', '["Finished",{},0,1,"0.5","u",1,false]'),
    ('["Dropped",0]',),
    ("12",),
    ('["Later"]',),
    ('["Created",{},{{"rate":"' + "9" * 250 + '"}},0]', '["Finished",{},0,1,"0.5","u",1,false]'),
    ('["Created",{},{{"rate":"' + "9" * 125_000 + '"}},0]', '["Finished",{},0,1,"0.5","u",1,false]'),
)
"""Lines that a ledger of the largest size repeats, with a number in place of {}."""
_WINDOW = 16 + zlib.MAX_WBITS
_PIECE = 2**20
_LEFT = 4096
"""Bytes of the end of a gzip stream, beside those of its last piece."""


def hostile(first: list[str], lines: tuple[str, ...]) -> str:
    """Returns a ledger of the largest size: its first lines, then other lines again and again."""
    found, size = list(first), sum(len(item) + 1 for item in first)
    for number in range(MAX_TRIALS - 1 if any("Created" in line for line in lines) else MAX_EVENTS):
        added = [line.format(number) for line in lines]
        size += sum(len(item) + 1 for item in added)
        if size > MAX_DECOMPRESSED_BYTES or len(found) + len(added) > MAX_EVENTS:
            break
        found += added
    while len(data := packed("\n".join([*found, ""]))) > MAX_LEDGER_BYTES:
        del found[len(found) * 3 // 4 :]
    return data


def bomb(first: Sequence[str], line: str) -> str:
    """Returns a ledger of MAX_LEDGER_BYTES that unpacks to a thousand times as many."""
    gzipped = zlib.compressobj(9, zlib.DEFLATED, _WINDOW)
    content = gzipped.compress("\n".join([*first, ""]).encode())
    piece = f"{line}\n".encode() * (_PIECE // (len(line) + 1))
    while len(content) < MAX_LEDGER_BYTES * 3 // 4 - _LEFT:
        content += gzipped.compress(piece) + gzipped.flush(zlib.Z_SYNC_FLUSH)
    return base64.b64encode(content + gzipped.flush()).decode()


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(errors="surrogatepass"), 6, mtime=0)).decode()

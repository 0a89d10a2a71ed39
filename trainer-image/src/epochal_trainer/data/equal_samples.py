"""Counts equal samples within a data set and in two data sets, and warns about samples in two sets.

Metrics of samples that the network was trained on are too good. Samples are compared by a digest of all inputs and
outputs. To limit the memory, only samples with a digest up to a limit are compared if a set is large. The limit is the
same for all sets, so that equal samples are in the comparison of both sets.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from epochal_api.data_summary import DataSummary, FoundSamples, SetName, SharedSamples
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.texts import as_characters
from epochal_trainer.lib.failures import training_warning

MAX_DIGESTS = 2**17
"""Maximum number of digests of a data set that are compared: the smallest digests. They take 1 MiB."""
MIN_SHARED = 2
"""Minimum number of samples in both sets for the warning Leakage: one equal pair is common in small tables."""
MIN_SHARED_SHARE = 0.01
"""Fraction of a data set above which shared samples cause the warning Leakage. Fewer hardly change its metrics."""
_WORD = np.dtype(np.uint64)
_BLOCK_WORDS = 2**16
"""Words to process at a time: they stay in the cache of a core."""
_CHUNK_WORDS = 4096
"""Maximum number of words of a sample with a random factor of their own in the hash."""
_SPLIT_MIX = (30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)
"""Shifts and factors of the hash SplitMix64."""
_NAMES: Mapping[SetName, str] = {"train": "training", "validation": "validation", "test": "test"}


def find_equal_samples(
    sets: Mapping[SetName, Samples],
) -> tuple[dict[SetName, FoundSamples], list[SharedSamples]]:
    """Return the number of samples that occur several times in a data set, and the number that two sets share.

    For a pair of sets, the result is the number of samples of the later set that are also in the earlier set. The first
    set is the training set.
    """
    types = [_common_type(arrays) for arrays in zip(*map(_arrays, sets.values()), strict=True)]
    sampled = {name: _smallest_digests(samples, types) for name, samples in sets.items()}
    limit = min(limit for limit, _ in sampled.values())
    digests = {name: np.sort(found[found <= limit]) for name, (_, found) in sampled.items()}
    repeated = {name: FoundSamples(checked=found.size, found=_count_repeated(found)) for name, found in digests.items()}
    shared = [
        SharedSamples(
            set=name,
            other=other,
            checked=digests[name].size,
            found=_count_shared(digests[name], digests[other]),
        )
        for other, name in combinations(sets, 2)
    ]
    return repeated, shared


def _count_repeated(found: Array) -> int:
    """Return the number of elements of a sorted array that have an equal element, each occurrence counted."""
    is_equal = found[1:] == found[:-1]
    return int(np.count_nonzero(np.append(is_equal, False) | np.append(False, is_equal)))


def _count_shared(found: Array, other: Array) -> int:
    """Return the number of elements of the array `found` that are also in `other`. Both are sorted."""
    if not other.size:
        return 0
    positions = np.searchsorted(other, found).clip(max=other.size - 1)
    return int(np.count_nonzero(other[positions] == found))


def check_leakage(summary: DataSummary) -> Iterator[TrainingWarning]:
    """Yield a warning if two data sets share more than MIN_SHARED_SHARE of the later set's samples."""
    found = [
        f"{each.found / each.checked:.1%} of the {_NAMES[each.set]} samples ({each.found:,} of {each.checked:,}"
        f"{'' if each.checked == getattr(summary, each.set).samples else ' that were checked'}) are also in the "
        f"{_NAMES[each.other]} part"
        for each in summary.shared
        if each.found >= MIN_SHARED and each.found > MIN_SHARED_SHARE * each.checked
    ]
    if found:
        repeated = summary.train.repeated
        share = repeated.found / max(repeated.checked, 1)
        yield training_warning(
            "Leakage",
            f"{', and '.join(found)}. Metrics of samples that were trained on are too good: remove duplicates before "
            "the data are divided, and augment samples only after that. In a table with few different values this is "
            f"normal: {share:.1%} of the training samples occur several times",
        )


def _arrays(samples: Samples) -> list[Array]:
    return [array.values for array in (*samples.inputs.values(), *samples.outputs.values())]


def _common_type(arrays: Sequence[Array]) -> np.dtype[np.generic]:
    """Return the type to which the arrays are converted before their bytes are compared.

    Floats of different sizes are rounded to float32, as for the network.
    """
    dtypes = {array.dtype for array in arrays}
    common = np.result_type(*dtypes)
    return np.dtype(np.float32) if len(dtypes) > 1 and common.kind == "f" else common


def _smallest_digests(samples: Samples, types: Sequence[np.dtype[np.generic]]) -> tuple[int, Array]:
    """Return the smallest digests of samples, at most MAX_DIGESTS, and their limit: all lower digests are returned."""
    limit, kept, count = np.iinfo(_WORD).max, [np.empty(0, _WORD)], 0
    for digests in _digests(samples, types):
        kept.append(digests[digests <= limit])
        count += kept[-1].size
        while count > MAX_DIGESTS and limit:
            limit //= 2
            found = np.concatenate(kept)
            kept = [found[found <= limit]]
            count = kept[0].size
    return int(limit), np.concatenate(kept)


def _digests(samples: Samples, types: Sequence[np.dtype[np.generic]]) -> Iterator[Array]:
    """Yield a 64-bit hash of each sample, in blocks of samples.

    `types` are the types to which the arrays of inputs and outputs are converted first.
    """
    arrays = list(zip(_arrays(samples), types, strict=True))
    width = -(-sum(array[0].size * dtype.itemsize for array, dtype in arrays) // _WORD.itemsize)
    factors = np.random.default_rng(0).integers(0, 2**63, min(width, _CHUNK_WORDS), _WORD) * 2 + 1  # odd: invertible
    rows = min(max(1, _BLOCK_WORDS // width), len(samples))
    content, buffer = np.empty((rows, width * _WORD.itemsize), np.uint8), np.empty((rows, width), _WORD)
    for begin in range(0, len(samples), rows):
        parts = [_convert(array[begin : begin + rows], dtype) for array, dtype in arrays]
        count, offset = len(parts[0]), 0
        for part in parts:
            part_bytes = part.reshape(count, -1).view(np.uint8)
            content[:count, offset : offset + part_bytes.shape[1]] = part_bytes
            offset += part_bytes.shape[1]
        content[:count, offset:] = 0  # the mixed words of the last block
        words = content[:count].view(_WORD)
        _mix(words, buffer[:count])
        digests = _multiply(words, factors)
        _mix(digests, np.empty_like(digests))
        yield digests


def _convert(array: Array, dtype: np.dtype[np.generic]) -> Array:
    """Return a contiguous array of a type. Text in UTF-8 is decoded if `dtype` is a type of characters."""
    return np.ascontiguousarray(as_characters(array) if dtype.kind == "U" else array, dtype)


def _multiply(words: Array, factors: Array) -> Array:
    """Return the hash of each row of words: a multilinear hash modulo 2^64, as in https://arxiv.org/abs/1202.4961.

    Call `_mix` on the words first, because the low bits of a product depend only on the low bits of a word.
    """
    digests = np.zeros(len(words), _WORD)
    for begin in range(0, words.shape[1], len(factors)):
        chunk = words[:, begin : begin + len(factors)]
        digests = digests * factors[0] + chunk @ factors[: chunk.shape[1]]
    return digests


def _mix(words: Array, buffer: Array) -> None:
    """Replace each word in place by its SplitMix64 hash, in which each bit of the word changes low and high bits.

    Args:
        words: The words.
        buffer: Temporary array of the same shape.
    """
    for shift, factor in _SPLIT_MIX:
        np.right_shift(words, np.uint64(shift), out=buffer)
        np.bitwise_xor(words, buffer, out=words)
        np.multiply(words, np.uint64(factor), out=words)

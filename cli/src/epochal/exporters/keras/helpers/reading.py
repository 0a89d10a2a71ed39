"""Helper functions for exported scripts that fetch the files of the data, and read them."""

from collections.abc import Mapping

from epochal.exporters.keras.helpers.helper import GZIP, NUMPY, OS, PATH, PICKLE, TEMPFILE, TENSORFLOW, URL, Helper

READING: Mapping[str, Helper] = {
    "fetch": Helper(
        '''
def fetch(key, source):
    """Return the path of an object in a folder, or of a copy from a bucket."""
    if not source.startswith("s3://"):
        return Path(source) / key
    from minio import Minio

    address = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or ENDPOINT)
    client = Minio(
        address.netloc,
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        session_token=os.environ.get("AWS_SESSION_TOKEN"),
        region=REGION,
        secure=address.scheme == "https",
    )
    path = Path(tempfile.mkdtemp()) / Path(key).name
    client.fget_object(source.removeprefix("s3://").rstrip("/"), key, str(path))
    return path
''',
        (OS, PATH, TEMPFILE, URL),
    ),
    "open_file": Helper(
        '''
def open_file(path):
    """Open a file, which may be compressed with gzip."""
    with open(path, "rb") as file:
        is_compressed = file.read(2) == b"\\x1f\\x8b"
    return gzip.open(path) if is_compressed else open(path, "rb")
''',
        (GZIP,),
    ),
    "native": Helper(
        '''
def native(array):
    """Return an array in the byte order of this machine."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
'''
    ),
    "read_idx": Helper(
        '''
def read_idx(path):
    """Return the array in an idx file: two zero bytes, type, number of axes, sizes."""
    types = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    with open_file(path) as file:
        _, _, kind, axes = file.read(4)
        shape = np.frombuffer(file.read(4 * axes), ">u4").astype(int)
        return native(np.frombuffer(file.read(), types[kind]).reshape(shape))
''',
        (NUMPY,),
        ("open_file", "native"),
    ),
    "read_npz": Helper(
        '''
def read_npz(path, *choices):
    """Return inputs, outputs and weights, by the first names that an npz file has."""
    with open_file(path) as content, np.load(content) as file:
        for inputs, outputs, weights in choices:
            names = inputs, outputs
            if set(tf.nest.flatten(names)) <= set(file):
                names = (*names, weights) if weights in file else names
                return tf.nest.map_structure(lambda name: native(file[name]), names)
    raise LookupError(f"{path} has none of the arrays {choices}")
''',
        (NUMPY, TENSORFLOW),
        ("open_file", "native"),
    ),
    "read_pickle": Helper(
        '''
class ArraysOnly(pickle.Unpickler):
    """Reads arrays of NumPy. Other objects in a pickle could run code."""

    def find_class(self, module, name):
        names = ("_codecs", "encode"), ("numpy", "dtype"), ("numpy", "ndarray")
        if (module, name) in names or name in ("_reconstruct", "_frombuffer"):
            module = module.replace("numpy.core", "numpy._core")
            if module.split(".")[0] in ("_codecs", "numpy"):
                return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}: not only arrays")


def read_pickle(path):
    """Return the inputs and outputs in a pickle of a tuple of two arrays."""
    with open_file(path) as file:
        inputs, outputs = ArraysOnly(file, encoding="latin1").load()[:2]
    return native(inputs), native(outputs)
''',
        (PICKLE,),
        ("open_file", "native"),
    ),
    "read": Helper(
        '''
def read(path, *choices):
    """Return the arrays of a data set in an npz file, or in a pickle."""
    with open_file(path) as file:
        is_npz = file.read(2) == b"PK"
    return read_npz(path, *choices) if is_npz else read_pickle(path)
''',
        (),
        ("open_file", "read_npz", "read_pickle"),
    ),
    "array_names": Helper(
        '''
def array_names(suffix):
    """Return the names that the arrays for the inputs and outputs may have."""
    inputs = [tensor.name for tensor in model.inputs]
    outputs = getattr(model, "output_names", None) or [model.layers[-1].name]
    usual = [("x", "y")] if suffix else [("x", "y"), ("features", "labels")]
    weights = f"sample_weight{suffix}"
    if len(inputs) == len(outputs) == 1:
        return [(x + suffix, y + suffix, weights) for x, y in usual]
    # An array with the name of an input or output has no second role.
    ends = "", "_train", "_val", "_test"
    own = {name + end for name in (*inputs, *outputs) for end in ends}

    def choices(names, others):
        names = tuple(name + suffix for name in names)
        others = [other + suffix for other in others if other + suffix not in own]
        return [*names, *others] if len(names) == 1 else [names]

    of_inputs = choices(inputs, [x for x, _ in usual])
    of_outputs = choices(outputs, [y for _, y in usual])
    weights = None if weights in own else weights
    return [(x, y, weights) for x in of_inputs for y in of_outputs]
''',
    ),
}

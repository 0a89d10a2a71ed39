"""Helper functions for exported scripts that build, load and adapt a network."""

from collections.abc import Mapping

from epochal.exporters.keras.helpers.helper import (
    CONTEXT,
    FNMATCH,
    INSPECT,
    ITERTOOLS,
    KERAS,
    MACHINERY,
    SYS,
    TENSORFLOW,
    UTIL,
    Helper,
)

NETWORK: Mapping[str, Helper] = {
    "full_precision": Helper(
        '''
@contextmanager
def full_precision():
    """Build layers that compute in float32, such as the last one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy(before)
''',
        (CONTEXT, KERAS),
    ),
    "exact_precision": Helper(
        '''
@contextmanager
def exact_precision(*tensors):
    """Build a layer that only moves values: in float32, unless its inputs are less exact."""
    if any(str(tensor.dtype) in ("bfloat16", "float16") for tensor in tensors):
        yield
    else:
        with full_precision():
            yield
''',
        (CONTEXT,),
        ("full_precision",),
    ),
    "first_output": Helper('''
def first_output(outputs):
    """Return the first of several outputs of a layer, or its only output."""
    return outputs[0] if isinstance(outputs, list | tuple) else outputs
'''),
    "registered": Helper(
        '''
def registered(name, **arguments):
    """Return a loss, metric or optimizer that the code of the network has registered."""
    for key, value in keras.saving.get_custom_objects().items():
        if key.rpartition(">")[2] == name:
            return value(**arguments) if inspect.isclass(value) else value
    raise LookupError(f"the code of the network registers no {name}")
''',
        (INSPECT, KERAS),
    ),
    "load_module": Helper(
        '''
def load_module(path):
    """Run the file that builds the network, and return it as a module."""
    loader = importlib.machinery.SourceFileLoader("network_code", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module
''',
        (MACHINERY, UTIL, SYS),
    ),
    "plain": Helper(
        '''
def plain(model):
    """Return a model that takes and gives a tensor, or a list of several with unique names."""
    structures = (
        getattr(model, "_inputs_struct", model.inputs[0]),
        getattr(model, "_outputs_struct", model.outputs[0]),
    )
    if any(isinstance(tensors, dict | list | tuple) for tensors in structures):
        inputs, outputs, seen = model.inputs, [], []
        taken = {layer.name for layer in model.layers}
        for tensor in model.outputs:
            name = layer = tensor._keras_history.operation.name
            if layer in seen:  # another output of the same layer
                numbered = (f"{layer}_{count}" for count in itertools.count(1))
                name = next(each for each in numbered if each not in taken)
                taken.add(name)
                tensor = keras.layers.Identity(name=name)(tensor)
            seen.append(layer)
            outputs.append(tensor)
        return keras.Model(
            inputs if len(inputs) > 1 else inputs[0],
            outputs if len(outputs) > 1 else outputs[0],
        )
    return model
''',
        (ITERTOOLS, KERAS),
    ),
    "matches": Helper(
        '''
def matches(name, patterns):
    """Return whether the name of a layer matches a pattern, in which * is any text."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
''',
        (FNMATCH,),
    ),
    "adapt": Helper(
        '''
def adapt(layer, features):
    """Let a layer learn from the samples for training, such as a vocabulary."""
    before = keras.Model(model.input, layer.input)
    batches = tf.data.Dataset.from_tensor_slices(features).batch(1024)
    layer.adapt(
        batches.map(lambda *inputs: before(inputs if len(inputs) > 1 else inputs[0]))
    )
''',
        (KERAS, TENSORFLOW),
    ),
}

"""The Keras script that the trainer is compared with: the networks of networks.py, from bucket to bucket.

It runs in the trainer's image, as the command of a raw Job. Its only additions are the two lines that say how large the
network is and when an epoch has ended.
"""

import io
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from minio import Minio

name, epochs = os.environ["NETWORK"], int(os.environ["EPOCHS"])
store = Minio(os.environ["ENDPOINT"], os.environ["EPOCHAL_ACCESS_KEY"], os.environ["EPOCHAL_SECRET_KEY"], secure=False)
data = np.load(io.BytesIO(store.get_object("bench-data", f"{name}.npz").read()))
x: Any
y: Any
loss: Any = "sparse_categorical_crossentropy"
metrics: Any = ["accuracy"]
weights: Any = None
model: Any

keras.utils.set_random_seed(7)
layers = keras.layers


def convolution(filters: int, padding: str = "valid") -> list[Any]:
    return [
        layers.Conv2D(filters, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(2, padding=padding),
    ]


def features(image: Any) -> Any:
    for layer in (layers.Rescaling(1 / 255), *convolution(32), *convolution(64), layers.Flatten()):
        image = layer(image)
    return image


if name == "two":
    x = {key: data[key] for key in ("image", "second")}
    y = {key: data[key] for key in ("digit", "same")}
    inputs = {key: keras.Input(array.shape[1:], name=key) for key, array in x.items()}
    both = layers.Concatenate()([features(image) for image in inputs.values()])
    outputs = {
        "digit": layers.Dense(10, activation="softmax", name="digit")(both),
        "same": layers.Dense(1, activation="sigmoid", name="same")(both),
    }
    model = keras.Model(inputs, outputs)
    loss = {"digit": loss, "same": "binary_crossentropy"}
    metrics = dict.fromkeys(y, metrics)
    weights = {"digit": 1.0, "same": 0.5}
else:
    x, y = data["x"], data["y"]
    model = keras.Sequential([keras.Input(x.shape[1:]), layers.Rescaling(1 / 255)])
    if name == "small":
        stack = [*convolution(32), *convolution(64), *convolution(64, "same"), layers.Flatten()]
    elif name == "large":
        stack = [layers.Flatten(), *(layers.Dense(units, activation="relu") for units in (4096, 4096, 2304))]
    else:
        stack = [layers.Cropping2D(12), layers.Flatten()]
    for layer in (*stack, layers.Dense(10, activation="softmax")):
        model.add(layer)
model.compile(keras.optimizers.Adam(0.001), loss, loss_weights=weights, metrics=metrics)
print("Parameters:", model.count_params())
model.fit(
    x,
    y,
    batch_size=int(os.environ["BATCH_SIZE"]),
    epochs=epochs,
    validation_split=0.166,
    verbose=2,
    callbacks=[
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: print(f"Epoch {epoch + 1}/{epochs} has ended"))
    ],
)
path = Path(os.environ.get("TMPDIR", "/tmp")) / "model.keras"
model.save(path)
store.fput_object("bench-results", "plain/model.keras", str(path))

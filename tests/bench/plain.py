"""The Keras script that the trainer is compared with: the networks of networks.py, from bucket to bucket.

It runs in the trainer's image, as the command of a raw Job. Its only additions are the two lines that say how large the
network is and when an epoch has ended.
"""

import io
import os

import keras
import numpy as np
from minio import Minio

name, epochs = os.environ["NETWORK"], int(os.environ["EPOCHS"])
store = Minio(os.environ["ENDPOINT"], os.environ["EPOCHAL_ACCESS_KEY"], os.environ["EPOCHAL_SECRET_KEY"], secure=False)
data = np.load(io.BytesIO(store.get_object("bench-data", f"{name}.npz").read()))
x, y = data["x"], data["y"]

keras.utils.set_random_seed(7)
layers = keras.layers
model = keras.Sequential([keras.Input(x.shape[1:]), layers.Rescaling(1 / 255)])
if name == "small":
    for filters, padding in ((32, "valid"), (64, "valid"), (64, "same")):
        model.add(layers.Conv2D(filters, 3))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D(2, padding=padding))
    model.add(layers.Flatten())
elif name == "large":
    model.add(layers.Flatten())
    for units in (4096, 4096, 2304):
        model.add(layers.Dense(units, activation="relu"))
else:
    model.add(layers.Cropping2D(12))
    model.add(layers.Flatten())
model.add(layers.Dense(10, activation="softmax"))
model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
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
model.save("/tmp/model.keras")
store.fput_object("bench-results", "plain/model.keras", "/tmp/model.keras")

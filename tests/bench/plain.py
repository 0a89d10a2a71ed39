"""What the trainer is measured beside: the network of mnist.yaml as a Keras user writes it, from bucket to bucket.

It runs in the trainer's image, as the command of a raw Job. Its only additions are two lines that tell the time.
"""

import json
import os
import time
from itertools import pairwise

import keras
import numpy as np
from minio import Minio

start = time.time()
store = Minio(os.environ["ENDPOINT"], os.environ["EPOCHAL_ACCESS_KEY"], os.environ["EPOCHAL_SECRET_KEY"], secure=False)


def idx(name: str) -> np.ndarray:
    raw = store.get_object("mnist-data", name).read()
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


keras.utils.set_random_seed(7)
x_train, y_train = idx("train-images-idx3-ubyte")[..., None], idx("train-labels-idx1-ubyte")
x_test, y_test = idx("t10k-images-idx3-ubyte")[..., None], idx("t10k-labels-idx1-ubyte")
layers = keras.layers
model = keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)])
for filters, padding in ((32, "valid"), (64, "valid"), (64, "same")):
    for layer in (
        layers.Conv2D(filters, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(2, padding=padding),
    ):
        model.add(layer)
model.add(layers.Flatten())
model.add(layers.Dense(10, activation="softmax"))
model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
ends: list[float] = []
model.fit(
    x_train,
    y_train,
    batch_size=64,
    epochs=int(os.environ["EPOCHS"]),
    validation_split=0.166,
    verbose=2,
    callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.time()))],
)
model.evaluate(x_test, y_test, verbose=2)
model.save("/tmp/model.keras")
store.fput_object("mnist-results", "plain/model.keras", "/tmp/model.keras")
print("EPOCHS", json.dumps([end - begin for begin, end in pairwise(ends)]))

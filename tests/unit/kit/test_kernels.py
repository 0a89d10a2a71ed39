import keras
import tensorflow as tf


def test_kernels_stay_when_keras_sets_its_seed_and_clears_its_session() -> None:
    keras.utils.set_random_seed(1)
    first = float(tf.random.uniform(()))
    keras.utils.set_random_seed(1)
    keras.utils.clear_session(free_memory=False)
    # A kernel that stays draws its next number. A new kernel would draw its first number again.
    assert float(tf.random.uniform(())) != first

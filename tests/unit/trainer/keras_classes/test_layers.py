"""Every layer that Keras exports trains as in a Python script, or is refused with the reason.

Layers of the same input are trained side by side, each as a branch of one network, to share the fixed cost of a
training. A layer that differs changes the loss, and thereby the weights of all branches: with BRANCHES = 1, only the
test of this layer fails.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from epochal_trainer.checkpoint import digest
from epochal_trainer.training import models

from tests.unit.trainer.keras_classes.script import Script, Trained, class_of, lines, side_by_side

SHAPES: Mapping[tuple[int, ...], str] = {
    (6,): """
        Activation(activation="gelu")
        CategoryEncoding(num_tokens=10, output_mode="multi_hot")
        Dense(units=3)
        Discretization(bin_boundaries=[0.0, 0.5])
        Dot(axes=1, normalize=True)([input, half])
        Embedding(input_dim=10, output_dim=4)
        Hashing(num_bins=4)
        IntegerLookup(vocabulary=[1, 2, 3])
        RepeatVector(n=2)
        ReversibleEmbedding(input_dim=10, output_dim=4)
        SpectralNormalization(layer=layers.Dense(units=3))
    """,
    (12, 4): """
        ActivityRegularization(l1=0.01, l2=1.0)
        AdaptiveAveragePooling1D(output_size=2)
        AdaptiveMaxPooling1D(output_size=2)
        Add()([input, half])
        AdditiveAttention()([input, half])
        AlphaDropout(rate=0.5)
        Attention(use_scale=True)([input, half])
        Average()([input, half])
        AveragePooling1D(pool_size=2)
        BatchNormalization(momentum=0.5, gamma_regularizer=regularizers.L2(l2=0.1))
        Bidirectional(backward_layer=layers.GRU(go_backwards=True, units=3), layer=layers.LSTM(units=3))
        Concatenate(axis=1)([input, half])
        Conv1D(filters=4, kernel_size=3, kernel_constraint=constraints.MaxNorm(max_value=1.0))
        Conv1DTranspose(filters=4, kernel_size=3)
        Cropping1D(cropping=(1, 2))
        DepthwiseConv1D(kernel_size=3)
        Dropout(rate=0.5)
        ELU(alpha=0.5)
        EinsumDense(equation="abc,cd->abd", output_shape=(12, 5), bias_axes="d")
        Flatten()
        GRU(units=3, return_sequences=True)
        GaussianDropout(rate=0.5)
        GaussianNoise(stddev=0.1)
        GlobalAveragePooling1D()
        GlobalMaxPooling1D()
        GroupNormalization(groups=2)
        GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(input, half)
        Identity()
        LSTM(units=3, dropout=0.25, recurrent_dropout=0.25, recurrent_initializer=initializers.Orthogonal(gain=0.5))
        LayerNormalization()
        LeakyReLU(negative_slope=0.1)
        Masking(mask_value=0.0)
        MaxPooling1D(pool_size=2)
        Maximum()([input, half])
        Minimum()([input, half])
        MultiHeadAttention(num_heads=2, key_dim=4, dropout=0.1)(input, half)
        Multiply()([input, half])
        Normalization(mean=1.0, variance=2.0)
        PReLU(alpha_initializer=initializers.Constant(value=0.25), shared_axes=[1])
        Permute(dims=(2, 1))
        RMSNormalization()
        RNN(cell=[layers.GRUCell(units=3), layers.LSTMCell(units=2)])
        RNN(cell=layers.StackedRNNCells(cells=[layers.SimpleRNNCell(units=3)]))
        ReLU(max_value=1.0, threshold=0.0)
        Rescaling(scale=0.5, offset=1.0)
        Reshape(target_shape=(4, 12))
        SeparableConv1D(filters=4, kernel_size=3)
        SimpleRNN(units=3)
        Softmax(axis=-1)
        SpatialDropout1D(rate=0.5)
        Subtract()([input, half])
        TimeDistributed(layer=layers.Dense(units=3, activation="relu"))
        UnitNormalization()
        UpSampling1D(size=2)
        ZeroPadding1D(padding=(1, 2))
    """,
    (8, 8, 3): """
        AdaptiveAveragePooling2D(output_size=(2, 3))
        AdaptiveMaxPooling2D(output_size=2)
        AugMix(value_range=(0.0, 1.0))
        AutoContrast(value_range=(0.0, 1.0))
        AveragePooling2D(pool_size=(2, 2))
        CenterCrop(height=4, width=4)
        ContrastLimitedAdaptiveHistogramEqualization(value_range=(0.0, 1.0), tile_grid_size=(2, 2))
        Conv2D(filters=4, kernel_size=(3, 3), strides=2, padding="same")
        Conv2DTranspose(filters=4, kernel_size=3)
        Cropping2D(cropping=((1, 2), (3, 0)))
        DepthwiseConv2D(kernel_size=3)
        GlobalAveragePooling2D()
        GlobalMaxPooling2D(keepdims=True)
        MaxPooling2D(pool_size=2)
        Pipeline(layers=[layers.RandomFlip(mode="horizontal"), layers.Rescaling(scale=2.0)])
        RandAugment(value_range=(0.0, 1.0))
        RandomBrightness(factor=0.2, value_range=(0.0, 1.0))
        RandomColorDegeneration(factor=0.5)
        RandomColorJitter(value_range=(0.0, 1.0), brightness_factor=0.2, contrast_factor=0.2, hue_factor=0.1)
        RandomCrop(height=6, width=6)
        RandomContrast(factor=(0.2, 1.0))
        RandomElasticTransform(factor=0.5, value_range=(0.0, 1.0))
        RandomErasing(factor=0.5, value_range=(0.0, 1.0))
        RandomFlip()
        RandomGaussianBlur(factor=0.5, value_range=(0.0, 1.0))
        RandomGrayscale(factor=0.5)
        RandomHue(factor=0.2, value_range=(0.0, 1.0))
        RandomInvert(factor=0.5, value_range=(0, 1))
        RandomPerspective(factor=0.5)
        RandomPosterization(factor=4)
        RandomRotation(factor=(-1.0, 1.0))
        RandomSaturation(factor=0.2)
        RandomSharpness(factor=0.2, value_range=(0.0, 1.0))
        RandomShear(x_factor=0.2, y_factor=1.0)
        RandomTranslation(height_factor=0.2, width_factor=(-0.5, 0.5))
        RandomZoom(height_factor=0.2)
        Resizing(height=4, width=4, antialias=True)
        SeparableConv2D(filters=4, kernel_size=3)
        Solarization(addition_factor=0.5, value_range=(0.0, 1.0))
        SpatialDropout2D(rate=0.5)
        UpSampling2D(size=(2, 1))
        ZeroPadding2D(padding=((1, 0), (0, 2)))
    """,
    (6, 6, 6, 2): """
        AdaptiveAveragePooling3D(output_size=2)
        AdaptiveMaxPooling3D(output_size=2)
        AveragePooling3D(pool_size=2)
        Conv3D(filters=2, kernel_size=3)
        Conv3DTranspose(filters=2, kernel_size=3)
        Cropping3D(cropping=((1, 1), (0, 1), (1, 0)))
        GlobalAveragePooling3D()
        GlobalMaxPooling3D()
        MaxPooling3D(pool_size=2)
        SpatialDropout3D(rate=0.5)
        UpSampling3D(size=2)
        ZeroPadding3D(padding=1)
    """,
    (3, 6, 2): "ConvLSTM1D(filters=2, kernel_size=3)",
    (3, 6, 6, 2): "ConvLSTM2D(filters=2, kernel_size=3)",
    (2, 4, 4, 4, 1): "ConvLSTM3D(filters=2, kernel_size=3)",
    (512,): "MelSpectrogram(fft_length=128, num_mel_bins=8)",
    (256, 1): "STFTSpectrogram(frame_length=64, frame_step=32, fft_length=64)",
}
INTEGERS: Mapping[tuple[int, ...], str] = {(1,): "HashedCrossing(num_bins=4)([input, input])"}
"""Layers of integers."""
ADAPTED: Mapping[tuple[int, ...], str] = {
    (6,): "Discretization(num_bins=3)\nIntegerLookup(max_tokens=4, output_mode='multi_hot', pad_to_max_tokens=True)",
    (12, 4): "Normalization()",
}
"""Layers that learn from the samples before the training."""
TEXTS: Mapping[tuple[int, ...], str] = {
    (): "TextVectorization(output_sequence_length=4, vocabulary=['a', 'b'])",
    (2,): "StringLookup(vocabulary=['a', 'b'])",
}
"""Layers of text."""
ADAPTED_TEXTS: Mapping[tuple[int, ...], str] = {
    (): "TextVectorization(max_tokens=9, ngrams=2, output_mode='tf_idf', pad_to_max_tokens=True)",
    (2,): "StringLookup(num_oov_indices=2)",
}
BATCH = 4
BRANCHES = 10
"""Layers that are trained side by side at most."""
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.random((BATCH, 2)).astype("float32")


def scripts(table: Mapping[tuple[int, ...], str], *, adapts: bool = False) -> Iterator[tuple[Script, list[str]]]:
    """Yields trainings with the layers of a table, and the calls of these layers."""
    for shape, texts in table.items():
        features = GENERATOR.random((BATCH, *shape)).astype("float32")
        if table is INTEGERS:
            features = GENERATOR.integers(0, 9, features.shape).astype("int32")
        elif table in (TEXTS, ADAPTED_TEXTS):
            features = GENERATOR.choice(["a", "a b", "B c d!", "é"], features.shape)
        for trained in grouped(lines(texts), 1 if adapts else BRANCHES):
            # Keras crops at random in training only, so the next layer must accept images of both sizes.
            branches = [
                [f"layers.{text}", *(["layers.GlobalMaxPooling2D()"] if "RandomCrop" in text else [])]
                for text in trained
            ]
            yield Script(side_by_side(branches, units=2), features, LABELS, adapts=adapts), trained


def grouped(texts: list[str], size: int) -> Iterator[list[str]]:
    """Yields the texts in groups of at most a size."""
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


SCRIPTS = [
    *scripts(SHAPES),
    *scripts(INTEGERS),
    *scripts(ADAPTED, adapts=True),
    *scripts(TEXTS),
    *scripts(ADAPTED_TEXTS, adapts=True),
]
CLASSES = {class_of(text) for _, trained in SCRIPTS for text in trained}
CASES = [
    pytest.param(script, id=trained[0] if len(trained) == 1 else f"{class_of(trained[0])}-{class_of(trained[-1])}")
    for script, trained in SCRIPTS
]


@pytest.mark.filterwarnings("ignore:Layer 'flatten.*' .* was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("script", CASES)
def test_layers_train_as_in_a_script(script: Script, tmp_path: Path) -> None:
    job = Trained(script, tmp_path)
    found = job.model.train_on_batch(*job.batch, return_dict=True)
    trained = job.model.get_weights()
    expected = script.compiled_model()
    assert found == expected.train_on_batch(script.features, script.labels, return_dict=True)
    for weight, other in zip(trained, expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
        assert np.isfinite(weight).all()
    job.model.test_on_batch(*job.batch)
    for variable, before in zip(job.model.weights, trained, strict=True):
        message = f"{variable.path}: validation must not change weights, which have no copy"
        np.testing.assert_array_equal(variable, before, message)
    trained_digest = digest(job.model)
    job.model.save(tmp_path / "model.keras")
    assert models.digest_of(tmp_path / "model.keras", job.model) == trained_digest, "must hold the trained weights"

"""Source code for model.py: functions and classes for Keras layers that torch does not have in this form."""

from collections.abc import Iterable, Mapping

SNIPPETS: Mapping[str, str] = {
    "pad_same": '''
def pad_same(x, kernel, strides, value=0.0):
    """Return x with Keras' padding "same": the last side gets the odd element."""
    amounts = []
    for length, size, step in zip(
        reversed(x.shape[2:]), reversed(kernel), reversed(strides)
    ):
        total = max((-(-length // step) - 1) * step + size - length, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts, value=value)
''',
    "average_pool_same": '''
def average_pool_same(x, kernel, strides):
    """Return averages with Keras' padding "same", which is no element."""
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    share = pool(pad_same(torch.ones_like(x[:1, :1]), kernel, strides), kernel, strides)
    return pool(pad_same(x, kernel, strides), kernel, strides) / share
''',
    "PReLU": '''
class PReLU(nn.Module):
    """A ReLU with a learned slope for negative values of each element."""

    def __init__(self, *shape):
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return F.relu(x) - self.slope * F.relu(-x)
''',
    "GaussianNoise": '''
class GaussianNoise(nn.Module):
    """Noise that is added in training."""

    def __init__(self, deviation):
        super().__init__()
        self.deviation = deviation

    def forward(self, x):
        return x + self.deviation * torch.randn_like(x) if self.training else x
''',
    "GaussianDropout": '''
class GaussianDropout(nn.Module):
    """Noise around 1 that is multiplied in training."""

    def __init__(self, rate):
        super().__init__()
        self.deviation = (rate / (1 - rate)) ** 0.5

    def forward(self, x):
        return x * (1 + self.deviation * torch.randn_like(x)) if self.training else x
''',
    "RMSNorm": '''
class RMSNorm(nn.Module):
    """A normalization by the root of the mean square, with a learned scale."""

    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return (
            x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight
        )
''',
    "Normalization": '''
class Normalization(nn.Module):
    """A normalization by the mean and the deviation of the training set."""

    def __init__(self, *shape):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(shape))

    def adapt(self, x):
        """Learn from all samples of the training set."""
        axes = [0, *(axis for axis, size in enumerate(self.mean.shape, 1) if size == 1)]
        self.mean.copy_(x.mean(axes, keepdim=True)[0])
        self.deviation.copy_(
            x.var(axes, unbiased=False, keepdim=True)[0].sqrt().clamp(min=1e-7)
        )

    def forward(self, x):
        return (x - self.mean) / self.deviation
''',
    "Attention": '''
class Attention(nn.Module):
    """Attention by dot products, as keras.layers.Attention."""

    def __init__(self, scale=False, dropout=0.0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(())) if scale else 1.0
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, value, key):
        scores = self.scale * (query @ key.transpose(1, 2))
        return self.dropout(scores.softmax(dim=-1)) @ value
''',
    "AdditiveAttention": '''
class AdditiveAttention(nn.Module):
    """Attention by sums of features, as keras.layers.AdditiveAttention."""

    def __init__(self, features=None, dropout=0.0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features)) if features else 1.0
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, value, key):
        scores = (self.scale * torch.tanh(query[:, :, None] + key[:, None])).sum(dim=-1)
        return self.dropout(scores.softmax(dim=-1)) @ value
''',
    "MultiHeadAttention": '''
class MultiHeadAttention(nn.Module):
    """Attention of several heads, as keras.layers.MultiHeadAttention."""

    def __init__(
        self, query, key, value, heads, key_size, value_size, bias=True, dropout=0.0
    ):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(query, heads * key_size, bias=bias)
        self.key = nn.Linear(key, heads * key_size, bias=bias)
        self.value = nn.Linear(value, heads * value_size, bias=bias)
        self.output = nn.Linear(heads * value_size, query, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, value, key):
        query, key = self.split(self.query(query)), self.split(self.key(key))
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        heads = self.dropout(scores.softmax(dim=-1)) @ self.split(self.value(value))
        return self.output(heads.transpose(1, 2).flatten(2))

    def split(self, x):
        """Return the features of each head: batch, heads, steps, features."""
        return x.reshape(len(x), x.shape[1], self.heads, -1).transpose(1, 2)
''',
    "drop_features": '''
def drop_features(x, rate, training):
    """Return x with features dropped in training, the same in all steps."""
    return x * F.dropout(torch.ones_like(x[:, :1]), rate, training)
''',
    "with_state": '''
def with_state(result, last=False):
    """Return the output of a recurrent layer, or of its last step, and its state."""
    output, state = result
    return output[:, -1] if last else output, state[0]
''',
    "with_states": '''
def with_states(result, last=False):
    """Return the output of an LSTM, or of its last step, and its two states."""
    output, (hidden, cell) = result
    return output[:, -1] if last else output, hidden[0], cell[0]
''',
    "split_steps": '''
def split_steps(x, batch):
    """Return outputs of a layer that took the steps of all samples as one batch."""
    return x.unflatten(0, (batch, -1))
''',
    "both_ends": '''
def both_ends(x):
    """Return the last output of both directions: one ends at the first step."""
    forward, backward = x.chunk(2, dim=-1)
    return torch.cat((forward[:, -1], backward[:, 0]), dim=-1)
''',
}
"""Source code of each snippet by its name. A snippet may call snippets before it in this mapping."""


def source(names: Iterable[str]) -> list[str]:
    """Return the source code of the named snippets, in the order of SNIPPETS."""
    wanted = set(names)
    return [text.strip("\n") for name, text in SNIPPETS.items() if name in wanted]

"""The codecs of the protocols: bodies of requests to arrays, and the model's outputs to bodies of responses."""

"""The model: loading, batching, and the arrays that it takes and returns."""

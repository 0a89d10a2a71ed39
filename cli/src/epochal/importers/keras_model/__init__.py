"""Models of Keras 1 to 3: the JSON of `model.to_json()`, .keras and .h5 files, and programs that build a model."""

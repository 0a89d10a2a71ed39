"""The modeler: documents are read and checked, with the catalogue of Keras and the examples to begin with."""

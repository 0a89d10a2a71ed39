"""The back end of the modeler: reads and checks YAML documents, and serves the catalogue of Keras and the templates."""

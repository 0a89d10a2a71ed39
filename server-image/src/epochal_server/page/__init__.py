"""The web pages of a server: one to try the model with a drawing or a photograph, one for its API."""

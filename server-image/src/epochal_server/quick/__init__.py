"""The short way for plain requests to infer: what HTTP in general takes costs more time than a small network does."""

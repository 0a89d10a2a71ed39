"""The page of a model, where one draws a digit or drops a photograph and sees the answer; and that of its API."""

"""Streams changes of runs to browsers. Browsers with the same token share watches."""

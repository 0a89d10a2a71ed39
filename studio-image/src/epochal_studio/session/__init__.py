"""The session of a browser: sign-in, encrypted cookies, and sign-out."""

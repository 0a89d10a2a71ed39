"""What each protocol says: its requests' bodies become arrays, and the model's answers its responses' bodies."""

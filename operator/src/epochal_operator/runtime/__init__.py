"""What every kind needs: events in, a queue, requests to the API server. It knows no kind."""

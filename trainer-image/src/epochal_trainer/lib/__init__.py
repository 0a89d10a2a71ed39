"""What everything else stands on: failures, signals, memory."""

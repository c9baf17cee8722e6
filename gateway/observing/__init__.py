"""What an operator sees: ids of requests, logs, metrics, traces."""

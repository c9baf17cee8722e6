"""PostGraphile 5 beside the gateway, where npm is there to install it."""

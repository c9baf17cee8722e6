"""Objects and the blobs they are made of."""

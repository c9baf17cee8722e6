"""Collections: what an extractor makes of buckets or of other collections."""

"""A GraphQL gateway over buckets, objects and documents."""

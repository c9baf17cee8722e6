"""The edge: the GraphQL view, authentication, health."""

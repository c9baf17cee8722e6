"""GraphQL's validation: what is wrong with a document, as graphql-core tells it."""

"""GraphiQL: the page that a browser gets from the endpoint."""

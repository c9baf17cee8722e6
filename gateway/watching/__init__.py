"""`gateway watch`: what happens to objects and documents, as a table or as lines of JSON."""

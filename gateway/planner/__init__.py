"""One read engine: what was selected becomes one SQL statement that builds the answer."""

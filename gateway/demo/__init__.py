"""Examples for a namespace that is empty, so that a first query returns something.

files.py      a picture and a PDF, made on the spot
examples.py   what is made, as the inputs of mutations
filling.py    makes it by the mutations that clients use
"""

from gateway.demo.filling import fill

__all__ = ["fill"]

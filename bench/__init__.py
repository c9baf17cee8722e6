"""Measurements that decisions rest on; ``python -m bench`` lists them."""

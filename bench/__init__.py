"""Measurements that decisions rest on; ``python -m bench --help`` lists them."""

"""A private PostgreSQL for the default set-up: found, made, started and stopped with the gateway.

binaries.py    which PostgreSQL
account.py     as which user, since it refuses to be root
launch.py      the last step before it runs: a script of its own
cluster.py     a new data folder
options.py     its settings
leftovers.py   what a dead gateway or a dead server left behind
address.py     where to connect
server.py      start and stop
"""

"""How often one may ask: token buckets, of one process or shared by several through PostgreSQL."""

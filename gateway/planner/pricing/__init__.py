"""What an operation may cost, before anything of it is read: the rows it takes at worst."""

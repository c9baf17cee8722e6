"""What turns an operation away from the short road."""


class LongRoad(Exception):
    """This has to be answered on the long road."""

"""`cuda`: so that a program which asks for a GPU learns that there is none."""


def is_available() -> bool:
    """False: minigrad computes on the CPU.

    >>> minigrad.device("cuda" if minigrad.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """0, as there is none."""
    return 0

"""Has the memory of large buffers go back to the system as soon as they are dropped."""

import ctypes

LARGE_BYTES = 1024 * 1024

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h


def map_large_blocks() -> None:
    """Have each block of 1 MiB or more mapped by itself, for all of this process.

    glibc does so at first, and raises the bound with every such block that is freed: then each thread keeps some of
    what it has freed. Where the C library is another one, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)

"""Functions of one number: random numbers and exponentials."""

import numpy as np

from recsvc.rbm.kernels.compilation import CONTRACTED, STRICT, inline_function, kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TO_UNIT = np.float32(2.0**-24)
HALF, ONE = np.float32(0.5), np.float32(1.0)


@inline_function
def mix(state: np.uint64) -> np.uint64:
    """Return the finaliser of SplitMix64 of 64 bits [Steele, Lea, Flood 2014]."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


@kernel(fastmath=STRICT, error_model="numpy", inline="always")
def uniform(key: np.uint64, draw: int) -> np.float32:
    """Return uniform number `draw` of a stream, in [0, 1), with 24 bits."""
    return np.float32(mix(key + np.uint64(draw) * GOLDEN) >> np.uint64(40)) * TO_UNIT


@kernel(fastmath=CONTRACTED, error_model="numpy", forceinline=True)
def exponential(x: np.float32) -> np.float32:
    """Return e^x with a relative error of 2e-7; x is clipped to −87 … 88, and NaN stays NaN.

    Computed as 2^n · e^r with a polynomial for e^r [Cephes, expf]. Loops over it become vector
    instructions, unlike loops over the library function.
    """
    x = max(x, np.float32(-87.0))  # x first, so that NaN stays
    x = min(x, np.float32(88.0))
    n = np.floor(x * np.float32(1.44269504) + HALF)
    r = x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + ONE
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    result: np.float32 = p * power
    return result

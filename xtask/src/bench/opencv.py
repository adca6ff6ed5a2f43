"""The steps of `cargo xtask bench imaging` by OpenCV, on one thread.

Usage: python3 xtask/src/bench/opencv.py ROUNDS. Prints seconds of the quickest round
of each, one name and number a line. Outputs are there before, as ours are.
"""

import sys
import time

import cv2
import numpy

WIDTH, HEIGHT = 3280, 2464


def measure(name, rounds, work):
    quickest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        quickest = min(quickest, time.perf_counter() - start)
    print(name, quickest)


def main():
    rounds = int(sys.argv[1])
    cv2.setNumThreads(1)
    words = numpy.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH), numpy.uint16)
    octets = (words >> 8).astype(numpy.uint8)
    rgb = numpy.ones((HEIGHT, WIDTH, 3), numpy.uint16)
    measure("demosaic16", rounds, lambda: cv2.cvtColor(words, cv2.COLOR_BayerRGGB2RGB, rgb))
    half = (WIDTH // 2, HEIGHT // 2)
    for name, plane in (("halve8", octets), ("halve16", words)):
        out = numpy.ones((half[1], half[0]), plane.dtype)
        measure(name, rounds, lambda: cv2.resize(plane, half, dst=out, interpolation=cv2.INTER_AREA))


main()

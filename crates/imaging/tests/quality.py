#!/usr/bin/env python3
"""How well mosaics are interpolated: colour PSNR and SSIM on photographs that scikit-image ships,
beside OpenCV's and LibRaw's ways, in one run.

Needs `pip install scikit-image opencv-python-headless rawpy tifffile numpy pillow`, and a build:
`cargo build --release -p pinhole-imaging --example demosaic`.

usage: quality.py [--check] [--json] [--pictures FOLDER]

  --check      exit code 1 where the high-quality mode is not above every other one on average, or
               is below AHD on a picture, or the fast mode is below Malvar-He-Cutler
  --json       the figures, by name
  --pictures   writes a zone plate and details of photographs, as each way sees them
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np
import rawpy
import skimage
import tifffile
from PIL import Image
from scipy.ndimage import convolve
from skimage.metrics import structural_similarity

PHOTOGRAPHS = [
    "astronaut.png", "chelsea.png", "coffee.png", "color.png", "hubble_deep_field.jpg", "ihc.png",
    "motorcycle_left.png", "retina.jpg", "rocket.jpg",
]
# Left out of every comparison: where each program has edges of its own.
BORDER = 8
ROOT = pathlib.Path(__file__).resolve().parents[3]


def photograph(name):
    folder = pathlib.Path(skimage.__file__).parent / "data"
    picture = np.array(Image.open(folder / name).convert("RGB"))
    height, width = (side - side % 2 for side in picture.shape[:2])
    return picture[:height, :width].astype(np.uint16) * 257


def mosaic_of(picture):
    """Red at the top left."""
    mosaic = np.empty(picture.shape[:2], np.uint16)
    for y, x, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[y::2, x::2] = picture[y::2, x::2, channel]
    return mosaic


def ours(method):
    program = ROOT / "target" / "release" / "examples" / "demosaic"

    def run(mosaic):
        height, width = mosaic.shape
        done = subprocess.run(
            [program, method, str(width), str(height)], input=mosaic.astype("<u2").tobytes(),
            stdout=subprocess.PIPE, check=True)
        return np.frombuffer(done.stdout, "<u2").reshape(height, width, 3)

    return run


def opencv(code):
    return lambda mosaic: cv2.cvtColor(mosaic, code)[..., ::-1]


def libraw(algorithm):
    """A DNG without colour: the samples come back as they are where they were known."""
    flat = [value for row in np.eye(3, dtype=int) for one in row for value in (int(one), 1)]
    tags = [
        (50706, "B", 4, b"\1\4\0\0", True), (50708, "s", 0, "quality", True),
        (33421, "H", 2, (2, 2), True), (33422, "B", 4, b"\0\1\1\2", True),
        (50714, "H", 1, 0, True), (50717, "H", 1, 65535, True), (50721, "2i", 9, flat, True),
        (50728, "2I", 3, [1] * 6, True), (50778, "H", 1, 21, True),
    ]

    def run(mosaic):
        with tempfile.NamedTemporaryFile(suffix=".dng") as file:
            tifffile.imwrite(file.name, mosaic, photometric=32803, extratags=tags)
            with rawpy.imread(file.name) as raw:
                return raw.postprocess(
                    demosaic_algorithm=algorithm, gamma=(1, 1), no_auto_bright=True, output_bps=16,
                    user_wb=[1, 1, 1, 1], output_color=rawpy.ColorSpace.raw, user_black=0,
                    user_sat=65535, no_auto_scale=True, user_flip=0)

    return run


def malvar(mosaic):
    """The paper's five kernels, in floating point."""
    sums = {
        "green": [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]],
        "row": [[0, 0, .5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, .5, 0, 0]],
        "far": [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]],
    }
    sums["column"] = np.transpose(sums["row"])
    at = {
        name: convolve(mosaic.astype(float), np.array(kernel) / 8, mode="mirror")
        for name, kernel in sums.items()
    }
    y, x = np.indices(mosaic.shape)
    red, blue = (y % 2 == 0) & (x % 2 == 0), (y % 2 == 1) & (x % 2 == 1)
    green, top = ~(red | blue), y % 2 == 0
    channels = [
        np.select([red, blue, top], [mosaic, at["far"], at["row"]], at["column"]),
        np.where(green, mosaic, at["green"]),
        np.select([blue, red, top], [mosaic, at["far"], at["column"]], at["row"]),
    ]
    return np.clip(np.stack(channels, axis=-1), 0, 65535)


WAYS = {
    "pinhole linear": ours("linear"),
    "pinhole malvar": ours("malvar"),
    "pinhole directional": ours("directional"),
    "Malvar-He-Cutler": malvar,
    "OpenCV bilinear": opencv(cv2.COLOR_BayerRGGB2BGR),
    "OpenCV edge-aware": opencv(cv2.COLOR_BayerRGGB2BGR_EA),
    "LibRaw PPG": libraw(rawpy.DemosaicAlgorithm.PPG),
    "LibRaw AHD": libraw(rawpy.DemosaicAlgorithm.AHD),
    "LibRaw DCB": libraw(rawpy.DemosaicAlgorithm.DCB),
}


def inner(picture):
    return picture[BORDER:-BORDER, BORDER:-BORDER].astype(float) / 65535


def psnr_db(ours, truth):
    return float(-10 * np.log10(np.mean((inner(ours) - inner(truth)) ** 2)))


def ssim(ours, truth):
    return float(structural_similarity(inner(ours), inner(truth), channel_axis=2, data_range=1))


def measure():
    figures = {way: {"psnr": [], "ssim": []} for way in WAYS}
    for name in PHOTOGRAPHS:
        truth = photograph(name)
        mosaic = mosaic_of(truth)
        for way, run in WAYS.items():
            made = run(mosaic)
            figures[way]["psnr"].append(psnr_db(made, truth))
            figures[way]["ssim"].append(ssim(made, truth))
        print(f"measured {name}", file=sys.stderr)
    return figures


def table(figures):
    short = [name.split(".")[0][:10] for name in PHOTOGRAPHS]
    lines = ["| colour PSNR in dB | " + " | ".join(short) + " | mean | mean SSIM |"]
    lines.append("|---" + "|---:" * (len(short) + 2) + "|")
    for way, of in figures.items():
        each = " | ".join(f"{value:.2f}" for value in of["psnr"])
        lines.append(f"| {way} | {each} | **{np.mean(of['psnr']):.2f}** | {np.mean(of['ssim']):.4f} |")
    return "\n".join(lines)


def complaints(figures):
    mean = {way: np.mean(of["psnr"]) for way, of in figures.items()}
    best = figures["pinhole directional"]["psnr"]
    for way in WAYS:
        if way != "pinhole directional" and mean[way] >= mean["pinhole directional"]:
            yield f"{way} is above pinhole directional: {mean[way]:.2f} dB"
    for name, own, ahd in zip(PHOTOGRAPHS, best, figures["LibRaw AHD"]["psnr"]):
        if own < ahd:
            yield f"{name}: pinhole directional has {own:.2f} dB, AHD {ahd:.2f}"
    if mean["pinhole malvar"] < mean["Malvar-He-Cutler"] - 0.01:
        yield f"pinhole malvar is below Malvar-He-Cutler: {mean['pinhole malvar']:.2f} dB"


def zone_plate(size=208):
    """Grey rings up to the finest that a mosaic can show: all colour in it is false."""
    y, x = np.indices((size, size)) / size
    rings = 0.5 + 0.5 * np.cos(np.pi * size / 2 * (x ** 2 + y ** 2))
    return np.repeat((rings * 65535).round().astype(np.uint16)[..., None], 3, axis=2)


def details():
    yield "zone-plate", zone_plate()
    yield "motorcycle", photograph("motorcycle_left.png")[150:350, 300:560]
    yield "rocket", photograph("rocket.jpg")[40:240, 240:480]


def write_pictures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    ways = ["pinhole linear", "pinhole malvar", "pinhole directional", "LibRaw AHD"]
    for name, truth in details():
        mosaic = mosaic_of(truth)
        views = [truth] + [WAYS[way](mosaic) for way in ways]
        eight = [(view / 257).round().astype(np.uint8) for view in views]
        Image.fromarray(np.hstack(eight)).save(folder / f"{name}.png")
    print(f"wrote {folder}: the truth, then {', '.join(ways)}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pictures", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.pictures:
        write_pictures(arguments.pictures)
    figures = measure()
    print(json.dumps(dict(photographs=PHOTOGRAPHS, **figures)) if arguments.json else table(figures))
    wrong = list(complaints(figures)) if arguments.check else []
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

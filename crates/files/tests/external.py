#!/usr/bin/env python3
"""Checks that other programs read our files as we mean them.

Runs the example `sample_dng`, then opens each file that it wrote with LibRaw (rawpy), exiftool
and tifffile, and compares what they find with the JSON beside it.

Needs: pip install rawpy tifffile imagecodecs numpy; apt-get install libimage-exiftool-perl.
Usage: external.py [FOLDER], where FOLDER takes the files (default: one that is removed).
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import imagecodecs
import numpy as np
import rawpy
import tifffile

WORKSPACE = pathlib.Path(__file__).resolve().parents[3]
LINEAR_TOLERANCE = 0.02  # of full scale, for developed patches
D50 = [0.9642, 1.0, 0.8249]  # CIE XYZ
failures = []


def expect(name, what, got, wanted, tolerance=0.0):
    got, wanted = np.asarray(got), np.asarray(wanted)
    same_shape = got.shape == wanted.shape
    if wanted.dtype.kind in "US":
        good = same_shape and bool(np.all(got.astype(str) == wanted))
    else:
        good = same_shape and bool(np.all(np.abs(got.astype(float) - wanted) <= tolerance))
    if not good:
        failures.append(f"{name}: {what} is {got.tolist()}, not {wanted.tolist()}")


def patch_means(picture, facts):
    """The mean colour of the middle half of each patch, in reading order."""
    side = facts["patch_side"]
    across, down = facts["width"] // side, facts["height"] // side
    inner = slice(side // 4, 3 * side // 4)
    cells = [picture[y * side:(y + 1) * side, x * side:(x + 1) * side]
             for y in range(down) for x in range(across)]
    return np.array([cell[inner, inner].reshape(-1, 3).mean(axis=0) for cell in cells])


def black_by_position(facts):
    """Black levels at the four places of the 2x2 cell, in reading order."""
    if not facts["order"]:
        return [facts["black"][0]]
    order = facts["order"].upper()
    red_row = order.index("R") // 2
    names = [c if c != "G" else ("Gr" if at // 2 == red_row else "Gb") for at, c in enumerate(order)]
    return [facts["black"][["R", "Gr", "Gb", "B"].index(name)] for name in names]


def check_libraw(name, path, facts, samples):
    with rawpy.imread(str(path)) as raw:
        image = raw.raw_image
        expect(name, "LibRaw's samples", image, samples)
        expect(name, "LibRaw's white level", raw.white_level, facts["white"])
        expect(name, "LibRaw's flip", raw.sizes.flip, {1: 0, 2: 1, 3: 3, 4: 2}[facts["orientation"]])
        if not facts["order"]:
            expect(name, "LibRaw's black level", raw.black_level_per_channel[0], facts["black"][0], 0.5)
            return
        letters = "".join(chr(raw.color_desc[c]) for c in raw.raw_pattern.flatten())
        expect(name, "LibRaw's mosaic", letters, facts["order"].upper())
        black = [raw.black_level_per_channel[c] for c in raw.raw_pattern.flatten()]
        # LibRaw keeps whole codes.
        expect(name, "LibRaw's black levels", black, np.floor(black_by_position(facts)))
        # What LibRaw makes of ColorMatrix1: from balanced sensor colours to sRGB.
        expect(name, "LibRaw's colour matrix", raw.color_matrix[:, :3], facts["ccm"], 1e-3)
        gains = np.array(raw.camera_whitebalance[:3]) / raw.camera_whitebalance[1]
        expect(name, "LibRaw's white balance", gains, 1 / np.array(facts["neutral"]), 1e-3)
        picture = raw.postprocess(gamma=(1, 1), no_auto_bright=True, output_bps=16, user_flip=0,
                                  use_camera_wb=True, output_color=rawpy.ColorSpace.sRGB)
        means = patch_means(picture / 65535.0, facts)
        expect(name, "LibRaw's developed chart", means, facts["patches"], LINEAR_TOLERANCE)
        print(f"{name}: greatest difference of a developed patch "
              f"{np.abs(means - facts['patches']).max():.4f} of full scale")


def exiftool(path, *options):
    answer = subprocess.run(["exiftool", "-json", "-n", "-G1", *options, str(path)],
                            check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)[0]


def find(tags, name):
    return next((value for key, value in tags.items() if key.split(":")[-1] == name), None)


def numbers(value):
    return [float(word) for word in str(value).split()]


def check_valid(name, path):
    warning = find(exiftool(path, "-validate", "-warning", "-error"), "Validate")
    expect(name, "exiftool's count of errors, warnings and minor ones", numbers(warning)[:2], [0, 0])


def check_described(name, tags, orientation):
    for tag, wanted in [("Make", "Pinhole"), ("Model", "Synthetic chart"),
                        ("DateTimeOriginal", "2026:07:09 18:04:05"),
                        ("SubSecTimeOriginal", "678"), ("OffsetTimeOriginal", "+00:00")]:
        expect(name, f"exiftool's {tag}", str(find(tags, tag)), wanted)
    for tag, wanted, tolerance in [("ISO", 300, 0), ("ExposureTime", 0.033239, 1e-9), ("FNumber", 2, 0),
                                   ("FocalLength", 3.04, 1e-6), ("ExposureCompensation", -0.5, 0),
                                   ("LightSource", 21, 0), ("Orientation", orientation, 0)]:
        expect(name, f"exiftool's {tag}", find(tags, tag), wanted, tolerance)


def check_exiftool(name, path, facts):
    tags = exiftool(path)
    check_described(name, tags, facts["orientation"])
    expect(name, "exiftool's black level", numbers(find(tags, "BlackLevel")), black_by_position(facts), 1e-4)
    expect(name, "exiftool's white level", find(tags, "WhiteLevel"), facts["white"])
    if facts["order"]:
        matrix = np.array(facts["matrix"]).flatten()
        expect(name, "exiftool's colour matrix", numbers(find(tags, "ColorMatrix1")), matrix, 1e-5)
        forward = np.array(numbers(find(tags, "ForwardMatrix1"))).reshape(3, 3)
        expect(name, "exiftool's forward matrix's white", forward.sum(axis=1), D50, 1e-5)
        expect(name, "exiftool's neutral", numbers(find(tags, "AsShotNeutral")), facts["neutral"], 1e-5)
        planes = [{"R": 0, "G": 1, "B": 2}[c] for c in facts["order"].upper()]
        expect(name, "exiftool's mosaic", numbers(find(tags, "CFAPattern2")), planes)
    check_valid(name, path)


def check_tifffile(name, path, facts, samples):
    with tifffile.TiffFile(path) as tiff:
        pages = [page for top in tiff.pages for page in [top, *(top.pages or [])]]
        raw = next(page for page in pages if page.tags["NewSubfileType"].value == 0)
        expect(name, "tifffile's samples", raw.asarray(), samples)
        expect(name, "tifffile's bits", raw.bitspersample, facts["stored_bits"])
        exposure = tiff.pages[0].tags["ExifTag"].value["ExposureTime"]
        expect(name, "tifffile's exposure time", "/".join(str(part) for part in exposure), facts["exposure"])
        if raw is not tiff.pages[0]:
            expect(name, "tifffile's thumbnail", tiff.pages[0].asarray().shape, (32, 48, 3))


def check_dng(path):
    facts = json.loads(path.with_suffix(".json").read_text())
    samples = np.fromfile(path.with_suffix(".samples"), "<u2").reshape(facts["height"], facts["width"])
    check_libraw(path.name, path, facts, samples)
    check_exiftool(path.name, path, facts)
    check_tifffile(path.name, path, facts, samples)


def check_pictures(folder):
    for name in ["chart.jpg", "chart.png", "chart16.png", "chart16.tif"]:
        tags = exiftool(folder / name)
        check_described(name, tags, 3)
        expect(name, "exiftool's width", find(tags, "ImageWidth"), 192)
        expect(name, "exiftool's colour space", find(tags, "ColorSpace"), 1)
        check_valid(name, folder / name)
    check_thumbnail(folder / "chart.jpg")
    deep = tifffile.imread(folder / "chart16.tif")
    expect("chart16.tif", "tifffile's type", deep.dtype.name, "uint16")
    plain = imagecodecs.imread(folder / "chart.png")
    expect("chart16.tif", "tifffile's pixels", deep, plain.astype("uint16") * 257)
    expect("chart16.png", "imagecodecs' pixels", imagecodecs.imread(folder / "chart16.png"), deep)
    expect("grey.y4m", "its header", (folder / "grey.y4m").read_bytes()[:9].decode(), "YUV4MPEG2")


def check_thumbnail(path):
    """The small picture in a JPEG is the large one, shrunk to half, and lies as it does."""
    extracted = subprocess.run(["exiftool", "-b", "-ThumbnailImage", path], check=True, capture_output=True)
    large = imagecodecs.imread(path).astype(float)
    small = imagecodecs.jpeg_decode(extracted.stdout).astype(float)
    expect(path.name, "its thumbnail's shape", small.shape, (64, 96, 3))
    shrunk = large.reshape(64, 2, 96, 2, 3).mean(axis=(1, 3))
    # Chroma is halved once more, which shows at the patches' edges.
    expect(path.name, "its thumbnail's mean difference", np.abs(small - shrunk).mean(), 0, 4.0)
    tags = exiftool(path)
    for tag, wanted in [("Orientation", tags["IFD0:Orientation"]), ("Compression", 6),
                        ("ThumbnailLength", len(extracted.stdout))]:
        expect(path.name, f"its thumbnail's {tag}", tags.get(f"IFD1:{tag}"), wanted)


def run(folder):
    subprocess.run(["cargo", "run", "--quiet", "-p", "pinhole-files", "--example", "sample_dng", "--", folder],
                   check=True, cwd=WORKSPACE)
    paths = sorted(folder.glob("*.dng"))
    if not paths:
        failures.append("the example wrote no DNG")
    for path in paths:
        check_dng(path)
    check_pictures(folder)
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(paths)} DNGs checked, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(run(pathlib.Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(run(pathlib.Path(temporary)))

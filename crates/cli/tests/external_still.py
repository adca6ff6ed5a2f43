#!/usr/bin/env python3
"""Checks that other programs see in a DNG of `pinhole still --raw` what our JPEG shows.

Takes photographs with the command, then opens each DNG with LibRaw (rawpy), exiftool and
tifffile: samples, black and white level, mosaic, matrix, orientation, exposure. LibRaw develops
it with the camera's white balance, once the samples are multiplied by the gains that the DNG has for the
lens, and its picture must show the colours of the JPEG. So must those of RawTherapee and
darktable, of one photograph of the middle of the lens, as they develop it unasked.

Needs: pip install rawpy tifffile numpy pillow; apt-get install libimage-exiftool-perl rawtherapee
darktable.
Usage: external_still.py [FOLDER], where FOLDER takes the files (default: one that is removed).
The environment variable PINHOLE names the command to run (default: cargo run --release).
"""

import io
import json
import os
import pathlib
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np
import rawpy
import tifffile
from PIL import Image

WORKSPACE = pathlib.Path(__file__).resolve().parents[3]
COMMAND = shlex.split(os.environ.get("PINHOLE", f"cargo run --release --quiet --manifest-path {WORKSPACE}/Cargo.toml --"))
# Name, options, bits, mosaic, kelvin.
SHOTS = [
    ("daylight", ["--simulate", "sensor=imx219"], 10, "RGGB", 5500),
    ("lamplight", ["--simulate", "sensor=imx219,kelvin=3000,lux=200"], 10, "RGGB", 3000),
    ("turned", ["--simulate", "sensor=imx219", "--hflip", "--vflip"], 10, "BGGR", 5500),
    ("binned", ["--simulate", "sensor=imx219", "--mode", "1640x1232:10"], 10, "RGGB", 5500),
    ("middle", ["--simulate", "sensor=imx219", "--mode", "640x480:10"], 10, "RGGB", 5500),
    ("imx477", ["--simulate", "sensor=imx477", "--mode", "2028x1520:12"], 12, "RGGB", 5500),
]
# The one that other developers get, and how each is called. Unasked they leave lens shading as it is,
# of which there is least in the middle.
DEVELOPED = "middle"
DEVELOPERS = {
    "RawTherapee": ["rawtherapee-cli", "-o", "{picture}", "-d", "-n", "-b8", "-Y", "-c", "{dng}"],
    "darktable": ["darktable-cli", "{dng}", "{picture}", "--core", "--configdir", "{folder}/darktable",
                  "--library", ":memory:", "--conf", "plugins/darkroom/workflow=none"],
}
TILES = 24  # across and down, over the middle of the picture
CHROMA_TOLERANCE = 0.02  # of r/(r+g+b), linear, median over the tiles
LIGHTNESS_TOLERANCE = 0.15  # of the ratio of linear luminance, median over the tiles
OPCODE_LIST_2 = 51009
D50 = [0.9642, 1.0, 0.8249]  # CIE XYZ
failures = []


def expect(name, what, good, got):
    if not good:
        failures.append(f"{name}: {what}: {got}")


def take(folder, name, options):
    photo = folder / f"{name}.jpg"
    subprocess.run([*COMMAND, "still", "-o", photo, "--raw", "--pace", "fast", "--strict", *options], check=True)
    return photo, photo.with_suffix(".dng")


def exiftool(path):
    answer = subprocess.run(["exiftool", "-json", "-n", str(path)], check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)[0]


def validity(path):
    command = ["exiftool", "-validate", "-warning", "-error", "-a", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def linear(srgb):
    srgb = srgb.astype(float) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def tiles(picture):
    """Means of tiles over the middle of a linear picture."""
    height, width = picture.shape[:2]
    middle = picture[height // 4:3 * height // 4, width // 4:3 * width // 4]
    rows = np.array_split(middle, TILES, axis=0)
    cells = [cell for row in rows for cell in np.array_split(row, TILES, axis=1)]
    return np.array([cell.reshape(-1, 3).mean(axis=0) for cell in cells])


def decode_jpeg(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def check_chromaticity(name, ours, theirs):
    """Of tiles that are bright enough to tell. Which those are, and the difference."""
    lit = ours.sum(axis=1) > 0.03
    chroma = [cells[lit] / cells[lit].sum(axis=1, keepdims=True) for cells in (ours, theirs)]
    difference = np.median(np.abs(chroma[0] - chroma[1]))
    expect(name, "chromaticity differs from the JPEG's by", difference < CHROMA_TOLERANCE, difference)
    return lit, difference


def check_colours(name, developed, photo):
    ours, theirs = tiles(linear(photo)), tiles(developed.astype(float) / 65535)
    lit, difference = check_chromaticity(name, ours, theirs)
    weights = np.array([0.2126, 0.7152, 0.0722])
    ratio = np.median((theirs[lit] @ weights) / (ours[lit] @ weights))
    expect(name, "luminance over the JPEG's is", abs(ratio - 1) < LIGHTNESS_TOLERANCE, ratio)
    print(f"{name}: chromaticity within {difference:.4f}, luminance {ratio:.3f} times the JPEG's")


def gain_maps(dng):
    """Of each place in the mosaic: top, left, and gains at points as far apart as their numbers say."""
    with tifffile.TiffFile(dng) as tiff:
        full = next(page for page in tiff.pages[0].pages if page.tags["NewSubfileType"].value == 0)
        rest = bytes(full.tags[OPCODE_LIST_2].value)
    count, rest = struct.unpack(">I", rest[:4])[0], rest[4:]
    for _ in range(count):
        opcode, _, _, length = struct.unpack(">4I", rest[:16])
        body, rest = rest[16:16 + length], rest[16 + length:]
        assert opcode == 9, f"opcode {opcode} is no GainMap"
        top, left, _, _, _, _, row_pitch, column_pitch, rows, columns = struct.unpack(">10I", body[:40])
        assert (row_pitch, column_pitch) == (2, 2), "the map is not that of one place in the mosaic"
        yield top, left, np.frombuffer(body[76:], ">f4").reshape(rows, columns)


def undo_shading(samples, black, dng):
    """Multiplies samples by the gains that the DNG has for them, bilinearly, as its specification says."""
    height, width = samples.shape
    for top, left, gains in gain_maps(dng):
        ys, xs = (np.arange(start, side, 2) / side for start, side in ((top, height), (left, width)))
        rows = np.array([np.interp(xs, np.linspace(0, 1, gains.shape[1]), row) for row in gains])
        at = ys * (gains.shape[0] - 1)
        low = np.minimum(at.astype(int), gains.shape[0] - 2)
        part = (at - low)[:, None]
        gain = rows[low] * (1 - part) + rows[low + 1] * part
        light = samples[top::2, left::2].astype(float) - black
        samples[top::2, left::2] = np.clip(np.round(light * gain) + black, 0, 65535)


def check_libraw(name, dng, photo, bits, mosaic):
    with rawpy.imread(str(dng)) as raw:
        samples = raw.raw_image.copy()
        expect(name, "LibRaw's white level", raw.white_level == (1 << bits) - 1, raw.white_level)
        black = 64 if bits == 10 else 256
        expect(name, "LibRaw's black levels", set(raw.black_level_per_channel) == {black}, raw.black_level_per_channel)
        letters = "".join(chr(raw.color_desc[c]) for c in raw.raw_pattern.flatten())
        expect(name, "LibRaw's mosaic", letters == mosaic, letters)
        expect(name, "LibRaw's flip", raw.sizes.flip == 0, raw.sizes.flip)
        rows = raw.color_matrix[:, :3].sum(axis=1)
        expect(name, "rows of LibRaw's matrix, which should keep white", np.allclose(rows, 1, atol=0.01), rows)
        # LibRaw heeds no opcodes.
        undo_shading(raw.raw_image, black, dng)
        # LibRaw would stretch frames without highlights; 0 keeps the white level that the file states.
        developed = raw.postprocess(gamma=(1, 1), no_auto_bright=True, adjust_maximum_thr=0, output_bps=16,
                                    use_camera_wb=True, output_color=rawpy.ColorSpace.sRGB)
    check_colours(name, developed, photo)
    return samples


def check_developers(name, dng, photo, folder):
    for developer, command in DEVELOPERS.items():
        if shutil.which(command[0]) is None:
            print(f"{name}: not checked with {developer}, which is not here (apt-get install {developer.lower()})")
            continue
        picture = folder / f"{name}-{developer}.png"
        words = [word.format(picture=picture, dng=dng, folder=folder) for word in command]
        subprocess.run(words, check=True, capture_output=True)
        with Image.open(picture) as developed:
            theirs = linear(np.asarray(developed.convert("RGB")))
        _, difference = check_chromaticity(f"{name}, {developer}", tiles(linear(photo)), tiles(theirs))
        print(f"{name}: {developer}'s chromaticity within {difference:.4f} of the JPEG's")


def check_exiftool(name, dng, jpeg, kelvin):
    raw, photo = exiftool(dng), exiftool(jpeg)
    for tag in ["Model", "ISO", "ExposureTime", "Orientation", "DateTimeOriginal", "SubSecTimeOriginal"]:
        expect(name, f"{tag} of JPEG and DNG", raw.get(tag) == photo.get(tag) is not None, (raw.get(tag), photo.get(tag)))
    expect(name, "orientation", raw["Orientation"] == 1, raw["Orientation"])
    neutral = [float(word) for word in str(raw["AsShotNeutral"]).split()]
    warm = neutral[0] > neutral[2]
    expect(name, f"as-shot neutral under {kelvin} K", warm == (kelvin < 4500), neutral)
    for tag in ["ForwardMatrix1", "ForwardMatrix2"]:
        white = np.array(str(raw[tag]).split(), float).reshape(3, -1).sum(axis=1)
        expect(name, f"white by {tag}, which should be D50's", np.allclose(white, D50, atol=1e-5), white)
    for path in (dng, jpeg):
        found = validity(path)
        expect(name, f"exiftool -validate of {path.name}", "Validate                        : OK" in found, found)


def check_thumbnail(name, jpeg, photo):
    """What exiftool takes out of the JPEG is a JPEG, and shows the same."""
    command = ["exiftool", "-b", "-ThumbnailImage", str(jpeg)]
    extracted = subprocess.run(command, check=True, capture_output=True).stdout
    with Image.open(io.BytesIO(extracted)) as picture:
        small = np.asarray(picture.convert("RGB")).astype(float)
    height, width = small.shape[:2]
    expect(name, "thumbnail's size", abs(width - 320) <= 1 and abs(height - 240) <= 1, small.shape)
    shrunk = Image.fromarray(photo).resize((width, height), Image.Resampling.BOX)
    difference = np.abs(small - np.asarray(shrunk)).mean()
    expect(name, "thumbnail's mean difference from the photograph", difference < 6, difference)
    print(f"{name}: thumbnail of {len(extracted)} bytes, {difference:.2f} codes from the photograph on average")


def check_tifffile(name, dng, samples):
    with tifffile.TiffFile(dng) as tiff:
        main = tiff.pages[0]
        full = next(page for page in (main.pages or []) if page.tags["NewSubfileType"].value == 0)
        expect(name, "tifffile's samples are LibRaw's", np.array_equal(full.asarray(), samples), full.shape)
        expect(name, "tifffile's thumbnail", max(main.asarray().shape) == 256, main.asarray().shape)


def run(folder):
    for name, options, bits, mosaic, kelvin in SHOTS:
        jpeg, dng = take(folder, name, options)
        photo = decode_jpeg(jpeg)
        samples = check_libraw(name, dng, photo, bits, mosaic)
        if name == DEVELOPED:
            check_developers(name, dng, photo, folder)
        check_exiftool(name, dng, jpeg, kelvin)
        check_thumbnail(name, jpeg, photo)
        check_tifffile(name, dng, samples)
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(SHOTS)} photographs checked, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        target = pathlib.Path(sys.argv[1]).resolve()
        target.mkdir(parents=True, exist_ok=True)
        sys.exit(run(target))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(run(pathlib.Path(temporary)))

//! Reads DNGs of Bayer or monochrome sensors, uncompressed or losslessly compressed, from
//! whichever program. The bytes may be anything: what does not hold together is an error that
//! names the field. A sample takes at least a bit of the file, so that no more memory is taken
//! than 32 times the file's size and some tables.

use super::gain_map::GainMap;
use super::{CELL, black_level_index, cfa_plane};
use crate::lossless;
use crate::metadata::{Calibration, Illuminant};
use crate::packing::unpack_bits;
use crate::tiff::read::{Directory, Field, File, malformed};
use crate::tiff::{JPEG, Tag, UNCOMPRESSED, photometric};
use crate::view::SIDE_PIXELS_MAX;
use pinhole_base::colour::Matrix3;
use pinhole_base::format::{BayerOrder, Packing, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_base::{Error, ErrorKind, Result};
use std::ops::Range;
use std::time::Duration;

/// A raw frame read from a DNG. What the file does not say is `None` or empty.
#[derive(Clone, Debug, PartialEq)]
pub struct DngImage {
    /// The mosaic's order and the significant bits: the fewest that hold the white level.
    pub format: RawFormat,
    /// Width and height.
    pub size: Size,
    /// The codes, row by row; where the file has a table that makes them linear, what it says.
    pub samples: Vec<u16>,
    /// The code of black for red, green in red rows, green in blue rows and blue. Monochrome:
    /// four times the same.
    pub black_levels: [f64; 4],
    /// The code at which the sensor saturates.
    pub white_level: u32,
    /// EXIF's orientation, 1 to 8.
    pub orientation: u16,
    /// The part of the frame that holds a picture.
    pub active_area: Rect,
    /// The sensor's colours under one or two lights.
    pub calibrations: Vec<Calibration>,
    /// The sensor's answer to white, red, green and blue.
    pub as_shot_neutral: Option<[f64; 3]>,
    /// By how many stops to brighten when developing.
    pub baseline_exposure_ev: f64,
    /// Who made the camera.
    pub make: String,
    /// The camera's model.
    pub model: String,
    /// The program that wrote the file.
    pub software: String,
    /// A name of the camera that no other model has.
    pub unique_camera_model: String,
    /// When the frame was taken, as EXIF writes it.
    pub date_time: String,
    /// How long the sensor gathered light.
    pub exposure_time: Option<Duration>,
    /// The sensitivity: 100 times all gains.
    pub iso: Option<u32>,
    /// Gains that undo the lens's shading. Opcodes other than such maps are left out.
    pub lens_shading: Option<GainMap>,
}

/// Reads the full-size image of a DNG.
///
/// Understood are strips and tiles, uncompressed or as lossless JPEG, of 8, 10, 12, 14 or 16
/// bits a sample, in both byte orders, with a 2×2 mosaic or none, in the main directory or one
/// below it.
///
/// # Errors
/// `Malformed` if the bytes are no DNG or its fields do not hold together, `Unsupported` if
/// they do but say something that is not understood; both name the field and the reason.
pub fn read(bytes: &[u8]) -> Result<DngImage> {
    let (file, first) = File::open(bytes)?;
    let main = file.directory(first)?;
    if main.find(Tag::DNG_VERSION)?.is_none() {
        return Err(malformed(format!(
            "it is a TIFF, but no DNG: {} is missing, so it is a finished picture or a maker's own raw format",
            Tag::DNG_VERSION
        ))
        .hint("convert raw files of other formats to DNG first"));
    }
    let image = find_image(&file, first)?;
    let exif = main.integer(Tag::EXIF_IFD)?.map(|offset| file.directory(offset)).transpose()?;
    assemble(&main, &image, exif.as_ref())
}

fn unsupported(reason: String) -> Error {
    Error::new(ErrorKind::Unsupported, "reading the file").because(reason)
}

/// The first directory with a full-size raw image: in the main chain or just below it.
fn find_image<'a>(file: &File<'a>, first: u32) -> Result<Directory<'a>> {
    const DIRECTORIES_MAX: usize = 64;
    let (mut waiting, mut seen) = (vec![first], 0);
    while let Some(offset) = waiting.pop() {
        seen += 1;
        if seen > DIRECTORIES_MAX {
            return Err(malformed(format!(
                "it has more than {DIRECTORIES_MAX} directories, or they form a ring"
            )));
        }
        let directory = file.directory(offset)?;
        if is_raw(&directory)? {
            return Ok(directory);
        }
        if directory.next != 0 {
            waiting.push(directory.next);
        }
        push_below(&directory, &mut waiting, DIRECTORIES_MAX)?;
    }
    Err(malformed("none of its directories holds a full-size raw image"))
}

fn push_below(directory: &Directory<'_>, waiting: &mut Vec<u32>, most: usize) -> Result<()> {
    let Some(field) = directory.find(Tag::SUB_IFDS)? else { return Ok(()) };
    if field.count() > most {
        return Err(malformed(format!("{} has {} values, more than {most}", Tag::SUB_IFDS, field.count())));
    }
    for index in (0..field.count()).rev() {
        waiting.push(field.integer_at(index)?);
    }
    Ok(())
}

fn is_raw(directory: &Directory<'_>) -> Result<bool> {
    let full_size = directory.integer_or(Tag::NEW_SUBFILE_TYPE, 0)? == 0;
    let photometric = directory.integer_or(Tag::PHOTOMETRIC, 0)?;
    let raw = [photometric::COLOUR_FILTER_ARRAY, photometric::LINEAR_RAW].map(u32::from);
    Ok(full_size && raw.contains(&photometric))
}

fn assemble(main: &Directory<'_>, image: &Directory<'_>, exif: Option<&Directory<'_>>) -> Result<DngImage> {
    let layout = Layout::read(image)?;
    let order = bayer_order(image)?;
    let linear = linearization(image)?;
    let white_level = white_level(image, if linear.is_some() { 16 } else { layout.bits })?;
    let bits = [8, 10, 12, 14, 16].into_iter().find(|&bits| white_level < 1 << bits).unwrap_or(16);
    Ok(DngImage {
        format: RawFormat { order, bits, packing: Packing::Unpacked },
        size: layout.size,
        black_levels: black_levels(image, order)?,
        white_level,
        orientation: orientation(main)?,
        active_area: active_area(image, layout.size)?,
        calibrations: calibrations(main)?,
        as_shot_neutral: main.numbers(Tag::AS_SHOT_NEUTRAL)?,
        baseline_exposure_ev: main.numbers::<1>(Tag::BASELINE_EXPOSURE)?.map_or(0.0, |[stops]| stops),
        make: main.text(Tag::MAKE)?,
        model: main.text(Tag::MODEL)?,
        software: main.text(Tag::SOFTWARE)?,
        unique_camera_model: main.text(Tag::UNIQUE_CAMERA_MODEL)?,
        date_time: exif.map_or(Ok(String::new()), |exif| exif.text(Tag::DATE_TIME_ORIGINAL))?,
        exposure_time: exif.map_or(Ok(None), exposure_time)?,
        iso: exif.map_or(Ok(None), |exif| exif.integer(Tag::ISO))?,
        lens_shading: order.map_or(Ok(None), |order| lens_shading(image, order))?,
        samples: linearized(layout.samples(&image.file())?, linear.as_ref())?,
    })
}

/// The table that samples are to be looked up in, if there is one.
fn linearization<'a>(image: &Directory<'a>) -> Result<Option<Field<'a>>> {
    match image.find(Tag::LINEARIZATION_TABLE)? {
        Some(table) if table.count() == 0 => Err(malformed(format!("{} is empty", Tag::LINEARIZATION_TABLE))),
        table => Ok(table),
    }
}

/// The samples looked up in the table; those beyond its end are its last.
fn linearized(mut samples: Vec<u16>, table: Option<&Field<'_>>) -> Result<Vec<u16>> {
    let Some(table) = table else { return Ok(samples) };
    let values = (0..table.count().min(1 << 16)).map(|index| table.integer_at(index));
    let values: Vec<u16> =
        values.map(|value| value.map(|value| value.min(0xffff) as u16)).collect::<Result<_>>()?;
    samples.iter_mut().for_each(|sample| *sample = values[usize::from(*sample).min(values.len() - 1)]);
    Ok(samples)
}

fn lens_shading(image: &Directory<'_>, order: BayerOrder) -> Result<Option<GainMap>> {
    let Some(list) = image.find(Tag::OPCODE_LIST_2)? else { return Ok(None) };
    GainMap::from_opcodes(list.bytes(), order)
        .map_err(|reason| malformed(format!("{}: {reason}", Tag::OPCODE_LIST_2)))
}

fn exposure_time(exif: &Directory<'_>) -> Result<Option<Duration>> {
    let Some(field) = exif.find(Tag::EXPOSURE_TIME)? else { return Ok(None) };
    let (numerator, denominator) = field.fraction()?;
    if denominator == 0 {
        return Err(malformed(format!("{} is divided by zero", Tag::EXPOSURE_TIME)));
    }
    let nanos = u64::from(numerator) * 1_000_000_000;
    Ok(Some(Duration::from_nanos((nanos + u64::from(denominator) / 2) / u64::from(denominator))))
}

fn orientation(main: &Directory<'_>) -> Result<u16> {
    match main.integer_or(Tag::ORIENTATION, 1)? {
        known @ 1..=8 => Ok(known as u16),
        other => Err(malformed(format!("{} is {other}, not 1 to 8", Tag::ORIENTATION))),
    }
}

fn white_level(image: &Directory<'_>, bits: u32) -> Result<u32> {
    let greatest = (1 << bits) - 1;
    match image.integer_or(Tag::WHITE_LEVEL, greatest)? {
        level if level == 0 || level > greatest => {
            Err(malformed(format!("{} is {level}, but samples have {bits} bits", Tag::WHITE_LEVEL)))
        }
        level => Ok(level),
    }
}

fn calibrations(main: &Directory<'_>) -> Result<Vec<Calibration>> {
    let mut calibrations = Vec::new();
    for (xyz_to_camera, forward, illuminant) in [
        (Tag::COLOR_MATRIX_1, Tag::FORWARD_MATRIX_1, Tag::CALIBRATION_ILLUMINANT_1),
        (Tag::COLOR_MATRIX_2, Tag::FORWARD_MATRIX_2, Tag::CALIBRATION_ILLUMINANT_2),
    ] {
        let Some(xyz_to_camera) = matrix(main, xyz_to_camera)? else { continue };
        calibrations.push(Calibration {
            illuminant: Illuminant::from_number(main.integer_or(illuminant, 0)?),
            xyz_to_camera,
            forward: matrix(main, forward)?,
        });
    }
    Ok(calibrations)
}

fn matrix(main: &Directory<'_>, tag: Tag) -> Result<Option<Matrix3>> {
    let values = main.numbers::<9>(tag)?;
    Ok(values.map(|values| {
        Matrix3(std::array::from_fn(|row| std::array::from_fn(|column| values[3 * row + column])))
    }))
}

fn active_area(image: &Directory<'_>, size: Size) -> Result<Rect> {
    let Some(field) = image.find(Tag::ACTIVE_AREA)? else { return Ok(Rect::from_size(size)) };
    let mut sides = [0; 4];
    for (index, side) in sides.iter_mut().enumerate() {
        *side = field.integer_at(index)?;
    }
    let [top, left, bottom, right] = sides;
    if top >= bottom || left >= right || bottom > size.height || right > size.width {
        return Err(malformed(format!("{} is {sides:?}, which {size} does not contain", Tag::ACTIVE_AREA)));
    }
    Ok(Rect::new(left as i32, top as i32, right - left, bottom - top))
}

/// The order of a 2×2 mosaic; `None` if the image has no mosaic.
fn bayer_order(image: &Directory<'_>) -> Result<Option<BayerOrder>> {
    if image.integer_or(Tag::PHOTOMETRIC, 0)? == u32::from(photometric::LINEAR_RAW) {
        return Ok(None);
    }
    let pattern = image.require(Tag::CFA_PATTERN)?.bytes();
    let planes = image.find(Tag::CFA_PLANE_COLOR)?.map_or(&[0, 1, 2][..], |field| field.bytes());
    let repeat = image.numbers::<2>(Tag::CFA_REPEAT_PATTERN_DIM)?.unwrap_or([2.0; 2]);
    let order = BayerOrder::ALL
        .into_iter()
        .find(|order| pattern == CELL.map(|(x, y)| cfa_plane(order.colour_at(x, y))));
    match order {
        Some(order) if planes == [0, 1, 2] && repeat == [2.0; 2] => Ok(Some(order)),
        _ => Err(unsupported(format!(
            "{} is {pattern:?} of {repeat:?} with colours {planes:?}, not a Bayer mosaic",
            Tag::CFA_PATTERN
        ))),
    }
}

fn black_levels(image: &Directory<'_>, order: Option<BayerOrder>) -> Result<[f64; 4]> {
    let Some(field) = image.find(Tag::BLACK_LEVEL)? else { return Ok([0.0; 4]) };
    let [rows, columns] = image.numbers::<2>(Tag::BLACK_LEVEL_REPEAT_DIM)?.unwrap_or([1.0; 2]);
    if ![1.0, 2.0].contains(&rows) || ![1.0, 2.0].contains(&columns) {
        return Err(unsupported(format!("{} is {rows} by {columns}", Tag::BLACK_LEVEL_REPEAT_DIM)));
    }
    let (rows, columns) = (rows as usize, columns as usize);
    let mut levels = [field.number_at(0)?; 4];
    let Some(order) = order else { return Ok(levels) };
    for (x, y) in CELL {
        levels[black_level_index(order.colour_at(x, y))] =
            field.number_at(y % rows * columns + x % columns)?;
    }
    Ok(levels)
}

/// Where the samples lie: in strips, or in tiles that may reach over the right and bottom
/// edges. A strip is a tile as wide as the image.
struct Layout<'a> {
    size: Size,
    bits: u32,
    lossless: bool,
    tiled: bool,
    tile: Size,
    offsets: Field<'a>,
    lengths: Field<'a>,
}

impl<'a> Layout<'a> {
    fn read(image: &Directory<'a>) -> Result<Self> {
        let size = image_size(image)?;
        let bits = sample_bits(image)?;
        let tiled = image.find(Tag::TILE_OFFSETS)?.is_some();
        let (tile, offsets, lengths) = if tiled {
            let tile = Size::new(side(image, Tag::TILE_WIDTH)?, side(image, Tag::TILE_LENGTH)?);
            (tile, Tag::TILE_OFFSETS, Tag::TILE_BYTE_COUNTS)
        } else {
            let rows = image.integer_or(Tag::ROWS_PER_STRIP, size.height)?.clamp(1, size.height);
            (Size::new(size.width, rows), Tag::STRIP_OFFSETS, Tag::STRIP_BYTE_COUNTS)
        };
        let layout = Self {
            size,
            bits,
            lossless: image.integer_or(Tag::COMPRESSION, 1)? == u32::from(JPEG),
            tiled,
            tile,
            offsets: image.require(offsets)?,
            lengths: image.require(lengths)?,
        };
        layout.check(image.file().len(), offsets, lengths)?;
        Ok(layout)
    }

    /// The file must have room for all samples, and there must be a place for every tile.
    fn check(&self, file_bytes: usize, offsets: Tag, lengths: Tag) -> Result<()> {
        let bits = if self.lossless { 1 } else { self.bits };
        let bytes = (self.size.area() * u64::from(bits)).div_ceil(8);
        if bytes > file_bytes as u64 {
            return Err(malformed(format!(
                "an image of {} with {bits} bits or more a sample takes {bytes} bytes, more than the file's {file_bytes}",
                self.size
            )));
        }
        let needed = self.tiles_across() as u64 * self.tiles_down() as u64;
        for (tag, there) in [(offsets, self.offsets.count()), (lengths, self.lengths.count())] {
            if there as u64 != needed {
                return Err(malformed(format!("{tag} has {there} values, but there are {needed} parts")));
            }
        }
        Ok(())
    }

    fn tiles_across(&self) -> usize {
        self.size.width.div_ceil(self.tile.width) as usize
    }

    fn tiles_down(&self) -> usize {
        self.size.height.div_ceil(self.tile.height) as usize
    }

    fn samples(&self, file: &File<'_>) -> Result<Vec<u16>> {
        let mut samples = vec![0; self.size.area() as usize];
        for index in 0..self.tiles_across() * self.tiles_down() {
            self.read_tile(file, index, &mut samples)?;
        }
        Ok(samples)
    }

    /// The rows of the image that tile `index` covers, and the columns.
    fn covered(&self, index: usize) -> (Range<usize>, Range<usize>) {
        let span = |at: usize, tile: u32, size: u32| {
            let (tile, size) = (tile as usize, size as usize);
            at * tile..(at * tile + tile).min(size)
        };
        let (across, down) = (index % self.tiles_across(), index / self.tiles_across());
        (span(down, self.tile.height, self.size.height), span(across, self.tile.width, self.size.width))
    }

    fn read_tile(&self, file: &File<'_>, index: usize, samples: &mut [u16]) -> Result<()> {
        if self.lossless {
            return self.read_lossless_tile(file, index, samples);
        }
        let (rows, columns) = self.covered(index);
        let row_bytes = (self.tile.width as usize * self.bits as usize).div_ceil(8);
        let tile = self.tile_bytes(file, index, row_bytes as u64 * rows.len() as u64)?;
        for (row, y) in tile.chunks_exact(row_bytes).zip(rows) {
            let start = y * self.size.width as usize;
            unpack(file, self.bits, row, &mut samples[start + columns.start..start + columns.end]);
        }
        Ok(())
    }

    fn read_lossless_tile(&self, file: &File<'_>, index: usize, samples: &mut [u16]) -> Result<()> {
        let (rows, columns) = self.covered(index);
        // The last strip ends with the image; a tile may reach beyond it.
        let tile_rows = if self.tiled { self.tile.height as usize } else { rows.len() };
        let count = u64::from(self.tile.width) * tile_rows as u64;
        let bytes = self.tile_bytes(file, index, count.div_ceil(8))?;
        let mut tile = vec![0; count as usize];
        lossless::decode(bytes, self.bits, &mut tile).map_err(|reason| {
            malformed(format!("part {index} of its samples, as lossless JPEG: {reason}"))
        })?;
        for (row, y) in tile.chunks_exact(self.tile.width as usize).zip(rows) {
            let start = y * self.size.width as usize;
            samples[start + columns.start..start + columns.end].copy_from_slice(&row[..columns.len()]);
        }
        Ok(())
    }

    fn tile_bytes<'b>(&self, file: &File<'b>, index: usize, needed: u64) -> Result<&'b [u8]> {
        let (offset, length) = (self.offsets.integer_at(index)?, self.lengths.integer_at(index)?);
        let bytes = file.slice(u64::from(offset), u64::from(length)).ok_or_else(|| {
            malformed(format!(
                "part {index} of its samples, {length} bytes at {offset}, lies outside the file"
            ))
        })?;
        if u64::from(length) < needed {
            return Err(malformed(format!(
                "part {index} of its samples has {length} bytes, but {needed} are needed"
            )));
        }
        Ok(if self.lossless { bytes } else { &bytes[..needed as usize] })
    }
}

fn unpack(file: &File<'_>, bits: u32, row: &[u8], samples: &mut [u16]) {
    match bits {
        8 => samples.iter_mut().zip(row).for_each(|(sample, &byte)| *sample = u16::from(byte)),
        16 => samples.iter_mut().zip(row.chunks_exact(2)).for_each(|(sample, word)| *sample = file.u16(word)),
        _ => unpack_bits(row, bits, samples),
    }
}

fn side(image: &Directory<'_>, tag: Tag) -> Result<u32> {
    match image.require(tag)?.integer()? {
        side @ 1..=SIDE_PIXELS_MAX => Ok(side),
        other => Err(malformed(format!("{tag} is {other}, not 1 to {SIDE_PIXELS_MAX}"))),
    }
}

fn image_size(image: &Directory<'_>) -> Result<Size> {
    Ok(Size::new(side(image, Tag::IMAGE_WIDTH)?, side(image, Tag::IMAGE_LENGTH)?))
}

/// The bits of a sample, after checking that samples lie as this reader understands.
fn sample_bits(image: &Directory<'_>) -> Result<u32> {
    let compression = image.integer_or(Tag::COMPRESSION, 1)?;
    if ![UNCOMPRESSED, JPEG].map(u32::from).contains(&compression) {
        return Err(unsupported(format!(
            "{} is {compression}; only {UNCOMPRESSED} (none) and {JPEG} (lossless JPEG) are understood",
            Tag::COMPRESSION
        )));
    }
    for (tag, wanted) in [(Tag::SAMPLES_PER_PIXEL, 1), (Tag::SAMPLE_FORMAT, 1)] {
        let value = image.integer_or(tag, 1)?;
        if value != wanted {
            return Err(unsupported(format!("{tag} is {value}; only {wanted} is understood")));
        }
    }
    match image.require(Tag::BITS_PER_SAMPLE)?.integer()? {
        bits @ (8 | 10 | 12 | 14 | 16) => Ok(bits),
        other => Err(unsupported(format!("{} is {other}, not 8, 10, 12, 14 or 16", Tag::BITS_PER_SAMPLE))),
    }
}

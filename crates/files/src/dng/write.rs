//! Writes a raw frame as a DNG. Every code is kept, however they are packed. Unpacked samples
//! that the sensor wrote as bytes or 16-bit words go into the file as they are.

use super::gain_map::GainMap;
use super::samples::{self, Packed, Part};
use super::{CELL, Compression, black_level_index, cfa_plane};
use crate::exif;
use crate::metadata::{Calibration, Illuminant, ImageMetadata, check_matrix, check_text, xyz_to_camera};
use crate::rgb::write_rgb;
use crate::tiff::write::{Directory, Head, Value};
use crate::tiff::{JPEG, Tag, UNCOMPRESSED, photometric};
use crate::view::{Picture, RawImage};
use pinhole_base::colour::Matrix3;
use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use std::io::{self, Write};

/// What a DNG says beside its samples.
#[derive(Clone, Debug, Default)]
pub struct DngMetadata<'a> {
    /// How the frame was taken. Its black levels, colour gains and matrix go into DNG's fields.
    pub image: ImageMetadata,
    /// A name of the camera that no other model has; empty: make and model.
    pub unique_camera_model: String,
    /// The sensor's colours under the first of two lights, or the only one. `None`: derived
    /// from the frame's own colour correction matrix and gains, stated for D65 (see
    /// [`xyz_to_camera`]); where there is no such matrix, sensor colours are taken for sRGB's.
    pub calibration: Option<Calibration>,
    /// The sensor's colours under a second light. Goes only with a first.
    pub second_calibration: Option<Calibration>,
    /// The code at which the sensor saturates, in the sample's own width. `None`: its greatest.
    pub white_level: Option<u32>,
    /// By how many stops to brighten when developing, so that the picture looks normal.
    pub baseline_exposure_ev: Option<f64>,
    /// A small picture of the frame, stored as RGB as it is.
    pub thumbnail: Option<Picture<'a>>,
    /// How the samples are stored.
    pub compression: Compression,
    /// Gains over the frame that undo the lens's shading.
    pub lens_shading: Option<GainMap>,
}

/// Writes a DNG with the samples of `image`: in one strip, or losslessly compressed in tiles,
/// for which it takes memory, at most the size of the frame and a little more.
///
/// # Errors
/// `InvalidArgument` if the metadata make no sense, `LimitReached` if the file would be beyond
/// TIFF's 4 GiB, and what writing to `out` fails with.
pub fn write(out: &mut impl Write, image: &RawImage<'_>, metadata: &DngMetadata<'_>) -> Result<()> {
    check(image, metadata)?;
    let packed = Packed::of(image, metadata.compression);
    let head = head(image, &packed, metadata)?;
    write_parts(out, &head, (image, &packed), metadata.thumbnail.as_ref())
        .map_err(|error| Error::from_io(&error, "writing a DNG"))
}

fn check(image: &RawImage<'_>, metadata: &DngMetadata<'_>) -> Result<()> {
    metadata.image.check()?;
    check_text("unique camera model", &metadata.unique_camera_model)?;
    for calibration in [metadata.calibration, metadata.second_calibration].into_iter().flatten() {
        check_matrix("calibration's matrix", Some(&calibration.xyz_to_camera))?;
        check_matrix("calibration's forward matrix", calibration.forward.as_ref())?;
    }
    if metadata.second_calibration.is_some() && metadata.calibration.is_none() {
        return Err(invalid("there is a second calibration but no first".to_owned()));
    }
    if let Some(level) = metadata.white_level.filter(|&level| level == 0 || level > greatest_code(image)) {
        return Err(invalid(format!("a white level of {level} is no code of {} bits", image.format().bits)));
    }
    metadata.lens_shading.as_ref().map_or(Ok(()), GainMap::check)?;
    match metadata.baseline_exposure_ev {
        Some(stops) if !stops.is_finite() => Err(invalid(format!("a baseline exposure of {stops} stops"))),
        _ => Ok(()),
    }
}

fn greatest_code(image: &RawImage<'_>) -> u32 {
    (1 << image.format().bits) - 1
}

fn thumbnail_bytes(thumbnail: &Picture<'_>) -> u64 {
    thumbnail.size().area() * 3
}

/// The header and directories: main, EXIF and, where the main one holds a thumbnail, the
/// image's own.
fn head(image: &RawImage<'_>, packed: &Packed, metadata: &DngMetadata<'_>) -> Result<Head> {
    const MAIN: usize = 0;
    const EXIF: usize = 1;
    const IMAGE: usize = 2;
    let mut main = Directory::default();
    describe_camera(&mut main, image, metadata)?;
    let exif = exif::directory(&metadata.image);
    let Some(thumbnail) = &metadata.thumbnail else {
        describe_samples(&mut main, image, packed, metadata);
        let mut head = Head::new(vec![main, exif]);
        head.point(MAIN, Tag::EXIF_IFD, EXIF);
        place(&mut head, &[(MAIN, packed.part())])?;
        return Ok(head);
    };
    describe_thumbnail(&mut main, thumbnail);
    let mut own = Directory::default();
    describe_samples(&mut own, image, packed, metadata);
    let mut head = Head::new(vec![main, exif, own]);
    head.point(MAIN, Tag::EXIF_IFD, EXIF);
    head.point(MAIN, Tag::SUB_IFDS, IMAGE);
    place(&mut head, &[(IMAGE, packed.part()), (MAIN, Part::strip(thumbnail_bytes(thumbnail)))])?;
    Ok(head)
}

/// Places the strips and tiles of these directories one after another behind the head.
fn place(head: &mut Head, parts: &[(usize, Part)]) -> Result<()> {
    let mut offset = head.size_bytes() as u64;
    let end = offset + parts.iter().map(|(_, part)| part.bytes()).sum::<u64>();
    if end > u64::from(u32::MAX) {
        return Err(Error::new(ErrorKind::LimitReached, "writing a DNG")
            .because(format!("its {end} bytes are more than TIFF's offsets reach")));
    }
    for (directory, part) in parts {
        let mut offsets = Vec::with_capacity(part.lengths.len());
        for length in &part.lengths {
            offsets.push(offset as u32);
            offset += length;
        }
        head.fill(*directory, part.offsets_tag(), offsets);
    }
    Ok(())
}

/// What belongs in the main directory whether or not it holds the image itself.
fn describe_camera(main: &mut Directory, image: &RawImage<'_>, metadata: &DngMetadata<'_>) -> Result<()> {
    exif::describe(main, &metadata.image);
    main.reserve(Tag::EXIF_IFD)
        .set(Tag::DNG_VERSION, Value::Bytes(vec![1, 4, 0, 0]))
        .set(Tag::DNG_BACKWARD_VERSION, Value::Bytes(vec![1, 1, 0, 0]))
        .set(Tag::UNIQUE_CAMERA_MODEL, Value::text(&unique_camera_model(metadata)))
        .set_some(Tag::BASELINE_EXPOSURE, metadata.baseline_exposure_ev.map(Value::signed_rational));
    if image.format().order.is_none() {
        return Ok(());
    }
    describe_colours(main, metadata)
}

fn unique_camera_model(metadata: &DngMetadata<'_>) -> String {
    let named = if metadata.unique_camera_model.is_empty() {
        format!("{} {}", metadata.image.make, metadata.image.model).trim().to_owned()
    } else {
        metadata.unique_camera_model.clone()
    };
    if named.is_empty() { "Unknown".to_owned() } else { named }
}

fn describe_colours(main: &mut Directory, metadata: &DngMetadata<'_>) -> Result<()> {
    let neutral = metadata.image.as_shot_neutral().unwrap_or([1.0; 3]);
    let first = metadata.calibration.map_or_else(|| calibration_as_shot(&metadata.image), Ok)?;
    let values = |matrix: Matrix3| Value::signed_rationals(matrix.0.as_flattened());
    let matrix = |calibration: Calibration| values(calibration.xyz_to_camera);
    let forward = |calibration: Calibration| calibration.forward.map(values);
    let illuminant = |calibration: Calibration| Value::short(calibration.illuminant as u16);
    main.set(Tag::AS_SHOT_NEUTRAL, Value::rationals(&neutral))
        .set(Tag::COLOR_MATRIX_1, matrix(first))
        .set_some(Tag::FORWARD_MATRIX_1, forward(first))
        .set(Tag::CALIBRATION_ILLUMINANT_1, illuminant(first))
        .set_some(Tag::COLOR_MATRIX_2, metadata.second_calibration.map(matrix))
        .set_some(Tag::FORWARD_MATRIX_2, metadata.second_calibration.and_then(forward))
        .set_some(Tag::CALIBRATION_ILLUMINANT_2, metadata.second_calibration.map(illuminant));
    Ok(())
}

fn calibration_as_shot(image: &ImageMetadata) -> Result<Calibration> {
    let ccm = image.ccm.unwrap_or(Matrix3::IDENTITY);
    let gains = image.colour_gains.unwrap_or([1.0; 2]);
    let xyz_to_camera = xyz_to_camera(&ccm, gains)
        .ok_or_else(|| invalid(format!("{ccm:?} with the colour gains {gains:?} has no inverse")))?;
    check_matrix("matrix to the sensor's colours", Some(&xyz_to_camera))?;
    Ok(Calibration::new(Illuminant::D65, xyz_to_camera))
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "writing a DNG").because(reason)
}

fn describe_part(directory: &mut Directory, size: Size, part: &Part) {
    const CHUNKY: u16 = 1;
    // Those that do not fit are refused when they are placed.
    let lengths = part.lengths.iter().map(|&length| u32::try_from(length).unwrap_or(u32::MAX)).collect();
    directory
        .set(Tag::IMAGE_WIDTH, Value::long(size.width))
        .set(Tag::IMAGE_LENGTH, Value::long(size.height))
        .set(Tag::PLANAR_CONFIGURATION, Value::short(CHUNKY))
        .reserve_many(part.offsets_tag(), part.lengths.len());
    match part.tile {
        None => directory
            .set(Tag::COMPRESSION, Value::short(UNCOMPRESSED))
            .set(Tag::ROWS_PER_STRIP, Value::long(size.height))
            .set(Tag::STRIP_BYTE_COUNTS, Value::Longs(lengths)),
        Some(tile) => directory
            .set(Tag::COMPRESSION, Value::short(JPEG))
            .set(Tag::TILE_WIDTH, Value::long(tile.width))
            .set(Tag::TILE_LENGTH, Value::long(tile.height))
            .set(Tag::TILE_BYTE_COUNTS, Value::Longs(lengths)),
    };
}

fn describe_thumbnail(main: &mut Directory, thumbnail: &Picture<'_>) {
    const REDUCED: u32 = 1;
    describe_part(main, thumbnail.size(), &Part::strip(thumbnail_bytes(thumbnail)));
    main.set(Tag::NEW_SUBFILE_TYPE, Value::long(REDUCED))
        .set(Tag::BITS_PER_SAMPLE, Value::Shorts(vec![8; 3]))
        .set(Tag::SAMPLES_PER_PIXEL, Value::short(3))
        .set(Tag::PHOTOMETRIC, Value::short(photometric::RGB))
        .reserve(Tag::SUB_IFDS);
}

fn describe_samples(
    directory: &mut Directory,
    image: &RawImage<'_>,
    packed: &Packed,
    metadata: &DngMetadata<'_>,
) {
    const FULL_SIZE: u32 = 0;
    let (size, white_level) = (image.size(), metadata.white_level.unwrap_or(greatest_code(image)));
    describe_part(directory, size, &packed.part());
    directory
        .set(Tag::NEW_SUBFILE_TYPE, Value::long(FULL_SIZE))
        .set(Tag::BITS_PER_SAMPLE, Value::short(packed.bits()))
        .set(Tag::SAMPLES_PER_PIXEL, Value::short(1))
        .set(Tag::WHITE_LEVEL, Value::long(white_level))
        .set(Tag::ACTIVE_AREA, Value::Longs(vec![0, 0, size.height, size.width]))
        .set(Tag::DEFAULT_CROP_ORIGIN, Value::Longs(vec![0, 0]))
        .set(Tag::DEFAULT_CROP_SIZE, Value::Longs(vec![size.width, size.height]));
    if let (Some(map), Some(order)) = (&metadata.lens_shading, image.format().order) {
        directory.set(Tag::OPCODE_LIST_2, Value::Undefined(map.to_opcodes(order, size)));
    }
    let levels = metadata.image.black_levels.map(|level| (level, image.format().bits));
    match image.format().order {
        Some(order) => describe_mosaic(directory, order, levels),
        None => describe_monochrome(directory, levels[0]),
    }
}

fn describe_mosaic(directory: &mut Directory, order: BayerOrder, levels: [(u16, u8); 4]) {
    const RECTANGULAR: u16 = 1;
    let colours = CELL.map(|(x, y)| order.colour_at(x, y));
    let black = colours.map(|colour| levels[black_level_index(colour)]);
    directory
        .set(Tag::PHOTOMETRIC, Value::short(photometric::COLOUR_FILTER_ARRAY))
        .set(Tag::CFA_REPEAT_PATTERN_DIM, Value::Shorts(vec![2, 2]))
        .set(Tag::CFA_PATTERN, Value::Bytes(colours.map(cfa_plane).to_vec()))
        .set(Tag::CFA_PLANE_COLOR, Value::Bytes(vec![0, 1, 2]))
        .set(Tag::CFA_LAYOUT, Value::short(RECTANGULAR))
        .set(Tag::BLACK_LEVEL_REPEAT_DIM, Value::Shorts(vec![2, 2]))
        .set(Tag::BLACK_LEVEL, black_levels(&black));
}

fn describe_monochrome(directory: &mut Directory, level: (u16, u8)) {
    directory
        .set(Tag::PHOTOMETRIC, Value::short(photometric::LINEAR_RAW))
        .set(Tag::BLACK_LEVEL_REPEAT_DIM, Value::Shorts(vec![1, 1]))
        .set(Tag::BLACK_LEVEL, black_levels(&[level]));
}

/// Levels given in 16-bit codes with the sample's bits, as codes of that width; whole numbers
/// where they all are.
fn black_levels(levels: &[(u16, u8)]) -> Value {
    let codes: Vec<f64> =
        levels.iter().map(|&(level, bits)| f64::from(level) / f64::from(1u32 << (16 - bits))).collect();
    if codes.iter().all(|code| code.fract() == 0.0) {
        return Value::Shorts(codes.iter().map(|&code| code as u16).collect());
    }
    Value::rationals(&codes)
}

fn write_parts(
    out: &mut impl Write,
    head: &Head,
    (image, packed): (&RawImage<'_>, &Packed),
    thumbnail: Option<&Picture<'_>>,
) -> io::Result<()> {
    out.write_all(&head.to_bytes())?;
    samples::write(out, image, packed)?;
    thumbnail.map_or(Ok(()), |thumbnail| write_rgb(out, thumbnail))
}

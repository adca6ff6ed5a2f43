use super::*;
use crate::metadata::{Calibration, DateTime, Illuminant, ImageMetadata};
use crate::view::{Picture, RawImage};
use pinhole_base::ErrorKind;
use pinhole_base::colour::light::SRGB_TO_XYZ;
use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size, Transform};
use proptest::prelude::*;
use std::time::Duration;

fn metadata() -> DngMetadata<'static> {
    let image = ImageMetadata {
        make: "Raspberry Pi".to_owned(),
        model: "imx219".to_owned(),
        date_time: Some(DateTime::from_unix(Duration::from_secs(1_783_620_245))),
        transform: Transform::ROTATE_180,
        exposure_time: Some(Duration::from_micros(33_239)),
        analogue_gain: Some(2.5),
        digital_gain: Some(1.2),
        colour_gains: Some([2.0, 1.6]),
        ccm: Some(Matrix3([[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.0, -0.6, 1.6]])),
        black_levels: [4096, 4160, 4224, 4288],
        ..Default::default()
    };
    DngMetadata { image, ..Default::default() }
}

fn written(image: &RawImage<'_>, metadata: &DngMetadata<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    write(&mut file, image, metadata).unwrap();
    file
}

/// Packs a row as CSI-2 does: high bytes of a group, then its low bits together.
fn packed_csi2(codes: &[u16], bits: u32) -> Vec<u8> {
    let group = if bits == 12 { 2 } else { 4 };
    let low_bits = bits - 8;
    let mut row = Vec::new();
    for codes in codes.chunks(group) {
        let code = |i: usize| u64::from(codes.get(i).copied().unwrap_or(0));
        row.extend((0..group).map(|i| (code(i) >> low_bits) as u8));
        let low =
            (0..group).fold(0, |all, i| all | (code(i) & ((1 << low_bits) - 1)) << (i as u32 * low_bits));
        row.extend(&low.to_le_bytes()[..group * low_bits as usize / 8]);
    }
    row
}

fn row_bytes(codes: &[u16], format: RawFormat) -> Vec<u8> {
    match (format.packing, format.bits) {
        (_, 8) => codes.iter().map(|&code| code as u8).collect(),
        (Packing::Csi2, 10 | 12 | 14) => packed_csi2(codes, u32::from(format.bits)),
        _ => codes.iter().flat_map(|code| code.to_le_bytes()).collect(),
    }
}

/// A frame in memory, and the codes that it holds.
#[derive(Debug)]
struct Frame {
    format: RawFormat,
    size: Size,
    stride_bytes: u32,
    codes: Vec<u16>,
    bytes: Vec<u8>,
}

impl Frame {
    fn new(format: RawFormat, size: Size, padding: u32, seed: u64) -> Self {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 48) as u16 >> (16 - format.bits)
        };
        let codes: Vec<u16> = (0..size.area()).map(|_| next()).collect();
        let stride_bytes = format.row_bytes(size.width) + padding;
        let rows = codes.chunks_exact(size.width as usize).flat_map(|row| {
            let mut row = row_bytes(row, format);
            row.resize(stride_bytes as usize, 0xee);
            row
        });
        Self { format, size, stride_bytes, bytes: rows.collect(), codes }
    }

    fn image(&self) -> RawImage<'_> {
        RawImage::new(self.format, self.size, self.stride_bytes, &self.bytes).unwrap()
    }
}

fn frames() -> impl Strategy<Value = Frame> {
    let orders = prop::option::of(prop::sample::select(BayerOrder::ALL.to_vec()));
    let bits = prop::sample::select(vec![8u8, 10, 12, 14, 16]);
    let packing = prop::sample::select(vec![Packing::Unpacked, Packing::Csi2]);
    (orders, bits, packing, 1u32..40, 1u32..20, 0u32..40, any::<u64>()).prop_map(
        |(order, bits, packing, width, height, padding, seed)| {
            Frame::new(RawFormat { order, bits, packing }, Size::new(width, height), padding, seed)
        },
    )
}

fn small() -> Frame {
    Frame::new(RawFormat::bayer(BayerOrder::Gbrg, 10, Packing::Csi2), Size::new(9, 5), 3, 7)
}

fn compressions() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![Compression::Unpacked, Compression::Packed, Compression::Lossless])
}

proptest! {
    #[test]
    fn what_is_written_is_read(frame in frames(), thumbnail in any::<bool>(), compression in compressions()) {
        let pixels = [0x55; 4 * 3 * 3];
        let picture = Picture::new(PixelFormat::Rgb24, Size::new(4, 3), 12, ColourSpace::SRGB, &pixels).unwrap();
        let metadata = DngMetadata { thumbnail: thumbnail.then_some(picture), compression, ..metadata() };
        let file = written(&frame.image(), &metadata);
        let image = read(&file).unwrap();
        prop_assert_eq!(image.size, frame.size);
        prop_assert_eq!(image.format, RawFormat { packing: Packing::Unpacked, ..frame.format });
        prop_assert_eq!(image.samples, frame.codes);
        prop_assert_eq!(image.white_level, (1 << frame.format.bits) - 1);
        for (at, level) in image.black_levels.iter().enumerate() {
            let level16 = metadata.image.black_levels[if frame.format.order.is_some() { at } else { 0 }];
            prop_assert_eq!(*level, f64::from(level16) / f64::from(1u32 << (16 - frame.format.bits)));
        }
    }

    #[test]
    fn damage_never_panics(
        frame in frames(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        compression in compressions(),
    ) {
        let metadata = DngMetadata { compression, ..metadata() };
        let mut file = written(&frame.image(), &metadata);
        // Most of the damage goes to where it can hurt: the directories.
        let head = file.len().saturating_sub(frame.codes.len() * if frame.format.bits == 8 { 1 } else { 2 }).max(200);
        for (at, byte) in changes {
            file[at.index(head)] = byte;
        }
        if cut {
            file.truncate(kept.index(file.len()));
        }
        if let Ok(image) = read(&file) {
            prop_assert_eq!(image.samples.len() as u64, image.size.area());
            prop_assert!(image.samples.len() <= 8 * file.len());
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let error = read(&[b"II*\0\x08\0\0\0", &bytes[..]].concat()).unwrap_err();
        prop_assert!(matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Unsupported));
    }
}

#[test]
fn unpacked_samples_are_the_very_bytes() {
    for bits in [8, 10, 12, 14, 16] {
        let format = RawFormat::bayer(BayerOrder::Rggb, bits, Packing::Unpacked);
        let frame = Frame::new(format, Size::new(6, 4), 8, 3);
        let file = written(&frame.image(), &metadata());
        let bytes: Vec<u8> = frame.image().rows().flatten().copied().collect();
        assert!(file.ends_with(&bytes), "{bits} bits");
    }
}

#[test]
fn metadata_come_back() {
    let second = Calibration {
        illuminant: Illuminant::StandardA,
        xyz_to_camera: Matrix3::IDENTITY,
        forward: Some(Matrix3([[0.5, 0.25, 0.25], [0.125, 1.0, -0.125], [0.0, -0.25, 1.0]])),
    };
    let first =
        Calibration { illuminant: Illuminant::D50, forward: Some(Matrix3::diagonal([0.75; 3])), ..second };
    let ramp = |slope: f32| (0..6u8).map(|at| 1.0 + slope * f32::from(at)).collect();
    let lens_shading = GainMap { columns: 3, rows: 2, gains: [ramp(0.1), ramp(0.2), ramp(0.3), ramp(0.4)] };
    let metadata = DngMetadata {
        lens_shading: Some(lens_shading.clone()),
        calibration: Some(first),
        second_calibration: Some(second),
        white_level: Some(1000),
        baseline_exposure_ev: Some(0.5),
        ..metadata()
    };
    let frame = small();
    let image = read(&written(&frame.image(), &metadata)).unwrap();
    assert_eq!(image.orientation, 3);
    assert_eq!(image.white_level, 1000);
    assert_eq!(image.calibrations, [first, second]);
    assert_eq!(image.as_shot_neutral, Some([0.5, 1.0, 0.625]));
    assert_eq!(image.baseline_exposure_ev, 0.5);
    assert_eq!((image.make.as_str(), image.model.as_str()), ("Raspberry Pi", "imx219"));
    assert_eq!(image.unique_camera_model, "Raspberry Pi imx219");
    assert_eq!(image.date_time, "2026:07:09 18:04:05");
    assert_eq!(image.exposure_time, Some(Duration::from_micros(33_239)));
    assert_eq!(image.iso, Some(300));
    assert_eq!(image.active_area, Rect::new(0, 0, 9, 5));
    assert_eq!(image.lens_shading, Some(lens_shading));
}

#[test]
fn the_frames_own_matrix_becomes_the_calibration() {
    let image = read(&written(&small().image(), &metadata())).unwrap();
    let [calibration] = image.calibrations[..] else { panic!("{:?}", image.calibrations) };
    assert_eq!(calibration.illuminant, Illuminant::D65);
    let white = calibration.xyz_to_camera.apply(SRGB_TO_XYZ.apply([1.0; 3]));
    for (got, expected) in white.iter().zip([0.5, 1.0, 0.625]) {
        assert!((got - expected).abs() < 1e-5, "{white:?}");
    }
}

#[test]
fn nonsense_is_not_written() {
    let frame = small();
    let refused = |metadata: DngMetadata<'_>| {
        let mut file = Vec::new();
        let error = write(&mut file, &frame.image(), &metadata).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(file.is_empty());
    };
    let valid = Calibration::new(Illuminant::D65, Matrix3::IDENTITY);
    let singular = Calibration { xyz_to_camera: Matrix3([[1.0; 3]; 3]), ..valid };
    let flat = Calibration { forward: Some(Matrix3([[1.0; 3]; 3])), ..valid };
    refused(DngMetadata { white_level: Some(1024), ..metadata() });
    refused(DngMetadata { white_level: Some(0), ..metadata() });
    refused(DngMetadata { calibration: Some(singular), ..metadata() });
    refused(DngMetadata { calibration: Some(flat), ..metadata() });
    refused(DngMetadata { second_calibration: Some(valid), ..metadata() });
    refused(DngMetadata { baseline_exposure_ev: Some(f64::INFINITY), ..metadata() });
}

proptest! {
    #[test]
    fn any_metadata_are_written_or_refused(
        gains in any::<[f64; 2]>(),
        gain in any::<f64>(),
        ccm in any::<[[f64; 3]; 3]>(),
        scale in prop::sample::select(vec![1e-300, 1e-7, 1.0, 1e300]),
        nanos in any::<u64>(),
        text in any::<String>(),
    ) {
        let image = ImageMetadata {
            make: text,
            colour_gains: Some(gains.map(|gain| gain.abs() * scale)),
            analogue_gain: Some(gain.abs()),
            ccm: Some(Matrix3(ccm)),
            exposure_time: Some(Duration::from_nanos(nanos)),
            f_number: Some(scale),
            lux: Some(scale),
            ..Default::default()
        };
        let plain = ImageMetadata { ccm: None, ..image.clone() };
        for image in [image, plain] {
            let mut file = Vec::new();
            match write(&mut file, &small().image(), &DngMetadata { image, ..Default::default() }) {
                Ok(()) => prop_assert_eq!(read(&file).unwrap().samples, small().codes),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidArgument),
            }
        }
    }
}

/// A disk with room for so many bytes.
struct Disk(usize);

impl std::io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        const ENOSPC: i32 = 28;
        let written = bytes.len().min(self.0);
        self.0 -= written;
        if written == 0 { Err(std::io::Error::from_raw_os_error(ENOSPC)) } else { Ok(written) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let frame = small();
    let length = written(&frame.image(), &metadata()).len();
    assert!(write(&mut Disk(length), &frame.image(), &metadata()).is_ok());
    for room in [0, 100, length - 1] {
        let error = write(&mut Disk(room), &frame.image(), &metadata()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfResources, "{error}");
    }
}

/// A DNG by hand: big-endian, or tiled, or packed, as other programs write them.
struct Foreign {
    big_endian: bool,
    fields: Vec<(u16, u16, Vec<u32>)>,
    data: Vec<u8>,
}

const FOREIGN_HEAD_BYTES: u32 = 512;

impl Foreign {
    fn new(big_endian: bool, width: u32, height: u32, bits: u32, data: Vec<u8>) -> Self {
        let fields = vec![
            (256, 4, vec![width]),
            (257, 4, vec![height]),
            (258, 3, vec![bits]),
            (259, 3, vec![1]),
            (262, 3, vec![32803]),
            (33421, 3, vec![2, 2]),
            (33422, 1, vec![1, 2, 0, 1]),
            (50706, 1, vec![1, 1, 0, 0]),
        ];
        Self { big_endian, fields, data }
    }

    fn with(mut self, tag: u16, field_type: u16, values: &[u32]) -> Self {
        self.fields.retain(|field| field.0 != tag);
        self.fields.push((tag, field_type, values.to_vec()));
        self.fields.sort();
        self
    }

    fn number(&self, value: u32, bytes: usize) -> Vec<u8> {
        if self.big_endian {
            value.to_be_bytes()[4 - bytes..].to_vec()
        } else {
            value.to_le_bytes()[..bytes].to_vec()
        }
    }

    fn file(&self) -> Vec<u8> {
        let mut head = if self.big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        head.extend(self.number(8, 4));
        head.extend(self.number(self.fields.len() as u32, 2));
        let mut far = Vec::new();
        let far_at = 8 + 2 + 12 * self.fields.len() + 4;
        for (tag, field_type, values) in &self.fields {
            head.extend(self.number(u32::from(*tag), 2));
            head.extend(self.number(u32::from(*field_type), 2));
            head.extend(self.number(values.len() as u32, 4));
            let size = [1, 2, 4][[1, 3, 4].iter().position(|t| t == field_type).unwrap()];
            let mut bytes: Vec<u8> = values.iter().flat_map(|&value| self.number(value, size)).collect();
            if bytes.len() > 4 {
                head.extend(self.number((far_at + far.len()) as u32, 4));
                far.extend(bytes);
            } else {
                bytes.resize(4, 0);
                head.extend(bytes);
            }
        }
        head.extend([0; 4]);
        head.extend(far);
        head.resize(FOREIGN_HEAD_BYTES as usize, 0);
        head.extend(&self.data);
        head
    }
}

fn one_strip(foreign: Foreign) -> Foreign {
    let length = foreign.data.len() as u32;
    foreign.with(273, 4, &[FOREIGN_HEAD_BYTES]).with(279, 4, &[length])
}

#[test]
fn big_endian_words_are_read() {
    let image = read(&one_strip(Foreign::new(true, 2, 2, 16, vec![1, 2, 3, 4, 5, 6, 7, 8])).file()).unwrap();
    assert_eq!(image.samples, [0x102, 0x304, 0x506, 0x708]);
    assert_eq!(image.format.order, Some(BayerOrder::Gbrg));
    assert_eq!((image.white_level, image.orientation), (65535, 1));
}

#[test]
fn packed_bits_are_read() {
    // Two rows of three 12-bit samples, each row filled up to whole bytes.
    let data = vec![0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef, 0x01, 0x20];
    let image = read(&one_strip(Foreign::new(false, 3, 2, 12, data)).file()).unwrap();
    assert_eq!(image.samples, [0x123, 0x456, 0x789, 0xabc, 0xdef, 0x012]);
}

#[test]
fn codes_are_made_linear() {
    let foreign = one_strip(Foreign::new(false, 2, 2, 8, vec![0, 1, 2, 200])).with(50712, 3, &[5, 300, 9000]);
    let image = read(&foreign.file()).unwrap();
    assert_eq!(image.samples, [5, 300, 9000, 9000]);
    assert_eq!(image.white_level, 65535);
}

#[test]
fn tiles_and_strips_are_read() {
    let at = |index: u32| FOREIGN_HEAD_BYTES + index * 4;
    let tiled = Foreign::new(false, 3, 3, 8, (0..16).collect())
        .with(322, 3, &[2])
        .with(323, 3, &[2])
        .with(324, 4, &[at(0), at(1), at(2), at(3)])
        .with(325, 4, &[4, 4, 4, 4]);
    assert_eq!(read(&tiled.file()).unwrap().samples, [0, 1, 4, 2, 3, 6, 8, 9, 12]);
    let strips = Foreign::new(false, 2, 3, 8, (0..8).collect())
        .with(278, 3, &[2])
        .with(273, 4, &[at(1), at(0)])
        .with(279, 4, &[4, 2]);
    assert_eq!(read(&strips.file()).unwrap().samples, [4, 5, 6, 7, 0, 1]);
}

#[test]
fn errors_name_the_field_and_the_reason() {
    let good = || one_strip(Foreign::new(false, 2, 2, 8, vec![0; 4]));
    assert!(read(&good().file()).is_ok());
    let cases = [
        (good().with(259, 3, &[34892]), ErrorKind::Unsupported, "Compression (tag 259) is 34892"),
        (
            good().with(259, 3, &[7]),
            ErrorKind::Malformed,
            "part 0 of its samples, as lossless JPEG: it is no JPEG",
        ),
        (
            good().with(51009, 1, &[0, 0]),
            ErrorKind::Malformed,
            "OpcodeList2 (tag 51009): an opcode is too short",
        ),
        (good().with(258, 3, &[9]), ErrorKind::Unsupported, "BitsPerSample (tag 258) is 9"),
        (good().with(277, 3, &[3]), ErrorKind::Unsupported, "SamplesPerPixel (tag 277) is 3"),
        (good().with(33422, 1, &[0, 1, 2, 1]), ErrorKind::Unsupported, "CFAPattern (tag 33422)"),
        (good().with(256, 4, &[0]), ErrorKind::Malformed, "ImageWidth (tag 256) is 0"),
        (good().with(256, 4, &[60000]), ErrorKind::Malformed, "more than the file's"),
        (good().with(273, 4, &[1 << 30]), ErrorKind::Malformed, "lies outside the file"),
        (good().with(279, 4, &[3]), ErrorKind::Malformed, "has 3 bytes, but 4 are needed"),
        (good().with(278, 3, &[1]), ErrorKind::Malformed, "StripOffsets (tag 273) has 1 values"),
        (good().with(274, 3, &[9]), ErrorKind::Malformed, "Orientation (tag 274) is 9"),
        (good().with(50717, 3, &[256]), ErrorKind::Malformed, "WhiteLevel (tag 50717) is 256"),
        (good().with(50829, 4, &[0, 0, 3, 2]), ErrorKind::Malformed, "ActiveArea (tag 50829)"),
        (good().with(262, 3, &[2]), ErrorKind::Malformed, "none of its directories"),
        (good().with(330, 4, &[8]).with(254, 4, &[1]), ErrorKind::Malformed, "form a ring"),
    ];
    for (foreign, kind, words) in cases {
        let error = read(&foreign.file()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(read(b"\x89PNG\r\n").unwrap_err().to_string().contains("does not begin as a TIFF"));
    assert!(read(b"").is_err());
}

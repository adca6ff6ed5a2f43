//! Formats against the system's headers, and the rules that every format keeps.

use pinhole_base::format::{BayerOrder, FourCc, Packing, PixelFormat, RawFormat};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// A code that differs from the header's would make a driver refuse the format, or fill the
/// buffer with another one.
#[test]
fn v4l2_codes_stand_in_the_systems_header() {
    let Some(header) = header("videodev2.h") else { return };
    let codes: HashSet<FourCc> = header.lines().filter_map(fourcc_in).collect();
    assert!(codes.len() > 100, "only {} codes were found in the header", codes.len());
    for format in PixelFormat::all() {
        // Newer than the oldest kernel headers that are about: Y12P and Y14P came with Linux 6.3,
        // 16 bits a colour with 6.14.
        let is_deep_grey = format.raw().is_some_and(|raw| raw.order.is_none() && raw.bits >= 12);
        if is_deep_grey || format == PixelFormat::Rgb48 {
            continue;
        }
        assert!(codes.contains(&format.v4l2()), "{format}: {} is not in the header", format.v4l2());
    }
}

#[test]
fn media_bus_codes_stand_in_the_systems_header() {
    let Some(header) = header("media-bus-format.h") else { return };
    let codes: HashMap<String, u32> = header.lines().filter_map(bus_code_in).collect();
    for format in PixelFormat::all().filter_map(PixelFormat::raw).filter(|raw| raw.order.is_some()) {
        let order = format!("{:?}", format.order.unwrap()).to_uppercase();
        let name = format!("MEDIA_BUS_FMT_S{order}{bits}_1X{bits}", bits = format.bits);
        assert_eq!(codes.get(&name).copied(), format.media_bus_code(), "{name}");
    }
}

/// Reads a kernel header; says so where the machine has none.
fn header(name: &str) -> Option<String> {
    let path = ["/usr/include/linux/", name].concat();
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("NOT CHECKED: {path} is not there; install linux-libc-dev");
    }
    text
}

fn fourcc_in(line: &str) -> Option<FourCc> {
    let (_, rest) = line.split_once("v4l2_fourcc('")?;
    let letters: Vec<u8> =
        rest.split('\'').step_by(2).filter_map(|part| part.bytes().next()).take(4).collect();
    Some(FourCc::new(&letters.try_into().ok()?))
}

fn bus_code_in(line: &str) -> Option<(String, u32)> {
    let mut words = line.strip_prefix("#define ")?.split_whitespace();
    let name = words.next()?.to_owned();
    let code = words.next()?.strip_prefix("0x")?;
    Some((name, u32::from_str_radix(code, 16).ok()?))
}

#[test]
fn every_format_is_found_by_its_name_and_code() {
    for format in PixelFormat::all() {
        assert_eq!(PixelFormat::from_name(&format.name()), Some(format));
        assert_eq!(PixelFormat::from_name(&format.name().to_lowercase()), Some(format));
        assert_eq!(PixelFormat::from_v4l2(format.v4l2()), Some(format));
    }
    assert_eq!(PixelFormat::from_name("no such format"), None);
}

#[test]
fn no_two_formats_share_a_drm_code_and_modifier() {
    let mut seen = HashMap::new();
    for format in PixelFormat::all().filter(|format| format.joined() == *format) {
        if let Some(other) = seen.insert(format.drm(), format) {
            panic!("{format} and {other} are both {:?}", format.drm());
        }
    }
}

/// A format whose planes have memory of their own means what its twin in one stretch means.
#[test]
fn planes_in_memory_of_their_own_are_shaped_like_those_that_follow_one_another() {
    let apart: Vec<_> = PixelFormat::all().filter(|format| format.memory_count() > 1).collect();
    assert_eq!(apart.len(), 5, "{apart:?}");
    for format in apart {
        let joined = format.joined();
        assert_eq!((joined.memory_count(), joined.drm()), (1, format.drm()));
        assert_eq!(format.memory_count(), joined.plane_count());
        assert_eq!(format.planes(64, 10), joined.planes(64, 10));
        assert_eq!(format.row_bytes(50), joined.row_bytes(50));
        assert_eq!(format.name(), format!("{joined}M"));
    }
}

fn orders() -> impl Strategy<Value = BayerOrder> {
    prop::sample::select(BayerOrder::ALL.to_vec())
}

fn formats() -> impl Strategy<Value = PixelFormat> {
    prop::sample::select(PixelFormat::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn flipping_twice_changes_nothing_and_flips_commute(order in orders()) {
        prop_assert_eq!(order.flipped_horizontally().flipped_horizontally(), order);
        prop_assert_eq!(order.flipped_vertically().flipped_vertically(), order);
        prop_assert_eq!(
            order.flipped_horizontally().flipped_vertically(),
            order.flipped_vertically().flipped_horizontally()
        );
    }

    /// A wrong order after a flip shows as a picture with red and blue exchanged.
    #[test]
    fn a_flipped_mosaic_has_the_flipped_order(order in orders(), x in 0usize..8, y in 0usize..8) {
        prop_assert_eq!(order.flipped_horizontally().colour_at(x, y), order.colour_at(7 - x, y));
        prop_assert_eq!(order.flipped_vertically().colour_at(x, y), order.colour_at(x, 7 - y));
    }

    #[test]
    fn rows_hold_all_their_bits(width in 1u32..10_000, bits in prop::sample::select(vec![8u8, 10, 12, 14, 16]), order in orders()) {
        let unpacked = RawFormat::bayer(order, bits, Packing::Unpacked).row_bytes(width);
        prop_assert!(u64::from(unpacked) * 8 >= u64::from(width) * u64::from(bits));
        if matches!(bits, 10 | 12 | 14) {
            let packed = RawFormat::bayer(order, bits, Packing::Csi2).row_bytes(width);
            prop_assert!(u64::from(packed) * 8 >= u64::from(width) * u64::from(bits));
            prop_assert!(packed * 8 <= (width + 3) * u32::from(bits), "no more than the last group's padding");
        }
    }

    #[test]
    fn planes_cover_the_frame(format in formats(), width in 1u32..5000, height in 1u32..5000) {
        let Some(least) = format.row_bytes(width) else { return Ok(()) };
        let stride = least.next_multiple_of(64);
        let planes = format.planes(stride, height);
        prop_assert_eq!(planes.len(), format.plane_count());
        prop_assert_eq!((planes[0].stride_bytes, planes[0].rows), (stride, height));
        let halves = u64::from(stride) * u64::from(height.div_ceil(2));
        let chroma = planes.bytes() - planes[0].bytes();
        prop_assert!(chroma == 0 || chroma == halves || chroma == planes[0].bytes());
    }
}

#[test]
fn sizes_that_no_memory_has_are_no_overflow() {
    for format in PixelFormat::all() {
        let row = format.row_bytes(u32::MAX).unwrap_or(u32::MAX);
        assert!(format == PixelFormat::Mjpeg || row >= u32::MAX / 2, "{format}: {row}");
        let bytes = format.planes(u32::MAX, u32::MAX).bytes();
        assert!(format == PixelFormat::Mjpeg || bytes >= u64::from(u32::MAX).pow(2), "{format}: {bytes}");
    }
}

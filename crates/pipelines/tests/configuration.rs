//! What becomes of what applications ask for.

use pinhole_base::ErrorKind;
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size, Transform};
use pinhole_camera::config::{Configuration, Role, SensorMode};
use pinhole_pipelines::vc4::configuration::{propose, validate};
use pinhole_pipelines::vc4::discovery::ModeDetail;
use pinhole_sensor::timing::ModeTiming;

fn mode(width: u32, height: u32, bits: u8) -> ModeDetail {
    let format = RawFormat::bayer(BayerOrder::Rggb, bits, Packing::Unpacked);
    let timing = ModeTiming {
        pixel_rate_hz: 182_400_000,
        width,
        height,
        hblank: 168,
        vblank_min: 62,
        vblank_max: 60_000,
        exposure_min_lines: 4,
        exposure_margin_lines: 4,
    };
    let mode = SensorMode {
        size: Size::new(width, height),
        format,
        crop: Rect::new(8, 8, 3280, 2464),
        fps_max: 30.0,
    };
    let packings = if bits == 8 { vec![Packing::Unpacked] } else { vec![Packing::Unpacked, Packing::Csi2] };
    ModeDetail { mode, timing, packings }
}

fn modes() -> Vec<ModeDetail> {
    vec![mode(3280, 2464, 8), mode(3280, 2464, 10), mode(1640, 1232, 8), mode(1640, 1232, 10)]
}

fn valid(roles: &[Role], change: impl FnOnce(&mut Configuration)) -> (Configuration, Vec<String>, usize) {
    let mut configuration = propose(&modes(), Transform::IDENTITY, roles).unwrap();
    validate(&modes(), &mut configuration).unwrap();
    change(&mut configuration);
    let (adjustments, at) = validate(&modes(), &mut configuration).unwrap();
    let again = validate(&modes(), &mut configuration).unwrap();
    assert!(again.0.is_empty(), "validating what validation made changes it again: {:?}", again.0);
    (configuration, adjustments.iter().map(ToString::to_string).collect(), at)
}

#[test]
fn what_is_proposed_is_valid() {
    for roles in [
        &[Role::Raw][..],
        &[Role::Still],
        &[Role::Video, Role::Viewfinder],
        &[Role::Raw, Role::Still, Role::Video],
    ] {
        let (configuration, adjustments, _) = valid(roles, |_| {});
        assert!(adjustments.is_empty(), "{roles:?}: {adjustments:?}");
        assert!(configuration.streams.iter().all(|stream| stream.frame_bytes > 0));
    }
}

#[test]
fn raw_has_the_most_bits_and_the_bytes_of_whole_rows() {
    let (configuration, _, at) = valid(&[Role::Raw], |_| {});
    let raw = &configuration.streams[0];
    assert_eq!(raw.format.name(), "SRGGB10");
    assert_eq!((raw.stride_bytes, raw.frame_bytes), (6560, 6560 * 2464));
    assert_eq!(raw.colour, ColourSpace::RAW);
    assert_eq!(at, 1);
}

/// Catches: formats that a receiver lists, and does not write.
#[test]
fn raw_is_packed_where_the_receiver_does_not_unpack() {
    let last =
        |mode: ModeDetail| ModeDetail { packings: mode.packings[mode.packings.len() - 1..].to_vec(), ..mode };
    let packing: Vec<_> = modes().into_iter().map(last).collect();
    let mut configuration = propose(&packing, Transform::IDENTITY, &[Role::Raw]).unwrap();
    assert!(validate(&packing, &mut configuration).unwrap().0.is_empty(), "what is proposed is valid");
    assert_eq!(configuration.streams[0].format.name(), "SRGGB10_CSI2P");
    configuration.streams[0].format = PixelFormat::from_name("SRGGB10").unwrap();
    let (adjustments, _) = validate(&packing, &mut configuration).unwrap();
    assert!(!adjustments.is_empty());
    assert_eq!(configuration.streams[0].format.name(), "SRGGB10_CSI2P");
}

#[test]
fn packed_raw_stays_packed() {
    let packed = PixelFormat::from_name("SRGGB10_CSI2P").unwrap();
    let (configuration, adjustments, _) = valid(&[Role::Raw], |c| {
        c.streams[0].format = packed;
        c.streams[0].stride_bytes = 0;
    });
    assert_eq!(adjustments, Vec::<String>::new());
    assert_eq!(configuration.streams[0].stride_bytes, 4128, "4100 bytes, to a multiple of 32");
}

/// A preview must not read the whole sensor, which would halve its frame rate.
#[test]
fn a_small_picture_takes_a_small_mode() {
    let (_, _, at) = valid(&[Role::Viewfinder], |_| {});
    assert_eq!(modes()[at].mode.size, Size::new(1640, 1232));
    let (_, _, at) = valid(&[Role::Still], |_| {});
    assert_eq!(modes()[at].mode.size, Size::new(3280, 2464));
}

#[test]
fn what_cannot_be_is_adjusted_and_said() {
    let (configuration, adjustments, _) = valid(&[Role::Video], |c| {
        c.streams[0].size = Size::new(9999, 3);
        c.streams[0].format = PixelFormat::Mjpeg;
        c.streams[0].buffer_count = 0;
        c.streams[0].stride_bytes = 0;
    });
    let video = &configuration.streams[0];
    assert_eq!((video.size, video.format, video.buffer_count), (Size::new(3280, 64), PixelFormat::Yuv420, 1));
    assert!(
        adjustments.iter().any(|text| text.contains("9999x3") && text.contains("3280x64")),
        "{adjustments:?}"
    );
    assert!(
        adjustments.iter().any(|text| text.contains("MJPEG") && text.contains("YUV420")),
        "{adjustments:?}"
    );
}

#[test]
fn a_flip_changes_the_order_of_the_raw_stream() {
    let (configuration, adjustments, _) = valid(&[Role::Raw], |c| c.transform = Transform::ROTATE_180);
    assert_eq!(configuration.streams[0].format.name(), "SBGGR10");
    assert!(
        adjustments.iter().any(|text| text.contains("SBGGR10")),
        "the application is told: {adjustments:?}"
    );
}

#[test]
fn too_many_streams_or_none_is_an_error_of_its_own() {
    let kind = |roles: &[Role]| propose(&modes(), Transform::IDENTITY, roles).unwrap_err().kind();
    assert_eq!(kind(&[]), ErrorKind::InvalidArgument);
    assert_eq!(kind(&[Role::Raw, Role::Raw]), ErrorKind::LimitReached);
    assert_eq!(kind(&[Role::Still, Role::Video, Role::Viewfinder]), ErrorKind::LimitReached);
}

#[test]
fn a_mode_asked_for_is_taken_or_the_nearest_said() {
    let (_, adjustments, at) =
        valid(&[Role::Viewfinder], |c| c.sensor_mode = Some((Size::new(3280, 2464), 8)));
    assert_eq!((at, adjustments), (0, Vec::new()));
    let (_, adjustments, _) =
        valid(&[Role::Viewfinder], |c| c.sensor_mode = Some((Size::new(1000, 1000), 12)));
    assert!(adjustments.iter().any(|text| text.contains("1000x1000")), "{adjustments:?}");
}

/// A mode chosen for the wide picture alone would cut the tall one, and say so only when asked
/// again.
#[test]
fn a_mode_serves_the_widest_and_the_tallest_picture() {
    let (configuration, _, _) = valid(&[Role::Video, Role::Viewfinder], |c| {
        c.streams[0].size = Size::new(1640, 1232);
        c.streams[1].size = Size::new(640, 2464);
        c.streams.iter_mut().for_each(|stream| stream.stride_bytes = 0);
    });
    assert_eq!(configuration.streams[1].size, Size::new(640, 2464));
}

/// Catches: pictures on their heads from sensors that are mounted so, as most Pi cameras are.
#[test]
fn what_is_proposed_is_upright_and_its_mosaic_follows() {
    let format = |upright| {
        let configuration = propose(&modes(), upright, &[Role::Raw]).unwrap();
        assert_eq!(configuration.transform, upright);
        configuration.streams[0].format.raw().and_then(|raw| raw.order).unwrap()
    };
    let order = format(Transform::IDENTITY);
    assert_eq!(format(Transform::ROTATE_180), Transform::ROTATE_180.apply_to(order));
}

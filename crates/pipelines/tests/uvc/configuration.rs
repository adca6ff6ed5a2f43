//! From roles to what a node has.

use crate::device::{Shared, camera, offer, webcam, with_offers};
use pinhole_base::ErrorKind;
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Size, Transform};
use pinhole_camera::config::{Configuration, Role};
use pinhole_device::{FrameInterval, FrameIntervals, FrameSizes};
use pinhole_pipelines::uvc::configuration::choose_interval;
use pinhole_pipelines::uvc::decode;
use std::time::Duration;

const BAYER: PixelFormat = PixelFormat::Raw(RawFormat::bayer(BayerOrder::Grbg, 8, Packing::Unpacked));
const GREY: PixelFormat = PixelFormat::Raw(RawFormat { order: None, bits: 8, packing: Packing::Unpacked });

fn proposed(hardware: &Shared, role: Role) -> (PixelFormat, String) {
    let configuration = camera(hardware).propose([role]).unwrap();
    let stream = &configuration.streams[0];
    (stream.format, stream.size.to_string())
}

fn picture(format: PixelFormat, size: &str) -> (PixelFormat, String) {
    (format, size.to_owned())
}

/// Validates a changed proposal: what it is now, and what was said of it.
fn valid(
    hardware: &Shared,
    role: Role,
    change: impl FnOnce(&mut Configuration),
) -> (Configuration, Vec<String>) {
    let camera = camera(hardware);
    let mut configuration = camera.propose([role]).unwrap();
    change(&mut configuration);
    let adjustments = camera.validate(&mut configuration).unwrap();
    let again = camera.validate(&mut configuration).unwrap();
    assert!(again.is_empty(), "validating what validation made changes it again: {again:?}");
    (configuration, adjustments.iter().map(ToString::to_string).collect())
}

#[test]
fn roles_get_what_serves_them_best() {
    let hardware = webcam();
    assert_eq!(proposed(&hardware, Role::Video), picture(PixelFormat::Mjpeg, "1920x1080"));
    assert_eq!(proposed(&hardware, Role::Still), picture(PixelFormat::Mjpeg, "1920x1080"));
    assert_eq!(proposed(&hardware, Role::Viewfinder), picture(PixelFormat::Yuyv, "640x480"));
}

#[test]
fn video_is_uncompressed_where_it_comes_fast_enough() {
    let sizes = &[(1280, 720), (640, 480)];
    let with = |fps: u32| {
        let uncompressed = offer(PixelFormat::Yuyv, sizes, &[fps]);
        with_offers(vec![offer(PixelFormat::Mjpeg, sizes, &[30]), uncompressed])
    };
    assert_eq!(proposed(&with(25), Role::Video), picture(PixelFormat::Yuyv, "1280x720"));
    assert_eq!(proposed(&with(10), Role::Video), picture(PixelFormat::Mjpeg, "1280x720"));
    assert_eq!(proposed(&with(10), Role::Still), picture(PixelFormat::Yuyv, "1280x720"));
    let slow = offer(PixelFormat::Yuyv, &[(1920, 1080)], &[5]);
    let only = with_offers(vec![slow, offer(PixelFormat::Yuyv, &[(640, 480)], &[30])]);
    assert_eq!(
        proposed(&only, Role::Video),
        picture(PixelFormat::Yuyv, "1920x1080"),
        "a format is listed once"
    );
}

#[test]
fn a_smaller_picture_is_better_than_a_slow_one() {
    let slow = offer(PixelFormat::Yuyv, &[(1920, 1080)], &[5]);
    let hardware = with_offers(vec![slow, offer(PixelFormat::Nv12, &[(640, 480)], &[30])]);
    assert_eq!(proposed(&hardware, Role::Video), picture(PixelFormat::Nv12, "640x480"));
    assert_eq!(proposed(&hardware, Role::Still), picture(PixelFormat::Yuyv, "1920x1080"));
}

#[test]
fn a_camera_that_has_only_large_pictures_gives_its_smallest() {
    let hardware = with_offers(vec![offer(PixelFormat::Nv12, &[(4000, 3000), (2000, 1500)], &[30])]);
    assert_eq!(proposed(&hardware, Role::Viewfinder), picture(PixelFormat::Nv12, "2000x1500"));
}

#[test]
fn only_a_mosaic_is_raw() {
    let mosaic = with_offers(vec![offer(BAYER, &[(640, 480)], &[30])]);
    assert_eq!(proposed(&mosaic, Role::Raw), picture(BAYER, "640x480"));
    let grey = with_offers(vec![offer(GREY, &[(640, 480)], &[30])]);
    assert_eq!(proposed(&grey, Role::Viewfinder), picture(GREY, "640x480"));
    assert_eq!(camera(&grey).propose([Role::Raw]).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn one_stream_is_what_there_is() {
    let camera = camera(&webcam());
    assert_eq!(camera.propose([]).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let error = camera.propose([Role::Video, Role::Still]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitReached);
    let mut none = camera.propose([Role::Video]).unwrap();
    none.streams.clear();
    assert_eq!(camera.validate(&mut none).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn layout_is_the_drivers() {
    let hardware = with_offers(vec![offer(PixelFormat::Yuyv, &[(630, 480)], &[30])]);
    let (configuration, said) = valid(&hardware, Role::Video, |_| {});
    assert!(said.is_empty(), "what is proposed is valid: {said:?}");
    let stream = &configuration.streams[0];
    assert_eq!((stream.stride_bytes, stream.frame_bytes), (1280, 1280 * 480));
    assert_eq!((stream.colour, configuration.internal_bytes), (ColourSpace::SMPTE170M, 0));
    let (configuration, said) = valid(&hardware, Role::Video, |wanted| wanted.streams[0].stride_bytes = 4096);
    assert_eq!(configuration.streams[0].stride_bytes, 1280);
    assert!(said[0].contains("stride of 4096 bytes adjusted to 1280"), "{said:?}");
}

#[test]
fn what_the_camera_does_not_have_is_adjusted_and_told() {
    let hardware = webcam();
    let (configuration, said) = valid(&hardware, Role::Video, |wanted| {
        wanted.transform = Transform::ROTATE_180;
        wanted.sensor_mode = Some((Size::new(1, 1), 10));
        wanted.streams[0].size = Size::new(1270, 700);
        wanted.streams[0].buffer_count = 0;
    });
    assert_eq!(configuration.streams[0].size, Size::new(1280, 720));
    assert_eq!((configuration.streams[0].buffer_count, configuration.sensor_mode), (1, None));
    for word in ["mirror", "sensor modes", "0 buffers", "1270x700"] {
        assert!(said.iter().any(|text| text.contains(word)), "{word}: {said:?}");
    }
}

#[test]
fn another_format_is_chosen_for_the_size_that_was_wanted() {
    let hardware = webcam();
    let change = |size| {
        move |wanted: &mut Configuration| {
            (wanted.streams[0].format, wanted.streams[0].size) = (PixelFormat::Nv12, size);
        }
    };
    let (configuration, said) = valid(&hardware, Role::Video, change(Size::new(320, 240)));
    assert_eq!((configuration.streams[0].format, said.len()), (PixelFormat::Yuyv, 1));
    let change = |wanted: &mut Configuration| wanted.streams[0].format = PixelFormat::Bgr24;
    let (configuration, _) = valid(&hardware, Role::Video, change);
    let stream = &configuration.streams[0];
    assert_eq!((stream.format, stream.converted_from), (PixelFormat::Mjpeg, None), "it is passed through");
}

#[test]
fn jpegs_are_decoded_on_request_where_there_is_nothing_else_and_that_is_told() {
    for format in decode::FORMATS {
        let change = |wanted: &mut Configuration| {
            (wanted.streams[0].format, wanted.streams[0].size) = (format, Size::new(1280, 720));
        };
        let (configuration, said) = valid(&webcam(), Role::Video, change);
        assert!(said.iter().all(|said| said.contains("colour space")), "{format}: {said:?}");
        let stream = &configuration.streams[0];
        assert_eq!((stream.format, stream.converted_from), (format, Some(PixelFormat::Mjpeg)));
        assert_eq!(u64::from(stream.frame_bytes), format.planes(stream.stride_bytes, 720).bytes());
        assert_eq!(configuration.internal_bytes, 4 * 1280 * 720, "the device's buffers are the camera's own");
    }
}

#[test]
fn mosaics_are_developed_beside_themselves_or_alone() {
    let mosaic = with_offers(vec![offer(BAYER, &[(640, 480), (320, 240)], &[30])]);
    let (configuration, said) = valid(&mosaic, Role::Viewfinder, |_| {});
    let stream = &configuration.streams[0];
    assert!(said.is_empty(), "{said:?}");
    assert_eq!((stream.format, stream.converted_from), (PixelFormat::Yuv420, Some(BAYER)));
    assert_eq!(configuration.internal_bytes, 4 * 640 * 480);
    let (configuration, said) = valid(&mosaic, Role::Video, |wanted| {
        (wanted.streams[0].format, wanted.streams[0].size) = (PixelFormat::Mjpeg, Size::new(301, 2000));
    });
    assert_eq!(configuration.streams[0].size, Size::new(300, 480), "{said:?}");
    assert_eq!((configuration.streams[0].format, said.len()), (PixelFormat::Yuv420, 3), "{said:?}");

    let both =
        with_offers(vec![offer(PixelFormat::Yuyv, &[(640, 480)], &[30]), offer(BAYER, &[(640, 480)], &[30])]);
    let camera = camera(&both);
    let mut configuration = camera.propose([Role::Still, Role::Raw]).unwrap();
    assert!(camera.validate(&mut configuration).unwrap().is_empty());
    let [still, raw] = &configuration.streams[..] else { panic!("two streams") };
    assert_eq!((raw.format, raw.converted_from), (BAYER, None), "RAW is the device's own");
    assert_eq!((still.format, still.converted_from), (PixelFormat::Yuv420, Some(BAYER)));
}

#[test]
fn ranges_of_sizes_have_every_step() {
    let mut range = offer(PixelFormat::Yuyv, &[], &[30]);
    range.sizes.push(FrameSizes::Range {
        least: Size::new(32, 16),
        greatest: Size::new(2000, 1200),
        step: Size::new(8, 2),
    });
    let hardware = with_offers(vec![range]);
    assert_eq!(proposed(&hardware, Role::Video), picture(PixelFormat::Yuyv, "1920x1080"));
    for (wanted, made) in [((805, 601), "808x600"), ((1, 1), "32x16"), ((9000, 9000), "2000x1200")] {
        let (configuration, _) =
            valid(&hardware, Role::Video, |wish| wish.streams[0].size = Size::new(wanted.0, wanted.1));
        assert_eq!(configuration.streams[0].size.to_string(), made);
    }
}

#[test]
fn sizes_that_make_no_sense_are_not_offered() {
    let mut lies = offer(PixelFormat::Yuyv, &[(0, 480), (640, 480)], &[0]);
    let range = |least, greatest, step| FrameSizes::Range { least, greatest, step };
    lies.sizes.push(range(Size::new(99, 99), Size::new(9, 9), Size::new(0, 0)));
    lies.sizes.push(range(Size::new(1, 1), Size::new(u32::MAX, 2), Size::new(u32::MAX, 0)));
    let hardware = with_offers(vec![lies]);
    assert_eq!(proposed(&hardware, Role::Viewfinder), picture(PixelFormat::Yuyv, "640x480"));
}

#[test]
fn the_present_size_is_all_where_none_is_listed() {
    let hardware = with_offers(vec![offer(PixelFormat::Yuyv, &[], &[])]);
    assert_eq!(proposed(&hardware, Role::Still), picture(PixelFormat::Yuyv, "640x480"));
    let (configuration, said) = valid(&hardware, Role::Video, |wanted| {
        (wanted.streams[0].size, wanted.streams[0].stride_bytes) = (Size::new(64, 48), 0);
    });
    assert_eq!((configuration.streams[0].size, said.len()), (Size::new(64, 48), 0), "the driver knows");
}

fn discrete(fps: &[u32]) -> Vec<FrameIntervals> {
    let one = |fps: &u32| FrameIntervals::Discrete(FrameInterval { numerator: 1, denominator: *fps });
    fps.iter().map(one).collect()
}

fn chosen_ms(offered: &[FrameIntervals], limits_us: Option<[f32; 2]>) -> Option<u128> {
    choose_interval(offered, limits_us).and_then(FrameInterval::duration).map(|time| time.as_millis())
}

#[test]
fn frames_come_as_fast_as_the_limits_allow() {
    let offered = discrete(&[5, 60, 30, 0, 15]);
    assert_eq!(chosen_ms(&offered, None), Some(33));
    assert_eq!(chosen_ms(&offered, Some([0.0, 0.0])), Some(33), "given back");
    assert_eq!(chosen_ms(&offered, Some([1.0, 40_000.0])), Some(16));
    assert_eq!(chosen_ms(&offered, Some([50_000.0, 100_000.0])), Some(66));
    assert_eq!(chosen_ms(&offered, Some([1e6, 1e7])), Some(200), "the nearest");
    assert_eq!(chosen_ms(&offered, Some([f32::NAN, f32::INFINITY])), Some(16));
    assert_eq!(chosen_ms(&discrete(&[0]), None), None);
    assert_eq!(chosen_ms(&[], None), None);
}

#[test]
fn ranges_of_rates_give_exactly_what_is_asked_for() {
    let interval = |numerator, denominator| FrameInterval { numerator, denominator };
    let range =
        FrameIntervals::Range { shortest: interval(1, 100), longest: interval(1, 1), step: interval(1, 1) };
    assert_eq!(chosen_ms(&[range], None), Some(33));
    assert_eq!(chosen_ms(&[range], Some([100_000.0, 100_000.0])), Some(100));
    let time = choose_interval(&[range], Some([1.0, 2.0])).and_then(FrameInterval::duration);
    assert_eq!(time, Some(Duration::from_millis(10)));
}

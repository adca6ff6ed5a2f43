//! With pixels on: what sensor and ISP write is a picture.

use crate::rig::{Rig, image_format, read};
use pinhole_base::geometry::Rect;
use pinhole_device::uapi::bcm2835_isp::{BlackLevel, Statistics};
use pinhole_device::uapi::control_codes as codes;
use pinhole_device::{ControlCode, ControlWrite, Dequeued, Payload};
use pinhole_sim::{Pixels, Role, SimulatorConfig};
use std::os::fd::AsFd;
use zerocopy::{FromBytes, IntoBytes};

const WIDTH: usize = 640;
const RAW_STRIDE: usize = 800;
const BLACK: BlackLevel =
    BlackLevel { enabled: 1, black_level_r: 4096, black_level_g: 4096, black_level_b: 4096, pad: [0; 2] };

/// A camera that has taken a frame.
fn with_a_picture() -> (Rig, Dequeued) {
    let mut rig = Rig::new(SimulatorConfig { pixels: Pixels::On, ..SimulatorConfig::for_tests() });
    rig.node(Role::Output0).set_format(image_format("RGB24", 640, 480)).unwrap();
    let exposure = ControlWrite { code: codes::EXPOSURE, value: Payload::Integer(600) };
    rig.sensor.set_controls(&[exposure]).unwrap();
    rig.start_receiver(1);
    rig.start_isp(1);
    let image = rig.next(Role::Image);
    set(&mut rig, codes::ISP_BLACK_LEVEL, Payload::Compound(BLACK.as_bytes()));
    (rig, image)
}

fn set(rig: &mut Rig, code: ControlCode, value: Payload<'_>) {
    rig.node(Role::Input).set_controls(&[ControlWrite { code, value }]).unwrap();
}

/// Lets the ISP process the frame; answers the mean of every colour.
fn process(rig: &mut Rig, image: Dequeued) -> [f64; 3] {
    rig.queue_input(image.slot, image.timestamp);
    for role in Role::ISP {
        let done = rig.next(role);
        assert!(!done.error);
        if role != Role::Input {
            rig.port(role).queue(done.slot).unwrap();
        }
    }
    let bytes = bytes_of(rig, Role::Output0);
    let mean = |colour: usize| {
        let values = bytes.iter().skip(colour).step_by(3).map(|&value| f64::from(value));
        values.sum::<f64>() * 3.0 / bytes.len() as f64
    };
    [mean(0), mean(1), mean(2)]
}

fn bytes_of(rig: &mut Rig, role: Role) -> Vec<u8> {
    let port = rig.port(role);
    let mut bytes = vec![0; port.bytes as usize];
    assert_eq!(rustix::io::pread(&port.fds[0], &mut bytes, 0), Ok(bytes.len()));
    bytes
}

#[test]
fn the_sensor_sends_a_picture_and_the_isp_leaves_it_alone() {
    let (mut rig, image) = with_a_picture();
    let raw = bytes_of(&mut rig, Role::Image);
    // The high 8 bits of each sample come first; black is 64 of 1023.
    let samples: Vec<u8> =
        raw.chunks(RAW_STRIDE).flat_map(|row| row.chunks(5).flat_map(|group| &group[..4])).copied().collect();
    assert_eq!(samples.len(), WIDTH * 480);
    let mean = samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / samples.len() as f64;
    assert!(mean > 20.0 && mean < 200.0, "{mean}");
    let brightest = samples.iter().copied().max().map_or(0.0, f64::from);
    assert!(brightest > 1.5 * mean, "{brightest} {mean}");
    process(&mut rig, image);
    assert!(bytes_of(&mut rig, Role::Image) == raw);
}

#[test]
fn controls_take_effect_in_the_next_run() {
    let (mut rig, image) = with_a_picture();
    let plain = process(&mut rig, image);
    assert!(plain.iter().all(|&mean| mean > 5.0), "{plain:?}");
    assert!(process(&mut rig, image) == plain);
    set(&mut rig, codes::RED_BALANCE, Payload::Integer(2000));
    let red = process(&mut rig, image);
    assert!(red[0] > 1.2 * plain[0] && (red[2] - plain[2]).abs() < 1.0, "{plain:?} {red:?}");
    set(&mut rig, codes::ISP_BLACK_LEVEL, Payload::Compound(&[0; 12]));
    assert!(process(&mut rig, image)[1] > plain[1]);
}

#[test]
fn the_crop_decides_what_the_outputs_show() {
    let (mut rig, image) = with_a_picture();
    process(&mut rig, image);
    let whole = bytes_of(&mut rig, Role::Output0);
    rig.node(Role::Input).set_crop(Rect::new(100, 100, 320, 240)).unwrap();
    process(&mut rig, image);
    assert!(bytes_of(&mut rig, Role::Output0) != whole);
    rig.node(Role::Input).set_crop(Rect::new(0, 0, 640, 480)).unwrap();
    process(&mut rig, image);
    assert!(bytes_of(&mut rig, Role::Output0) == whole);
}

#[test]
fn statistics_are_those_of_the_picture() {
    let (mut rig, image) = with_a_picture();
    process(&mut rig, image);
    let bytes = read::<{ size_of::<Statistics>() }>(rig.port(Role::Statistics).fds[0].as_fd());
    let statistics = Statistics::read_from_bytes(&bytes).unwrap();
    let cells: u32 = statistics.awb.iter().map(|zone| zone.counted + zone.notcounted).sum();
    assert_eq!(cells, 320 * 240);
    assert_eq!(statistics.hist[0].g.iter().sum::<u32>(), cells / 4, "histograms count a cell of four");
    let green: u64 = statistics.awb.iter().map(|zone| zone.g_sum).sum();
    assert!(green / u64::from(cells) > 300);
    assert!(statistics.focus.iter().any(|window| window.contrast[0][0] + window.contrast[1][0] > 0));
}

#[test]
fn equal_seeds_give_equal_pictures() {
    let (mut first, _) = with_a_picture();
    let (mut second, _) = with_a_picture();
    assert!(bytes_of(&mut first, Role::Image) == bytes_of(&mut second, Role::Image));
}

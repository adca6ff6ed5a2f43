//! The control loops on a Raspberry Pi's camera as mainline's kernel shows it: the kernel's own
//! drivers for receiver and sensor, on the testbed's modelled registers, beside its modelled ISP
//! (`--drivers pi-mainline`); or alone (`--drivers unicam`), with an ISP of the CPU's.
//!
//! Runs in the testbed's guest, with `--test-threads=1`: there is one camera. Elsewhere it says
//! that nothing is tested; `PINHOLE_DRIVERS=pi-mainline`, or `unicam`, demands the camera.

use pinhole::device::{Graph, Provider, Route};
use pinhole::geometry::Size;
use pinhole::kernel::KernelProvider;
use pinhole::sim::WithCpuIsp;
use pinhole::{Cameras, Frame, Role, Session, control};
use pinhole_conformance::kernel::pi_module;

/// What light there is, in lux, as the modelled sensor is told.
const LUX: &str = "/sys/module/unicam_model/parameters/lux";

/// The modelled light is white where green is 1024: what undoes it, red and blue.
const TRUE_GAINS: [f64; 2] = [1024.0 / 617.0, 1024.0 / 687.0];

/// The receiver's graph; `None` if there is no such camera and none was demanded.
fn receiver() -> Option<Graph> {
    let media = KernelProvider::new().media_devices().expect("media devices can be listed");
    let mut graphs = media.iter().map(|device| device.graph().clone());
    let found = graphs.find(|graph| graph.entity("unicam").is_some());
    if found.is_none() {
        let demanded = std::env::var("PINHOLE_DRIVERS").unwrap_or_default();
        assert!(demanded.is_empty(), "there is no camera of {demanded}");
        println!("not tested: there is no modelled Raspberry Pi camera of mainline's kernel");
    }
    found
}

fn shine(lux: u32) {
    std::fs::write(LUX, lux.to_string()).expect("the sensor is modelled");
}

fn session(roles: &[Role]) -> Session {
    let devices = WithCpuIsp::new(Box::new(KernelProvider::new()));
    let cameras = Cameras::of_provider(Box::new(devices), None);
    let camera =
        cameras.and_then(|cameras| cameras.first()?.acquire()).expect("Pinhole takes it for a camera");
    let mut configuration = camera.propose(roles).expect("the roles are served");
    configuration.streams.iter_mut().for_each(|stream| stream.size = Size::new(640, 480));
    camera.validate(&mut configuration).expect("it can be adjusted");
    let made = configuration.streams.iter().filter(|stream| stream.role != Role::Raw);
    for stream in made {
        assert_eq!(stream.converted_from.is_some(), is_isp_on_cpu(), "what the CPU makes is told");
    }
    camera.start(&configuration).expect("nothing is in the way of a start")
}

/// Without the module that models it, there is no other ISP.
fn is_isp_on_cpu() -> bool {
    !pi_module::is_there()
}

fn next(session: &mut Session) -> Frame {
    let frame = session.next().expect("nothing fails").expect("frames come");
    assert_eq!(frame.metadata().get(control::CPU_CONVERTED), is_isp_on_cpu().then_some(true));
    frame
}

/// The last of so many frames.
fn after(session: &mut Session, frames: usize) -> Frame {
    (0..frames).map(|_| next(session)).last().expect("there is one")
}

/// What a frame had: exposure times gain.
fn exposed(frame: &Frame) -> f64 {
    let metadata = frame.metadata();
    let exposure_us = metadata.get(control::EXPOSURE_TIME).expect("frames are exposed");
    f64::from(exposure_us) * f64::from(metadata.get(control::ANALOGUE_GAIN).expect("frames have a gain"))
}

/// The mean brightness of a video frame.
fn mean(frame: &Frame) -> f64 {
    let stream = frame.stream(Role::Video).expect("it was asked for");
    let view = stream.map().expect("it can be looked into");
    let luma = &view.plane(0)[..640 * 480];
    luma.iter().map(|byte| f64::from(*byte)).sum::<f64>() / luma.len() as f64
}

/// Catches: settings that do not reach mainline's sensor, or are taken for another frame's; a
/// loop that swings or stops short when the light changes.
#[test]
fn exposure_and_white_balance_converge_and_follow_the_light() {
    if receiver().is_none() {
        return;
    }
    shine(500);
    // Small RAW frames are of the sensor's middle, where little lens shading is undone.
    let mut session = session(&[Role::Raw, Role::Video]);
    let usual = after(&mut session, 60);
    let gains = usual.metadata().get(control::COLOUR_GAINS).expect("frames have gains").map(f64::from);
    println!("gains: true {TRUE_GAINS:.3?}, ours {gains:.3?}; mean {:.1}", mean(&usual));
    assert_eq!(usual.metadata().get(control::AE_LOCKED), Some(true), "exposure has not settled");
    assert_eq!(usual.metadata().get(control::AWB_LOCKED), Some(true), "nor white balance");
    for (gain, truth) in gains.into_iter().zip(TRUE_GAINS) {
        // An ISP that undoes lens shading makes some where the model has none.
        assert!((gain / truth - 1.0).abs() < 0.05, "gains {gains:?}");
    }
    for (lux, share) in [(2000, 0.25), (500, 1.0)] {
        shine(lux);
        let frame = after(&mut session, 60);
        assert_eq!(frame.metadata().get(control::AE_LOCKED), Some(true), "it has not settled in {lux} lux");
        let ratio = exposed(&frame) / exposed(&usual);
        println!("{lux} lux: {ratio:.3} of the exposure; mean {:.1}", mean(&frame));
        assert!((ratio / share - 1.0).abs() < 0.1, "in {lux} lux it exposes {ratio} times as much");
        assert!((mean(&frame) - mean(&usual)).abs() < 8.0, "it looks otherwise");
    }
}

/// Catches: a receiver that waits for a node that nobody starts, since another program has left it
/// a route there.
#[test]
fn a_route_that_another_program_has_left_is_no_obstacle() {
    let Some(graph) = receiver() else { return };
    let path = graph.entity("unicam").and_then(|entity| entity.node.clone()).expect("it can be opened");
    let mut device = KernelProvider::new().sub_device(&path).expect("it can be opened");
    let [image, metadata] = [(0, 1), (1, 2)].map(|(stream, source_pad)| Route {
        sink_pad: 0,
        sink_stream: stream,
        source_pad,
        source_stream: 0,
        active: true,
    });
    device.set_routes(&[image, metadata]).expect("this kernel has routes");
    let frame = after(&mut session(&[Role::Raw, Role::Video]), 3);
    assert!(frame.stream(Role::Raw).is_ok() && frame.stream(Role::Video).is_ok());
    assert_eq!(device.routes().expect("they can be asked for"), [image]);
}

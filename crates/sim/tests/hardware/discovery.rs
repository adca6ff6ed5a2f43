//! What is found, and what can be opened.

use crate::rig::{EBUSY, EINVAL, ENODEV, ENOENT, EPIPE, Rig, errno, image_format, path, simulator};
use pinhole_base::ErrorKind;
use pinhole_base::geometry::Size;
use pinhole_device::{EntityFunction, MediaBusFormat, NodeKind, Provider, SelectionTarget};
use pinhole_sim::{CameraConfig, Clock, Fault, FaultPlan, FaultRate, Role, ScheduledFault, Simulator};
use pinhole_sim::{SimulatorConfig, model::IMX477};
use std::sync::Arc;

fn provider_of(cameras: impl Into<Vec<CameraConfig>>) -> Box<dyn Provider> {
    simulator(SimulatorConfig::for_tests().with_cameras(cameras)).provider()
}

#[test]
fn each_camera_has_a_receiver_and_an_isp() {
    let mut provider = provider_of([CameraConfig::imx219(), CameraConfig::imx477()]);
    assert!(provider.is_simulated());
    let devices = provider.media_devices().unwrap();
    let drivers: Vec<_> = devices.iter().map(|device| device.graph().info.driver.clone()).collect();
    assert_eq!(drivers, ["unicam", "bcm2835-isp", "unicam", "bcm2835-isp"]);
    let sensors = devices.iter().flat_map(|device| &device.graph().entities);
    let sensors: Vec<_> = sensors
        .filter(|entity| entity.function == EntityFunction::Sensor)
        .map(|entity| entity.name.as_str())
        .collect();
    assert_eq!(sensors, ["imx219 10-0010", "imx477 11-001a"]);
}

#[test]
fn every_path_of_a_graph_can_be_opened() {
    let mut provider = provider_of([CameraConfig::imx219().with_mux()]);
    for device in provider.media_devices().unwrap() {
        for entity in &device.graph().entities {
            let Some(path) = &entity.node else { continue };
            match entity.function {
                EntityFunction::Io => {
                    let node = provider.video_node(path).unwrap();
                    assert_eq!(node.capabilities().name, entity.name);
                }
                _ => assert_eq!(provider.sub_device(path).unwrap().name(), entity.name),
            }
        }
    }
}

#[test]
fn nodes_say_what_they_are() {
    let mut rig = Rig::for_tests();
    for (role, kind, media_centric) in [
        (Role::Image, NodeKind::VideoCapture, true),
        (Role::Embedded, NodeKind::MetaCapture, true),
        (Role::Input, NodeKind::VideoOutput, false),
        (Role::Output0, NodeKind::VideoCapture, false),
        (Role::Statistics, NodeKind::MetaCapture, false),
    ] {
        let capabilities = rig.node(role).capabilities();
        assert_eq!((capabilities.kind, capabilities.media_centric), (kind, media_centric));
    }
}

#[test]
fn a_sensor_without_embedded_data_has_no_node_for_them() {
    let mut provider = provider_of([CameraConfig::imx477().without_embedded()]);
    assert_eq!(path(&mut *provider, 0, Role::Embedded), None);
    assert!(path(&mut *provider, 0, Role::Image).is_some());
    assert_eq!(errno(provider.video_node("/dev/video1").map(drop)), ENOENT);
}

#[test]
fn what_is_not_there_cannot_be_opened() {
    let mut provider = provider_of([CameraConfig::imx219()]);
    for path in ["", "/dev/video", "/dev/video6", "/dev/video99999999999999999999", "/dev/video-1", "video0"]
    {
        let error = provider.video_node(path).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.place()), (ErrorKind::NotFound, Some(path)));
    }
    for path in ["/dev/v4l-subdev1", "/dev/v4l-subdev2", "/dev/media0"] {
        assert_eq!(errno(provider.sub_device(path).map(drop)), ENOENT);
    }
}

#[test]
fn a_media_device_has_one_user_at_a_time() {
    let mut provider = provider_of([CameraConfig::imx219()]);
    let mut first = provider.media_devices().unwrap();
    let mut second = provider.media_devices().unwrap();
    first[0].acquire().unwrap();
    first[0].acquire().unwrap();
    assert_eq!(second[0].acquire().unwrap_err().kind(), ErrorKind::Busy);
    second[0].release();
    assert_eq!(errno(second[0].acquire()), EBUSY);
    second[1].acquire().unwrap();
    drop(first);
    second[0].acquire().unwrap();
}

#[test]
fn links_can_be_set_unless_they_are_immutable_or_in_use() {
    let config = SimulatorConfig::for_tests().with_cameras([CameraConfig::imx219().with_mux()]);
    let mut rig = Rig::new(config);
    let mut device = rig.provider.media_devices().unwrap().remove(0);
    let links = device.graph().links.clone();
    let changeable = links.iter().find(|link| !link.immutable).unwrap().id;
    let fixed = links.iter().find(|link| link.immutable).unwrap().id;
    assert_eq!(errno(device.set_link(fixed, false)), EINVAL);
    device.set_link(fixed, true).unwrap();
    assert_eq!(errno(device.set_link(u32::MAX, true)), EINVAL);
    device.set_link(changeable, true).unwrap();
    assert!(device.graph().links.iter().all(|link| link.enabled));
    set_mux(&mut rig, 640, 480);
    rig.start_receiver(1);
    assert_eq!(errno(device.set_link(changeable, false)), EBUSY);
}

fn set_mux(rig: &mut Rig, width: u32, height: u32) {
    let mut mux = rig.provider.sub_device("/dev/v4l-subdev1").unwrap();
    mux.set_format(0, MediaBusFormat { code: 0x300f, size: Size::new(width, height) }).unwrap();
    assert_eq!(mux.format(1).unwrap().size, Size::new(width, height));
}

#[test]
fn streaming_through_a_mux_needs_its_link_and_its_format() {
    let config = SimulatorConfig::for_tests().with_cameras([CameraConfig::imx219().with_mux()]);
    let mut rig = Rig::new(config);
    rig.port(Role::Image).make_buffers(1);
    assert_eq!(errno(rig.node(Role::Image).stream_on()), EPIPE);
    let mut device = rig.provider.media_devices().unwrap().remove(0);
    let link = device.graph().links.iter().find(|link| !link.enabled).unwrap().id;
    device.set_link(link, true).unwrap();
    set_mux(&mut rig, 1920, 1080);
    assert_eq!(errno(rig.node(Role::Image).stream_on()), EPIPE);
    set_mux(&mut rig, 640, 480);
    rig.node(Role::Image).stream_on().unwrap();
}

#[test]
fn streaming_needs_the_sensors_format_at_the_node() {
    let mut rig = Rig::for_tests();
    for (name, width, height) in
        [("SRGGB10_CSI2P", 1920, 1080), ("SRGGB8", 640, 480), ("SBGGR10_CSI2P", 640, 480)]
    {
        rig.node(Role::Image).set_format(image_format(name, width, height)).unwrap();
        rig.port(Role::Image).make_buffers(1);
        let error = rig.node(Role::Image).stream_on().unwrap_err();
        assert_eq!(error.errno(), Some(EPIPE));
        assert!(error.to_string().contains("the sensor sends SRGGB10 640x480"), "{error}");
        rig.node(Role::Image).free().unwrap();
    }
    rig.node(Role::Image).set_format(image_format("SRGGB10", 640, 480)).unwrap();
    rig.port(Role::Image).make_buffers(1);
    rig.node(Role::Image).stream_on().unwrap();
}

#[test]
fn sensors_have_their_rectangles() {
    let mut rig = Rig::for_tests();
    let selection = |rig: &mut Rig, target| rig.sensor.selection(target).unwrap().to_string();
    assert_eq!(selection(&mut rig, SelectionTarget::NativeSize), "(0, 0)/3296x2480");
    assert_eq!(selection(&mut rig, SelectionTarget::CropBounds), "(8, 8)/3280x2464");
    assert_eq!(selection(&mut rig, SelectionTarget::Crop), "(1008, 760)/1280x960");
}

#[test]
fn errors_name_the_node_and_what_was_done() {
    let mut rig = Rig::for_tests();
    let error = rig.node(Role::Image).stream_on().unwrap_err().to_string();
    assert_eq!(
        error,
        "unicam-image (/dev/video0): starting to stream: the node has no buffers (Invalid argument (os error 22))"
    );
    rig.control.unplug_camera(0).unwrap();
    assert_eq!(errno(rig.sensor.format(0)), ENODEV);
}

#[test]
fn nonsense_configurations_are_refused() {
    let base = SimulatorConfig::for_tests;
    let rate = |camera, probability| FaultPlan {
        rates: vec![FaultRate { camera, fault: Fault::LoseImage, probability }],
        ..FaultPlan::default()
    };
    let scheduled = vec![ScheduledFault { camera: 1, after: 0, fault: Fault::LoseImage }];
    let sideways = CameraConfig { rotation_degrees: 90, ..CameraConfig::new(&IMX477) };
    for config in [
        base().with_cameras([]),
        base().with_cameras(vec![CameraConfig::imx219(); 65]),
        base().with_cameras([sideways]),
        SimulatorConfig { clock: Clock::Real { pace: 0.0 }, ..base() },
        SimulatorConfig { clock: Clock::Real { pace: f64::NAN }, ..base() },
        SimulatorConfig { faults: rate(None, 1.5), ..base() },
        SimulatorConfig { faults: rate(Some(1), 0.5), ..base() },
        SimulatorConfig { faults: FaultPlan { scheduled, rates: Vec::new() }, ..base() },
    ] {
        let error = Simulator::new(config, Arc::new(crate::rig::NoMapper)).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

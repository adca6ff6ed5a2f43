//! Which nodes are cameras, and what becomes of those that fail.

use crate::device::{Machines, Shared, listed, lock, offer, webcam, with_offers};
use pinhole_base::ErrorKind;
use pinhole_base::format::PixelFormat;
use pinhole_camera::changes::CameraEvent;
use pinhole_camera::handle::Cameras;
use pinhole_device::NodeKind;
use pinhole_pipelines::{Found, discover, uvc};
use std::sync::Arc;

fn found(nodes: &[(&str, &Shared)]) -> Found {
    let listed = |(at, (path, hardware)): (usize, &(&str, &Shared))| {
        (listed(path, "cam", &format!("1-{at}:1.0"), 0), Arc::clone(hardware))
    };
    discover(&Machines::shared(nodes.iter().enumerate().map(listed).collect()), None)
}

fn ids(found: &Found) -> Vec<&str> {
    found.cameras.iter().map(|camera| camera.info().id.as_str()).collect()
}

#[test]
fn one_broken_device_does_not_hide_the_others() {
    let (good, broken, other) = (webcam(), webcam(), webcam());
    lock(&broken).refuses_opening = Some(ErrorKind::PermissionDenied);
    let found = found(&[("/dev/video0", &good), ("/dev/video1", &broken), ("/dev/video2", &other)]);
    assert_eq!(ids(&found), ["cam 1-0:1.0", "cam 1-2:1.0"]);
    assert_eq!(found.failures.len(), 1);
    assert_eq!(found.failures[0].place(), Some("/dev/video1"));
}

#[test]
fn what_gives_no_pictures_by_itself_is_no_camera() {
    let (output, along_a_graph, gone, strange) = (webcam(), webcam(), webcam(), with_offers(Vec::new()));
    lock(&output).capabilities.kind = NodeKind::VideoOutput;
    lock(&along_a_graph).capabilities.media_centric = true;
    lock(&gone).gone = true;
    let metadata = webcam();
    lock(&metadata).refuses_opening = Some(ErrorKind::Unsupported);
    let found =
        found(&[("0", &output), ("1", &along_a_graph), ("2", &gone), ("3", &strange), ("4", &metadata)]);
    assert!(found.cameras.is_empty() && found.failures.is_empty(), "{:?}", found.failures);
}

#[test]
fn nodes_of_other_pipelines_are_left_alone() {
    let (ours, theirs) = (webcam(), webcam());
    let nodes = vec![(listed("0", "a", "x", 0), ours), (listed("1", "b", "y", 0), theirs)];
    let found = uvc::backend::discover(&Machines::shared(nodes), &["1".to_owned()]).unwrap();
    let ids: Vec<_> = found.iter().map(|camera| camera.as_ref().unwrap().info().id.clone()).collect();
    assert_eq!(ids, ["a x"]);
}

#[test]
fn cameras_that_are_alike_have_names_of_their_own() {
    let nodes = vec![
        (listed("0", "cam", "1-1:1.0", 0), webcam()),
        (listed("1", "cam", "1-1:1.0", 2), webcam()),
        (listed("2", "cam", "1-2:1.0", 0), webcam()),
    ];
    let found = discover(&Machines::shared(nodes), None);
    assert_eq!(ids(&found), ["cam 1-1:1.0", "cam 1-1:1.0 #2", "cam 1-2:1.0"]);
}

#[test]
fn a_camera_tells_of_its_pictures() {
    let bayer = PixelFormat::from_name("SGRBG8").unwrap();
    let pictures = vec![
        offer(PixelFormat::Yuyv, &[(640, 480)], &[15, 30]),
        offer(bayer, &[(800, 600)], &[]),
        offer(PixelFormat::Yuyv, &[(1, 1)], &[1]),
    ];
    let found = found(&[("0", &with_offers(pictures))]);
    let info = found.cameras[0].info();
    assert_eq!((info.pipeline, info.model.as_str(), info.simulated), ("uvc", "cam", false));
    let developed = [PixelFormat::Nv12, PixelFormat::Yuv420, PixelFormat::Rgb24];
    assert_eq!(info.formats, [&[PixelFormat::Yuyv], &developed[..]].concat());
    let told: Vec<_> = info
        .pictures
        .iter()
        .map(|picture| (picture.format, picture.size.to_string(), picture.fps_max.map(f64::round)))
        .collect();
    let yuyv = (PixelFormat::Yuyv, "640x480".to_owned(), Some(30.0));
    assert_eq!(told, [yuyv, (bayer, "800x600".to_owned(), None)]);
}

#[test]
fn cameras_come_and_go_and_those_that_stay_are_left_alone() {
    let (first, second) = (webcam(), webcam());
    let both = || {
        let nodes = vec![
            (listed("0", "cam", "1-1:1.0", 0), Arc::clone(&first)),
            (listed("1", "cam", "1-2:1.0", 0), Arc::clone(&second)),
        ];
        discover(&Machines::shared(nodes), None).cameras
    };
    let one =
        || discover(&Machines::shared(vec![(listed("0", "cam", "1-1:1.0", 0), Arc::clone(&first))]), None);
    let told = |events: Vec<CameraEvent>| -> Vec<String> {
        let sign = |event: &CameraEvent| if matches!(event, CameraEvent::Added(_)) { '+' } else { '-' };
        events.iter().map(|event| format!("{}{}", sign(event), event.info().id)).collect()
    };
    let mut cameras = Cameras::new(Vec::new());
    assert_eq!(told(cameras.update(both(), &[])), ["+cam 1-1:1.0", "+cam 1-2:1.0"]);
    assert!(told(cameras.update(both(), &[])).is_empty());
    let acquired = cameras.first().unwrap().acquire().unwrap();
    assert_eq!(told(cameras.update(one().cameras, &[])), ["-cam 1-2:1.0"]);
    let busy = cameras.first().unwrap().acquire().err().unwrap();
    assert_eq!(busy.kind(), ErrorKind::Busy, "it is the camera that is acquired");
    assert_eq!(told(cameras.update(both(), &[])), ["+cam 1-2:1.0"]);
    let events = cameras.update(both(), &["1".to_owned(), "7".to_owned()]);
    assert_eq!(told(events), ["-cam 1-2:1.0", "+cam 1-2:1.0"], "gone and back between two looks");
    drop(acquired);
    assert!(cameras.first().unwrap().acquire().is_ok());
}

//! The choice between hardware and simulation.

use pinhole::device::{Heap, MediaDevice, NodeInfo, Poller, Provider, SubDevice, VideoNode};
use pinhole::kernel::memory::SystemMapper;
use pinhole::sim::{Simulator, SimulatorConfig};
use pinhole::{Cameras, Error, ErrorKind, Mapper, Result, Role};
use std::sync::Arc;

/// A machine with one node that cannot be opened, or with none.
struct Machine(Option<ErrorKind>);

fn refused<T>(kind: ErrorKind, what: &'static str) -> Result<T> {
    Err(Error::new(kind, what).at("/dev/video0"))
}

impl Provider for Machine {
    fn is_simulated(&self) -> bool {
        false
    }

    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        Ok(Vec::new())
    }

    fn video_nodes(&mut self) -> Result<Vec<NodeInfo>> {
        let node = NodeInfo {
            path: "/dev/video0".into(),
            name: "webcam".into(),
            bus_info: "1-1:1.0".into(),
            index: 0,
        };
        Ok(self.0.iter().map(|_| node.clone()).collect())
    }

    fn video_node(&mut self, _: &str) -> Result<Box<dyn VideoNode>> {
        refused(self.0.expect("it is asked for what it listed"), "opening a video node")
    }

    fn sub_device(&mut self, _: &str) -> Result<Box<dyn SubDevice>> {
        refused(ErrorKind::NotFound, "opening a sub-device")
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        refused(ErrorKind::NotFound, "opening a heap")
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        refused(ErrorKind::NotFound, "making a poller")
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        Arc::new(SystemMapper)
    }
}

fn opened(failure: Option<ErrorKind>) -> Result<Cameras> {
    Cameras::hardware_or_simulated(Box::new(Machine(failure)))
}

#[test]
fn where_there_is_no_camera_there_is_a_simulated_one() {
    let cameras = opened(None).unwrap();
    assert!(cameras.first().unwrap().info().simulated && cameras.simulator().is_some());
    assert!(cameras.failures().is_empty());
}

/// As in a container: the kernel lists the host's devices, whose files are not there.
#[test]
fn what_is_not_here_is_no_camera_but_told_of() {
    let cameras = opened(Some(ErrorKind::NotFound)).unwrap();
    assert!(cameras.first().unwrap().info().simulated);
    assert_eq!(cameras.failures().len(), 1);
}

/// Nobody is to get simulated pictures for want of a permission.
#[test]
fn a_camera_that_may_not_be_opened_is_an_error() {
    let error = opened(Some(ErrorKind::PermissionDenied)).err().unwrap();
    assert_eq!((error.kind(), error.place()), (ErrorKind::PermissionDenied, Some("/dev/video0")));
}

/// Sensors keep their controls when programs end: the next one meets a sensor that mirrors.
#[test]
fn a_sensor_that_was_left_mirroring_has_the_same_modes() {
    let mut config = SimulatorConfig::default();
    config.cameras[0].rotation_degrees = 180;
    let simulator = Simulator::new(config, Arc::new(SystemMapper)).unwrap();
    let configured = || {
        let cameras = Cameras::of_simulator(&simulator, None).unwrap();
        let mut camera = cameras.iter().next().unwrap().acquire().unwrap();
        let configuration = camera.propose([Role::Raw]).unwrap();
        camera.configure(&configuration).unwrap();
        camera.info().modes.clone()
    };
    assert_eq!(configured(), configured());
}

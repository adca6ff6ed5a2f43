//! A fresh world of cameras, and an application's usual first steps in it.

use crate::foreign::foreign_buffer;
use crate::mapper::CountingMapper;
use crate::rig::{NotApplicable, Verdict};
use pinhole::sim::{Fault, ScheduledFault, SimulatorControl};
use pinhole::{Camera, Cameras, Configuration, Driver, FrameBuffer, Request, Role, StreamId};
use std::sync::Arc;

/// A fresh world of cameras.
pub struct Bench {
    /// The cameras.
    pub cameras: Cameras,
    /// Who turns their loops.
    pub driver: Driver,
    /// Whether their sensors send embedded data.
    pub embedded: bool,
    /// What all their buffers are mapped with.
    pub mapper: Arc<CountingMapper>,
}

impl Bench {
    /// The first camera, acquired.
    pub fn camera(&self) -> Camera {
        self.camera_at(0)
    }

    /// A camera, acquired.
    ///
    /// # Panics
    /// It cannot be.
    pub fn camera_at(&self, index: usize) -> Camera {
        let entry = self.cameras.get(&index.to_string()).expect("the world has such a camera");
        let mut camera = entry.acquire().expect("nobody else has the camera");
        camera.set_driver(self.driver);
        camera
    }

    /// The first camera, configured for these roles.
    pub fn configured(&self, roles: &[Role]) -> Camera {
        let mut camera = self.camera();
        configure(&mut camera, roles);
        camera
    }

    /// What is behind the scenes.
    ///
    /// # Errors
    /// Real hardware keeps no books.
    pub fn hardware(&self) -> Verdict<&SimulatorControl> {
        self.cameras.simulator().ok_or(NotApplicable("only simulated hardware can be looked behind"))
    }

    /// Lets something go wrong with the first camera, after that many occasions for it.
    ///
    /// # Errors
    /// Real hardware does not fail on demand.
    pub fn inject(&self, after: u32, fault: Fault) -> Verdict {
        let hardware = self.hardware()?;
        hardware.inject(ScheduledFault { camera: 0, after, fault }).expect("the first camera is there");
        Ok(())
    }

    /// Buffers for a stream that no camera device has allocated.
    ///
    /// # Panics
    /// Memory ran out.
    pub fn foreign(&self, camera: &Camera, stream: StreamId, count: usize) -> Vec<FrameBuffer> {
        let bytes = stream_bytes(camera, stream);
        let make = |_| foreign_buffer(bytes, Arc::<CountingMapper>::clone(&self.mapper));
        (0..count).map(make).collect::<Result<_, _>>().expect("there is memory for foreign buffers")
    }
}

fn stream_bytes(camera: &Camera, stream: StreamId) -> u32 {
    let found = camera.streams().find(|(id, _)| *id == stream);
    found.expect("the stream is configured").1.frame_bytes
}

/// Configures a camera for these roles.
///
/// # Panics
/// It refuses.
pub fn configure(camera: &mut Camera, roles: &[Role]) -> Configuration {
    let configuration = camera.propose(roles).expect("the camera serves these roles");
    camera.configure(&configuration).expect("what was proposed can be set");
    configuration
}

/// The streams of a configured camera.
pub fn streams(camera: &Camera) -> Vec<StreamId> {
    camera.streams().map(|(id, _)| id).collect()
}

/// Requests with a new buffer for each of these streams. Cookies tell them apart: a request's
/// is its place, a buffer's that and the stream's.
///
/// # Panics
/// Memory ran out.
pub fn requests_for(camera: &mut Camera, streams: &[StreamId], count: usize) -> Vec<Request> {
    let mut requests: Vec<_> = (0..count).map(|_| camera.create_request()).collect();
    for stream in streams {
        let buffers = camera.allocate(*stream, count as u32).expect("there is memory for buffers");
        for (at, (request, mut buffer)) in requests.iter_mut().zip(buffers).enumerate() {
            buffer.cookie = buffer_cookie(at, *stream);
            request.set_cookie(at as u64);
            request.attach(*stream, buffer).expect("the stream has no buffer yet");
        }
    }
    requests
}

/// The cookie of a buffer of the request at that place.
pub fn buffer_cookie(at: usize, stream: StreamId) -> u64 {
    (at * 8 + stream.index()) as u64 + 1
}

/// Requests with a new buffer for every stream.
pub fn requests(camera: &mut Camera, count: usize) -> Vec<Request> {
    let streams = streams(camera);
    requests_for(camera, &streams, count)
}

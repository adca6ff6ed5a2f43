//! A fresh world of cameras, and an application's usual first steps in it.

use crate::backstage::Backstage;
use crate::mapper::CountingMapper;
use crate::rig::{Abilities, Need, NotApplicable, Verdict};
use crate::run::Run;
use pinhole::sim::{Fault, SimulatorControl};
use pinhole::{
    Camera, Cameras, Configuration, Driver, FrameBuffer, Request, Role, StartError, StreamConfiguration,
    StreamId, control,
};
use std::sync::Arc;

/// A fresh world of cameras.
pub struct Bench {
    /// The cameras.
    pub cameras: Cameras,
    /// What they can do.
    pub abilities: Abilities,
    /// Who turns their loops.
    pub driver: Driver,
    /// Whether their sensors send embedded data.
    pub embedded: bool,
    /// What all their buffers are mapped with.
    pub mapper: Arc<CountingMapper>,
    /// What is behind the scenes.
    pub backstage: Arc<dyn Backstage>,
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
        if let Some(frame_us) = self.abilities.frame_us {
            camera.controls_mut().set(control::FRAME_DURATION_LIMITS, [frame_us; 2]);
        }
        camera
    }

    /// The first camera, configured for these roles, or for those of them that it serves.
    pub fn configured(&self, roles: &[Role]) -> Camera {
        let mut camera = self.camera();
        self.configure(&mut camera, roles);
        camera
    }

    /// Configures a camera for these roles, or for those of them that it serves.
    ///
    /// # Panics
    /// It refuses.
    pub fn configure(&self, camera: &mut Camera, roles: &[Role]) -> Configuration {
        let configuration = self.propose(camera, roles);
        camera.configure(&configuration).expect("what was proposed can be set");
        configuration
    }

    /// A configuration for these roles, or for those of them that the camera serves.
    ///
    /// # Panics
    /// It serves none.
    pub fn propose(&self, camera: &Camera, roles: &[Role]) -> Configuration {
        let roles = self.roles(roles);
        let mut configuration = camera.propose(roles).expect("the camera serves these roles");
        let Abilities { size, format, .. } = self.abilities;
        for stream in &mut configuration.streams {
            stream.size = size.unwrap_or(stream.size);
            if stream.role != Role::Raw {
                stream.format = format.unwrap_or(stream.format);
            }
        }
        if size.is_some() || format.is_some() {
            camera.validate(&mut configuration).expect("sizes and formats are adjusted");
        }
        configuration
    }

    /// Those of these roles that the cameras serve at once; at least one.
    pub fn roles(&self, wanted: &[Role]) -> Vec<Role> {
        let Abilities { roles, streams_max, .. } = &self.abilities;
        let rank = |role: &Role| roles.iter().position(|served| served == role);
        let mut served: Vec<Role> = wanted.iter().copied().filter(|role| rank(role).is_some()).collect();
        if served.len() > *streams_max {
            served.sort_by_key(rank);
            served.truncate(*streams_max);
        }
        if served.is_empty() { vec![roles[0]] } else { served }
    }

    /// Goes on only if the cameras have what a statement needs.
    ///
    /// # Errors
    /// They lack it.
    pub fn needs(&self, need: Need) -> Verdict {
        let met = match need {
            Need::Streams => self.abilities.streams_max > 1,
            Need::OwnBuffers => self.abilities.own_buffers,
            Need::ControlLoop => self.abilities.control_loop,
            Need::EmbeddedData => self.embedded,
        };
        if met { Ok(()) } else { Err(need.lack()) }
    }

    /// Starts a configured camera for requests, under audit.
    ///
    /// # Errors
    /// It does not start.
    pub fn try_start(&self, camera: Camera) -> Result<Run, StartError> {
        Run::try_start(camera, Some(Arc::clone(&self.backstage)))
    }

    /// The same.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(&self, camera: Camera) -> Run {
        self.try_start(camera).expect("nothing is in the way of a start")
    }

    /// The simulation behind the scenes.
    ///
    /// # Errors
    /// Real hardware keeps no books.
    pub fn hardware(&self) -> Verdict<&SimulatorControl> {
        self.cameras.simulator().ok_or(NotApplicable("only simulated hardware can be looked behind"))
    }

    /// Lets something go wrong with the first camera, after that many occasions for it.
    ///
    /// # Errors
    /// This hardware does not fail like that on demand.
    pub fn inject(&self, after: u32, fault: Fault) -> Verdict {
        self.backstage.inject(after, fault)
    }

    /// Buffers for a stream that no device of the running camera has allocated.
    ///
    /// # Errors
    /// As [`Backstage::foreign`].
    ///
    /// # Panics
    /// Memory ran out.
    pub fn foreign(&self, camera: &Camera, stream: StreamId, count: usize) -> Verdict<Vec<FrameBuffer>> {
        let bytes = planes_bytes(camera, stream);
        (0..count).map(|_| self.backstage.foreign(&bytes)).collect()
    }
}

/// Bytes of each stretch of memory that a stream's frames take. What a driver wants beyond their
/// pixels, it may want of the first.
fn planes_bytes(camera: &Camera, stream: StreamId) -> Vec<u32> {
    let found = camera.streams().find(|(id, _)| *id == stream);
    let (_, StreamConfiguration { format, size, stride_bytes, frame_bytes, .. }) =
        found.expect("the stream is configured");
    if format.memory_count() == 1 {
        return vec![*frame_bytes];
    }
    let shapes = format.planes(*stride_bytes, size.height);
    let mut bytes: Vec<u32> = shapes.iter().map(|shape| shape.bytes() as u32).collect();
    bytes[0] += frame_bytes - bytes.iter().sum::<u32>();
    bytes
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

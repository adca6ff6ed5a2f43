//! Finding cameras, acquiring one, configuring and starting it.

use crate::backend::Backend;
use crate::config::{Adjustment, CameraInfo, Configuration, Role, StreamConfiguration, StreamId};
use crate::exchange::{Exchange, QueueError};
use crate::request::Request;
use crate::session::{Driver, Session, Unstarted};
use pinhole_base::control::ControlList;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::FrameBuffer;
use std::borrow::Borrow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// The cameras of a machine.
#[derive(Clone)]
pub struct Cameras {
    pub(crate) entries: Vec<CameraEntry>,
}

/// A camera that can be acquired.
#[derive(Clone)]
pub struct CameraEntry {
    info: Arc<CameraInfo>,
    home: Arc<Home>,
}

/// Where a camera's backend lies while nobody has acquired it.
struct Home(Mutex<Option<Box<dyn Backend>>>);

impl Home {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<dyn Backend>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Cameras {
    /// These cameras.
    pub fn new(backends: Vec<Box<dyn Backend>>) -> Self {
        Self { entries: backends.into_iter().map(CameraEntry::new).collect() }
    }

    /// All cameras.
    pub fn iter(&self) -> impl Iterator<Item = &CameraEntry> {
        self.entries.iter()
    }

    /// The first camera.
    ///
    /// # Errors
    /// There is none.
    pub fn first(&self) -> Result<&CameraEntry> {
        self.entries.first().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "looking for a camera").because("this machine has none")
        })
    }

    /// The camera that is named by its number here, its id, or a part of its id that no other
    /// camera has.
    ///
    /// # Errors
    /// None is, or several are.
    pub fn get(&self, name: &str) -> Result<&CameraEntry> {
        if let Some(entry) = name.parse().ok().and_then(|at: usize| self.entries.get(at)) {
            return Ok(entry);
        }
        let exact = self.entries.iter().find(|entry| entry.info.id == name);
        let mut alike = self.entries.iter().filter(|entry| !name.is_empty() && entry.info.id.contains(name));
        match (exact, alike.next(), alike.next()) {
            (Some(entry), ..) | (None, Some(entry), None) => Ok(entry),
            (None, Some(_), Some(_)) => Err(self.unknown(name, "several cameras match")),
            _ => Err(self.unknown(name, "there is no such camera")),
        }
    }

    fn unknown(&self, name: &str, reason: &str) -> Error {
        let ids: Vec<_> = self.entries.iter().map(|entry| entry.info.id.as_str()).collect();
        Error::new(ErrorKind::NotFound, "looking for a camera").at(format!("`{name}`")).because(reason).hint(
            if ids.is_empty() {
                "this machine has none".into()
            } else {
                format!("there are: {}", ids.join(", "))
            },
        )
    }
}

impl CameraEntry {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        let info = Arc::new(backend.info().clone());
        Self { info, home: Arc::new(Home(Mutex::new(Some(backend)))) }
    }

    /// What is known of it.
    pub fn info(&self) -> &CameraInfo {
        &self.info
    }

    /// Whether both are one camera, and not one that took another's place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.home, &other.home)
    }

    /// Acquires the camera: nobody else can, until the handle is dropped.
    ///
    /// # Errors
    /// Somebody has it, in this process or another, or its devices cannot be opened.
    pub fn acquire(&self) -> Result<Camera> {
        static CAMERAS: AtomicU32 = AtomicU32::new(1);
        let mut home = self.home.lock();
        let mut backend = home.take().ok_or_else(|| {
            Error::new(ErrorKind::Busy, "acquiring the camera")
                .at(self.info.id.clone())
                .because("it is in use in this program")
                .hint("drop the other handle first")
        })?;
        if let Err(error) = backend.acquire() {
            backend.release();
            *home = Some(backend);
            return Err(error);
        }
        let id = CAMERAS.fetch_add(1, Ordering::Relaxed);
        Ok(Camera {
            info: Arc::clone(&self.info),
            home: Arc::clone(&self.home),
            backend: Some(backend),
            id,
            generation: 0,
            configuration: None,
            driver: Driver::default(),
            controls: ControlList::new(),
        })
    }
}

/// An acquired camera. Dropping it releases it.
pub struct Camera {
    info: Arc<CameraInfo>,
    home: Arc<Home>,
    backend: Option<Box<dyn Backend>>,
    id: u32,
    generation: u32,
    configuration: Option<Configuration>,
    driver: Driver,
    controls: ControlList,
}

/// A camera that did not start, handed back with the reason.
pub struct StartError {
    /// The camera.
    pub camera: Box<Camera>,
    /// Why.
    pub error: Error,
}

impl std::fmt::Debug for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for StartError {}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        error.error
    }
}

impl Camera {
    /// What is known of it.
    pub fn info(&self) -> &CameraInfo {
        &self.info
    }

    /// Says who turns the loop of sessions to come.
    pub fn set_driver(&mut self, driver: Driver) {
        self.driver = driver;
    }

    /// Controls that sessions to come start with, in force from their first frame on.
    pub fn controls_mut(&mut self) -> &mut ControlList {
        &mut self.controls
    }

    fn backend(&self) -> &dyn Backend {
        self.backend.as_deref().expect("a camera has its backend unless a session does")
    }

    fn backend_mut(&mut self) -> &mut dyn Backend {
        self.backend.as_deref_mut().expect("a camera has its backend unless a session does")
    }

    /// A configuration for these roles, to be adjusted to taste and then validated.
    ///
    /// # Errors
    /// The camera cannot serve these roles at once.
    pub fn propose(&self, roles: impl AsRef<[Role]>) -> Result<Configuration> {
        let mut configuration = self.backend().propose(roles.as_ref())?;
        self.backend().validate(&mut configuration)?;
        Ok(configuration)
    }

    /// Adjusts a configuration to what the camera can do; says what was changed.
    ///
    /// # Errors
    /// It cannot be adjusted: no streams, too many, …
    pub fn validate(&self, configuration: &mut Configuration) -> Result<Vec<Adjustment>> {
        self.backend().validate(configuration)
    }

    /// Sets the camera up. Streams and requests of an earlier configuration are void then.
    ///
    /// # Errors
    /// The configuration is not valid as it is, or a device refuses.
    pub fn configure(&mut self, configuration: &Configuration) -> Result<()> {
        let mut valid = configuration.clone();
        let adjustments = self.backend().validate(&mut valid)?;
        if let Some(adjustment) = adjustments.first() {
            return Err(Error::new(ErrorKind::InvalidArgument, "configuring the camera")
                .at(self.info.id.clone())
                .because(adjustment.to_string())
                .hint("validate the configuration first; it is adjusted then"));
        }
        self.configuration = None;
        self.generation += 1;
        self.backend_mut().configure(&valid)?;
        self.configuration = Some(valid);
        Ok(())
    }

    /// The present configuration.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.configuration.as_ref()
    }

    /// The configured streams, with what names them in requests.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, &StreamConfiguration)> {
        let streams = self.configuration.iter().flat_map(|configuration| &configuration.streams);
        streams.enumerate().map(|(index, stream)| (self.stream_id(index), stream))
    }

    fn stream_id(&self, index: usize) -> StreamId {
        StreamId { camera: self.id, configuration: self.generation, index: index as u8 }
    }

    /// Allocates buffers from a stream's own device.
    ///
    /// # Errors
    /// The stream is not configured (any more), or memory ran out.
    pub fn allocate(&mut self, stream: StreamId, count: u32) -> Result<Vec<FrameBuffer>> {
        let known = self.configuration.as_ref().map_or(0, |configuration| configuration.streams.len());
        if stream != self.stream_id(stream.index()) || stream.index() >= known {
            return Err(Error::new(ErrorKind::InvalidArgument, "allocating buffers")
                .at(self.info.id.clone())
                .because("the stream is not one of the camera's present configuration"));
        }
        let buffers = self.backend_mut().export(stream.index(), count)?;
        Ok(buffers.into_iter().map(FrameBuffer::new).collect())
    }

    /// A new request for the present configuration.
    pub fn create_request(&self) -> Request {
        Request::new(self.id, self.generation)
    }

    pub(crate) fn check_request(&self, request: Request) -> Result<Request, Box<QueueError>> {
        check_request(request, Some(self.stream_id(0)))
    }

    /// Configures and starts the camera, with buffers of its own that go round by themselves:
    /// take frames out with [`Session::next`], drop them to have them filled again.
    ///
    /// # Errors
    /// The configuration is not valid, memory ran out, or a device refuses. The camera is
    /// handed back.
    pub fn start(mut self, configuration: impl Borrow<Configuration>) -> Result<Session, StartError> {
        let requests = self.configure(configuration.borrow()).and_then(|()| self.fill_requests());
        let requests = match requests {
            Ok(requests) => requests,
            Err(error) => return Err(StartError { camera: Box::new(self), error }),
        };
        let session = self.launch(true)?;
        for request in requests {
            // Refused only if the camera failed at once; `next` says so.
            let _ = session.queue(request);
        }
        Ok(session)
    }

    fn fill_requests(&mut self) -> Result<Vec<Request>> {
        let streams: Vec<_> = self.streams().map(|(id, stream)| (id, stream.buffer_count)).collect();
        let count = streams.iter().map(|(_, count)| *count).min().unwrap_or(0);
        let mut requests: Vec<_> = (0..count).map(|_| self.create_request()).collect();
        for (id, _) in streams {
            let buffers = self.allocate(id, count)?;
            for (request, buffer) in requests.iter_mut().zip(buffers) {
                request.attach(id, buffer)?;
            }
        }
        Ok(requests)
    }

    /// Starts the configured camera for an application that queues its own requests.
    ///
    /// # Errors
    /// The camera is not configured, or a device refuses. The camera is handed back.
    pub fn start_requests(self) -> Result<Session, StartError> {
        self.launch(false)
    }

    fn launch(mut self, recycles: bool) -> Result<Session, StartError> {
        let fail = |camera, error| Err(StartError { camera: Box::new(camera), error });
        if self.configuration.is_none() {
            let error = Error::new(ErrorKind::WrongState, "starting the camera")
                .at(self.info.id.clone())
                .because("it is not configured")
                .hint("call `configure` first");
            return fail(self, error);
        }
        let mut backend = self.backend.take().expect("a camera has its backend unless a session does");
        let exchange = Exchange::new(backend.waker()).map(Arc::new);
        let started =
            exchange.and_then(|exchange| backend.start(&self.controls, &exchange).map(|()| exchange));
        match started {
            Ok(exchange) => {
                let driver = self.driver;
                let session = Session::new(backend, self, Arc::clone(&exchange), recycles, driver);
                session.map_err(|unstarted| {
                    let Unstarted { mut backend, mut camera, error } = *unstarted;
                    backend.stop(&error, &exchange);
                    camera.put_back(backend);
                    StartError { camera: Box::new(camera), error }
                })
            }
            Err(error) => {
                self.put_back(backend);
                fail(self, error)
            }
        }
    }

    pub(crate) fn put_back(&mut self, backend: Box<dyn Backend>) {
        self.backend = Some(backend);
    }
}

pub(crate) fn check_request(request: Request, stream: Option<StreamId>) -> Result<Request, Box<QueueError>> {
    let Some(stream) = stream else { return Ok(request) };
    let (kind, reason) = if !request.is_of_camera(stream.camera) {
        (ErrorKind::InvalidArgument, "it is another camera's")
    } else if !request.belongs_to(stream.camera, stream.configuration) {
        (ErrorKind::WrongState, "the camera was configured anew since the request was made")
    } else if request.is_empty() {
        (ErrorKind::InvalidArgument, "it names no buffer for any stream")
    } else {
        return Ok(request);
    };
    let error = Error::new(kind, "queueing a request").because(reason);
    Err(Box::new(QueueError { request, error }))
}

impl Drop for Camera {
    fn drop(&mut self) {
        if let Some(mut backend) = self.backend.take() {
            backend.release();
            *self.home.lock() = Some(backend);
        }
    }
}

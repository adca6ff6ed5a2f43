//! A running camera under audit: after every step of it, its ledger and the hardware's books
//! are checked. Every wait here has an end.

use crate::backstage::Backstage;
use pinhole::{Camera, Error, Request, RequestStatus, Session, StartError, Stopped, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// More steps than any wait takes.
const STEPS_MAX: usize = 100_000;

/// What came out of a camera.
#[derive(Debug)]
pub enum Outcome {
    /// A request.
    Request(Request),
    /// The camera's failure.
    Failed(Error),
    /// Nothing more will come.
    Ended,
}

/// A running camera.
pub struct Run {
    /// The session.
    pub session: Session,
    backstage: Option<Arc<dyn Backstage>>,
}

impl Run {
    /// Starts a configured camera for requests, with the hardware's own books if there are any.
    ///
    /// # Errors
    /// It does not start.
    pub fn try_start(camera: Camera, backstage: Option<Arc<dyn Backstage>>) -> Result<Self, StartError> {
        let run = Self { session: camera.start_requests()?, backstage };
        run.audit();
        Ok(run)
    }

    /// Checks that everything is where the books say it is.
    ///
    /// # Panics
    /// It is not.
    pub fn audit(&self) {
        if let Some(backend) = self.session.backend() {
            backend.audit();
        }
        if let Some(backstage) = &self.backstage {
            backstage.audit();
        }
    }

    /// Queues a request.
    ///
    /// # Panics
    /// It is refused.
    pub fn queue(&self, request: Request) {
        self.session.queue(request).map_err(Error::from).expect("a running camera takes requests");
    }

    /// Queues several.
    pub fn queue_all(&self, requests: impl IntoIterator<Item = Request>) {
        requests.into_iter().for_each(|request| self.queue(request));
    }

    /// One turn of the loop, where the caller turns it; ends by `until`.
    pub fn step(&mut self, until: Option<Timestamp>) {
        self.session.turn(until);
        self.audit();
    }

    /// What comes next, waiting for it.
    ///
    /// # Panics
    /// Nothing comes, for ever.
    pub fn outcome(&mut self) -> Outcome {
        if self.session.backend().is_none() {
            return self.awaited();
        }
        for _ in 0..STEPS_MAX {
            match self.session.try_next_request() {
                Ok(Some(request)) => return Outcome::Request(request),
                Err(error) => return Outcome::Failed(error),
                Ok(None) if self.session.is_closed() => return Outcome::Ended,
                Ok(None) => self.step(None),
            }
        }
        panic!("nothing came in {STEPS_MAX} steps: the camera hangs");
    }

    fn awaited(&mut self) -> Outcome {
        match self.session.next_request() {
            Ok(Some(request)) => Outcome::Request(request),
            Ok(None) => Outcome::Ended,
            Err(error) => Outcome::Failed(error),
        }
    }

    /// The next request.
    ///
    /// # Panics
    /// The camera fails.
    pub fn request(&mut self) -> Request {
        match self.outcome() {
            Outcome::Request(request) => request,
            other => panic!("instead of a request came {other:?}"),
        }
    }

    /// The next request, which is complete.
    ///
    /// # Panics
    /// It is not.
    pub fn complete(&mut self) -> Request {
        let request = self.request();
        assert_eq!(request.status(), RequestStatus::Complete, "{request:?}");
        request
    }

    /// The next requests, which are complete.
    pub fn take(&mut self, count: usize) -> Vec<Request> {
        (0..count).map(|_| self.complete()).collect()
    }

    /// Everything that comes until the camera ends, and the failure with which it does.
    ///
    /// # Panics
    /// It does not end, or tells of its failure twice.
    pub fn drain(&mut self) -> (Vec<Request>, Error) {
        let (mut requests, mut failure) = (Vec::new(), None);
        loop {
            match self.outcome() {
                Outcome::Request(request) => requests.push(request),
                Outcome::Failed(error) => {
                    assert!(
                        failure.is_none(),
                        "a second failure: {error}, after {failure:?} and {requests:?}"
                    );
                    failure = Some(error);
                }
                Outcome::Ended => return (requests, failure.expect("a camera that ends says why")),
            }
        }
    }

    /// Sends each completed request round again until so many have completed; answers those
    /// that are under way no more.
    pub fn rounds(&mut self, count: usize, mut look: impl FnMut(&Request)) {
        for _ in 0..count {
            let mut request = self.complete();
            look(&request);
            request.reuse(true);
            self.queue(request);
        }
    }

    /// Now, on the camera's clock, where the caller turns the loop.
    ///
    /// # Panics
    /// A thread turns it.
    pub fn now(&self) -> Timestamp {
        self.session.backend().expect("the caller turns the loop").now()
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        for _ in 0..STEPS_MAX {
            if self.now() >= until || self.session.is_closed() {
                return;
            }
            self.step(Some(until));
        }
        panic!("time does not pass");
    }

    /// Turns the loop until something is so.
    ///
    /// # Panics
    /// It never is.
    pub fn until(&mut self, mut is_so: impl FnMut() -> bool) {
        for _ in 0..STEPS_MAX {
            if is_so() {
                return;
            }
            self.step(None);
        }
        panic!("it never came to that");
    }

    /// Stops the camera.
    ///
    /// # Panics
    /// The hardware still has something afterwards.
    pub fn stop(self) -> Stopped {
        let stopped = self.session.stop();
        if let Some(backstage) = self.backstage {
            backstage.assert_released(0);
        }
        stopped
    }
}

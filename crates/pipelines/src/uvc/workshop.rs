//! Where pictures are made on the CPU: a thread of its own, so that the loop, which turns while
//! devices wait, does nothing but hand over frames.
//!
//! Knows nothing of what is made there: that is its [`Work`].

use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::FrameMemory;
use pinhole_camera::job::{ControlLoop, Conversion, Job};
use pinhole_device::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Makes a picture of a frame.
pub trait Work: Send {
    /// Makes the picture that a job is about, and adds to its metadata.
    ///
    /// # Errors
    /// The frame is damaged, or a buffer cannot be looked at or written.
    fn make(&mut self, job: &mut Job) -> Result<()>;
}

/// The thread, and the work that is done there while the camera runs.
pub struct Workshop {
    work: Arc<Mutex<Box<dyn Work>>>,
    waker: Waker,
    open: Option<Open>,
}

struct Open {
    to_do: Sender<Box<Job>>,
    done: Receiver<Box<Job>>,
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Workshop {
    /// A workshop that wakes the loop when something is done.
    pub fn new(work: Box<dyn Work>, waker: Waker) -> Self {
        Self { work: Arc::new(Mutex::new(work)), waker, open: None }
    }
}

impl ControlLoop for Workshop {
    fn map(&mut self, _buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()> {
        self.unmap();
        let (to_do, jobs) = channel::<Box<Job>>();
        let (answers, done) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let (work, waker, is_closing) = (Arc::clone(&self.work), self.waker.clone(), Arc::clone(&closing));
        let run = move || {
            let mut work = work.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            while let Ok(mut job) = jobs.recv()
                && !is_closing.load(Ordering::Relaxed)
            {
                job.error = make(work.as_mut(), &mut job).err();
                if answers.send(job).is_err() {
                    return;
                }
                waker.wake();
            }
        };
        let thread = std::thread::Builder::new().name("pinhole-pictures".into()).spawn(run);
        let thread = thread.map_err(|error| Error::from_io(&error, "starting the thread for pictures"))?;
        self.open = Some(Open { to_do, done, closing, thread });
        Ok(())
    }

    /// Waits for the picture that is being made: nothing is written to a buffer after this.
    fn unmap(&mut self) {
        if let Some(Open { to_do, done, closing, thread }) = self.open.take() {
            closing.store(true, Ordering::Relaxed);
            drop((to_do, done));
            // Work that panics is caught, so the thread has nothing to tell.
            let _ = thread.join();
        }
    }

    fn submit(&mut self, _now: Timestamp, job: Box<Job>) {
        if let Some(open) = &self.open {
            // The thread lives until it is closed.
            let _ = open.to_do.send(job);
        }
    }

    fn answer(&mut self, _now: Timestamp) -> Option<Box<Job>> {
        self.open.as_ref()?.done.try_recv().ok()
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.unmap();
    }
}

/// A decoder that breaks over a frame breaks that frame, not the camera.
fn make(work: &mut dyn Work, job: &mut Job) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| work.make(job))).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Algorithm, "making a picture on the CPU")
            .because("the program's own code broke over this frame"))
    })
}

/// What a job is about.
///
/// # Errors
/// It is not about a picture.
pub(super) fn conversion(job: &Job) -> Result<&Conversion> {
    job.conversion.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Algorithm, "making a picture on the CPU").because("the job names no frame")
    })
}

/// JPEGs that are decoded.
impl Work for super::decode::Decoder {
    fn make(&mut self, job: &mut Job) -> Result<()> {
        let conversion = conversion(job)?;
        let Conversion { source_bytes, target, .. } = conversion;
        let Some(target) = target else { return Ok(()) };
        let view = conversion.view()?;
        let bytes = view.plane(0);
        let picture = self.decode(&bytes[..bytes.len().min(*source_bytes as usize)])?;
        target.fill(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses jobs 1, and breaks over jobs 2.
    struct Clumsy;

    impl Work for Clumsy {
        fn make(&mut self, job: &mut Job) -> Result<()> {
            assert_ne!(job.id, 2, "as a test wants it");
            if job.id == 1 { Err(Error::new(ErrorKind::Malformed, "decoding")) } else { Ok(()) }
        }
    }

    fn job(id: u64) -> Box<Job> {
        Box::new(Job { id, ..Job::default() })
    }

    /// Waits until the workshop wakes whoever waits.
    fn next(workshop: &mut Workshop, waker: &Waker) -> (u64, Option<ErrorKind>) {
        loop {
            if let Some(job) = workshop.answer(Timestamp::ZERO) {
                return (job.id, job.error.map(|error| error.kind()));
            }
            while !waker.clear() {
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn work_that_fails_or_breaks_costs_one_frame() {
        let waker = Waker::new().expect("a waker");
        let mut workshop = Workshop::new(Box::new(Clumsy), waker.clone());
        workshop.map(&[]).expect("a thread");
        (0..4).for_each(|id| workshop.submit(Timestamp::ZERO, job(id)));
        let answers: Vec<_> = (0..4).map(|_| next(&mut workshop, &waker)).collect();
        let expected =
            [(0, None), (1, Some(ErrorKind::Malformed)), (2, Some(ErrorKind::Algorithm)), (3, None)];
        assert_eq!(answers, expected);
        workshop.submit(Timestamp::ZERO, job(4));
        workshop.unmap();
        assert!(workshop.answer(Timestamp::ZERO).is_none(), "closed, it answers nothing");
        workshop.map(&[]).expect("a thread");
        workshop.submit(Timestamp::ZERO, job(5));
        assert_eq!(next(&mut workshop, &waker), (5, None), "it opens again");
    }
}

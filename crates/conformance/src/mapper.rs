//! A mapper that counts: whoever says "nothing is mapped unless somebody looks" is held to it.

use pinhole::{Error, ErrorKind, FrameMemory, Mapper, Mapping, Result};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Number of a file's device, and of the file there.
type File = (u64, u64);

/// What is mapped, by file.
#[derive(Default)]
struct Counts {
    alive: HashMap<File, u32>,
    /// How many more mappings are made before one is refused.
    refuse_after: Option<u32>,
}

/// Maps as another mapper does, and counts.
pub struct CountingMapper {
    inner: Box<dyn Mapper>,
    counts: Arc<Mutex<Counts>>,
}

impl CountingMapper {
    /// Counts what `inner` maps.
    pub fn new(inner: Box<dyn Mapper>) -> Self {
        Self { inner, counts: Arc::default() }
    }

    /// How often a frame's first plane is mapped. (Once mapped, a frame stays so.)
    pub fn times_mapped(&self, memory: &FrameMemory) -> u32 {
        lock(&self.counts).alive.get(&file_of(memory.planes()[0].as_fd())).copied().unwrap_or(0)
    }

    /// Refuses one mapping, after so many more.
    pub fn refuse_after(&self, count: u32) {
        lock(&self.counts).refuse_after = Some(count);
    }

    /// Whether a refusal is still to come.
    pub fn will_refuse(&self) -> bool {
        lock(&self.counts).refuse_after.is_some()
    }

    /// How many mappings there are now.
    pub fn mapped_now(&self) -> u32 {
        lock(&self.counts).alive.values().sum()
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counts {
    fn admit(&mut self) -> Result<()> {
        let Some(left) = self.refuse_after else { return Ok(()) };
        self.refuse_after = left.checked_sub(1);
        match self.refuse_after {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::OutOfResources, "mapping a buffer").at("a counting mapper")),
        }
    }
}

fn file_of(fd: BorrowedFd<'_>) -> File {
    rustix::fs::fstat(fd).map_or((0, 0), |stat| (stat.st_dev, stat.st_ino))
}

impl Mapper for CountingMapper {
    fn map(&self, fd: BorrowedFd<'_>, offset: u32, length: u32) -> Result<Box<dyn Mapping>> {
        lock(&self.counts).admit()?;
        let mapping = self.inner.map(fd, offset, length)?;
        let file = file_of(fd);
        let mut counts = lock(&self.counts);
        *counts.alive.entry(file).or_default() += 1;
        Ok(Box::new(Counted { mapping, file, counts: Arc::clone(&self.counts) }))
    }

    fn fill(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
        self.inner.fill(fd, bytes)
    }
}

struct Counted {
    mapping: Box<dyn Mapping>,
    file: File,
    counts: Arc<Mutex<Counts>>,
}

impl Mapping for Counted {
    fn begin(&self) -> Result<()> {
        self.mapping.begin()
    }

    fn end(&self) {
        self.mapping.end();
    }

    fn bytes(&self) -> &[u8] {
        self.mapping.bytes()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        let Some(alive) = counts.alive.get_mut(&self.file) else { return };
        *alive -= 1;
        if *alive == 0 {
            counts.alive.remove(&self.file);
        }
    }
}

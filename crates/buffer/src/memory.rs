//! The memory of a frame.

use crate::mapping::{FrameView, Mapper, Mapping};
use pinhole_base::{Error, ErrorKind, Result};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

/// Most planes a frame can have.
pub const PLANES_MAX: usize = 3;

/// What makes two descriptors the same buffer: the file they lead to, and where in it the
/// frame starts. (Every dmabuf has an inode of its own from Linux 5.3 on; memfds always had.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// Number of the file system that the file lies on.
    pub device: u64,
    /// Number of the file there.
    pub inode: u64,
    /// Where the first plane starts, in bytes.
    pub offset: u32,
    /// Tells apart what its other planes lead to; 0 if there are none.
    pub others: u64,
}

impl Identity {
    /// The identity of a frame of one plane, by what its descriptor leads to.
    ///
    /// # Errors
    /// The descriptor is not open.
    pub fn of(fd: BorrowedFd<'_>, offset: u32) -> Result<Self> {
        let stat = rustix::fs::fstat(fd)
            .map_err(|e| Error::from_errno(e.raw_os_error(), "asking which buffer a descriptor leads to"))?;
        Ok(Self { device: stat.st_dev, inode: stat.st_ino, offset, others: 0 })
    }

    fn of_planes(first: &PlaneMemory, others: &[PlaneMemory]) -> Result<Self> {
        let mut identity = Self::of(first.as_fd(), first.offset)?;
        for plane in others {
            let Self { device, inode, offset, .. } = Self::of(plane.as_fd(), plane.offset)?;
            let words = [device, inode, u64::from(offset)];
            identity.others = words.into_iter().fold(identity.others, mix);
        }
        Ok(identity)
    }
}

/// One step of a hash of 64 bits: a multiplication by an odd number, whose high bits are folded
/// into the low ones.
const fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 32)
}

/// One plane: a stretch of what a descriptor leads to. Planes of one frame may share it.
#[derive(Clone, Debug)]
pub struct PlaneMemory {
    fd: Arc<OwnedFd>,
    /// Where it starts, in bytes.
    pub offset: u32,
    /// How long it is, in bytes.
    pub length: u32,
}

impl PlaneMemory {
    /// A plane over a descriptor (a dmabuf or a memfd).
    pub fn new(fd: Arc<OwnedFd>, offset: u32, length: u32) -> Self {
        Self { fd, offset, length }
    }
}

impl AsFd for PlaneMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The planes of a frame. Shared by all who know the buffer; holding it gives no right to
/// look inside (see [`crate::ledger`] for that).
pub struct FrameMemory {
    planes: Vec<PlaneMemory>,
    identity: Identity,
    bytes: u64,
    place: AtomicU16,
    mapper: Arc<dyn Mapper>,
    mapped: OnceLock<Vec<Box<dyn Mapping>>>,
}

impl FrameMemory {
    /// A frame of one to [`PLANES_MAX`] planes.
    ///
    /// # Errors
    /// Too few or too many planes, an empty plane, or a descriptor that is not open.
    pub fn new(planes: Vec<PlaneMemory>, mapper: Arc<dyn Mapper>) -> Result<Arc<Self>> {
        let doing = "making a frame buffer";
        let Some((first, others)) = planes.split_first() else {
            return Err(Error::new(ErrorKind::InvalidArgument, doing).because("it has no planes"));
        };
        if planes.len() > PLANES_MAX {
            return Err(Error::new(ErrorKind::InvalidArgument, doing)
                .because(format!("{} planes are more than {PLANES_MAX}", planes.len())));
        }
        if planes.iter().any(|plane| plane.length == 0) {
            return Err(Error::new(ErrorKind::InvalidArgument, doing).because("a plane is empty"));
        }
        let identity = Identity::of_planes(first, others)?;
        let bytes = planes.iter().map(|plane| u64::from(plane.length)).sum();
        let place = AtomicU16::new(u16::MAX);
        Ok(Arc::new(Self { planes, identity, bytes, place, mapper, mapped: OnceLock::new() }))
    }

    /// Its planes.
    pub fn planes(&self) -> &[PlaneMemory] {
        &self.planes
    }

    /// Which buffer it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Bytes of all planes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where a table of buffers last entered it. A hint, for a look at that place to confirm.
    #[inline]
    pub fn place(&self) -> u16 {
        self.place.load(Ordering::Relaxed)
    }

    /// Notes where a table of buffers enters it.
    pub fn set_place(&self, place: u16) {
        self.place.store(place, Ordering::Relaxed);
    }

    /// Looks at the planes, inside a cache-sync guard. Maps them at the first call and keeps
    /// them mapped. The caller must have been handed the buffer by its last owner, with no
    /// device writing to it.
    ///
    /// # Errors
    /// The memory cannot be mapped, or the caches cannot be synchronised.
    pub fn view(&self) -> Result<FrameView<'_>> {
        self.view_from([0; PLANES_MAX])
    }

    /// The same, but planes start so many bytes behind their starts: where a driver puts its data
    /// there.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub fn view_from(&self, starts_bytes: [u32; PLANES_MAX]) -> Result<FrameView<'_>> {
        let mappings = match self.mapped.get() {
            Some(mappings) => mappings,
            None => {
                let mapped = self.map_planes()?;
                self.mapped.get_or_init(|| mapped)
            }
        };
        FrameView::begin(mappings, starts_bytes)
    }

    /// Writes bytes to its start. The caller must own the buffer, with no device using it.
    ///
    /// # Errors
    /// It is not in one piece, is shorter than the bytes, or cannot be mapped.
    pub fn fill(&self, bytes: &[u8]) -> Result<()> {
        match &self.planes[..] {
            [only] if only.offset == 0 && bytes.len() <= only.length as usize => {
                self.mapper.fill(only.as_fd(), bytes)
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "writing a picture to a buffer")
                .because(format!(
                    "{} bytes do not fit {} planes of {} bytes",
                    bytes.len(),
                    self.planes.len(),
                    self.bytes
                ))
                .hint("such streams need buffers of one plane that starts where its memory does")),
        }
    }

    fn map_planes(&self) -> Result<Vec<Box<dyn Mapping>>> {
        self.planes.iter().map(|plane| self.mapper.map(plane.as_fd(), plane.offset, plane.length)).collect()
    }
}

impl fmt::Debug for FrameMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameMemory").field("identity", &self.identity).field("planes", &self.planes).finish()
    }
}

/// A buffer in the hands of an application: to be put into a request, and found again in the
/// completed one. It can be moved but not cloned, so it cannot be queued twice.
///
/// # Guarantees
/// - The memory behind it is never exchanged: what comes back is what was given.
/// - `cookie` is the application's; nothing else reads or writes it.
#[derive(Debug)]
pub struct FrameBuffer {
    memory: Arc<FrameMemory>,
    /// A number of the application's own.
    pub cookie: u64,
}

impl FrameBuffer {
    /// A buffer over that memory.
    pub fn new(memory: Arc<FrameMemory>) -> Self {
        Self { memory, cookie: 0 }
    }

    /// The memory.
    pub fn memory(&self) -> &Arc<FrameMemory> {
        &self.memory
    }

    /// Looks at the planes; see [`FrameMemory::view`]. Few drivers leave room before their data, and
    /// the request says so: [`FrameMemory::view_from`].
    ///
    /// # Errors
    /// As there.
    pub fn view(&self) -> Result<FrameView<'_>> {
        self.memory.view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, memfd_create};

    /// Maps everything as the numbers from 0 on.
    struct Counting;

    struct Numbers(Vec<u8>);

    impl Mapping for Numbers {
        fn begin(&self) -> Result<()> {
            Ok(())
        }

        fn end(&self) {}

        fn bytes(&self) -> &[u8] {
            &self.0
        }
    }

    impl Mapper for Counting {
        fn map(&self, _fd: BorrowedFd<'_>, _offset: u32, length: u32) -> Result<Box<dyn Mapping>> {
            Ok(Box::new(Numbers((0..length as u8).collect())))
        }

        fn fill(&self, _fd: BorrowedFd<'_>, _bytes: &[u8]) -> Result<()> {
            Ok(())
        }
    }

    fn plane(length: u32) -> PlaneMemory {
        let fd = memfd_create("test", MemfdFlags::CLOEXEC).expect("memory");
        PlaneMemory::new(Arc::new(fd), 0, length)
    }

    fn frame(planes: &[&PlaneMemory]) -> Arc<FrameMemory> {
        let planes = planes.iter().map(|plane| (*plane).clone()).collect();
        FrameMemory::new(planes, Arc::new(Counting)).expect("planes make a frame")
    }

    /// Taken for one another, one would be filled instead of the other.
    #[test]
    #[cfg_attr(miri, ignore = "Miri has no memory with a descriptor")]
    fn frames_that_share_some_planes_are_different_buffers() {
        let [a, b, c] = [4, 4, 4].map(plane);
        let identity = |planes: &[&PlaneMemory]| frame(planes).identity();
        assert_eq!(identity(&[&a, &b]), identity(&[&a, &b]));
        let later = PlaneMemory { offset: 2, ..b.clone() };
        let different = [
            identity(&[&a]),
            identity(&[&a, &b]),
            identity(&[&a, &c]),
            identity(&[&a, &later]),
            identity(&[&b, &a]),
            identity(&[&a, &b, &c]),
            identity(&[&a, &c, &b]),
        ];
        for (at, one) in different.iter().enumerate() {
            assert!(!different[..at].contains(one), "{at}: {one:?}");
        }
        assert_eq!(identity(&[&a]), Identity::of(a.as_fd(), 0).expect("it is open"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no memory with a descriptor")]
    fn a_view_begins_where_the_data_does() {
        let frame = frame(&[&plane(4), &plane(3)]);
        let whole: Vec<_> = frame.view().expect("a view").planes().map(<[u8]>::to_vec).collect();
        assert_eq!(whole, [vec![0, 1, 2, 3], vec![0, 1, 2]]);
        let view = frame.view_from([2, 0, 0]).expect("a view");
        assert_eq!((view.plane(0), view.plane(1)), (&[2, 3][..], &[0, 1, 2][..]));
        assert_eq!(frame.view_from([5, 3, 0]).expect("a view").planes().map(<[u8]>::len).sum::<usize>(), 0);
    }
}

//! Memory that devices share: the dma-heaps, and dmabufs over ordinary pages where there is
//! none. Knows nothing of what is kept there.

use crate::file::DeviceFile;
use crate::uapi::memory::{HEAP_ALLOC, HeapAllocation, Name, SET_NAME, UDMABUF_CREATE, UdmabufCreate};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::Heap;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The heaps by preference. Only the first three are contiguous, as the VC4's ISP needs it; one
/// kernel names the same heap otherwise than another.
const HEAPS: [&str; 4] = ["linux,cma", "reserved", "default_cma_region", "system"];
/// What makes dmabufs of ordinary pages.
const UDMABUF: &str = "udmabuf";

/// An open heap.
pub struct KernelHeap {
    name: &'static str,
    file: DeviceFile,
}

impl KernelHeap {
    /// Opens the best heap there is below `dev` (`/dev`).
    ///
    /// # Errors
    /// There is none, or access to all that there are is refused.
    pub fn open(dev: &Path) -> Result<Self> {
        let heaps = HEAPS.iter().map(|name| (*name, dev.join("dma_heap").join(name)));
        let mut refused = None;
        for (name, path) in heaps.chain([(UDMABUF, dev.join(UDMABUF))]) {
            match DeviceFile::open(&path.to_string_lossy(), "opening a heap") {
                Ok(file) => return Ok(Self { name, file }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| no_heap(dev)))
    }
}

fn no_heap(dev: &Path) -> Error {
    Error::new(ErrorKind::NotFound, "opening a heap")
        .at(dev.to_string_lossy())
        .because(format!("there is no dma_heap/ with {} in it, and no {UDMABUF}", HEAPS.join(", ")))
        .hint("the kernel needs CONFIG_DMABUF_HEAPS_CMA, CONFIG_DMABUF_HEAPS_SYSTEM or CONFIG_UDMABUF")
}

impl Heap for KernelHeap {
    fn name(&self) -> &str {
        self.name
    }

    fn allocate(&mut self, label: &str, size_bytes: u32) -> Result<OwnedFd> {
        let doing = "allocating memory";
        let failed = |(call, errno): (&str, Errno)| {
            let error = self.file.error(doing, call, errno);
            let system = std::io::Error::from(errno);
            error.because(format!("{call} of {size_bytes} bytes: {system}"))
        };
        let allocated = if self.name == UDMABUF {
            udmabuf(&self.file, label, u64::from(size_bytes))
        } else {
            let allocated = HeapAllocation::allocate(self.file.as_fd(), u64::from(size_bytes));
            allocated.map_err(|errno| (HEAP_ALLOC.name(), errno))
        };
        let buffer = allocated.map_err(failed)?;
        // The name is for people who look at the system's buffers; it works as well without.
        let _ = SET_NAME.run(buffer.as_fd(), &mut Name::new(label));
        Ok(buffer)
    }
}

/// Memory that no device can be given, where there is no heap.
pub(crate) fn private(label: &str, size_bytes: u32) -> Result<OwnedFd> {
    let failed = |errno: Errno| Error::from_errno(errno.raw_os_error(), "allocating memory");
    let memfd = memfd_create(label, MemfdFlags::CLOEXEC).map_err(failed)?;
    ftruncate(&memfd, u64::from(size_bytes)).map_err(failed)?;
    Ok(memfd)
}

/// Makes a dmabuf over the pages of a memfd, which must not shrink any more.
fn udmabuf(device: &DeviceFile, label: &str, bytes: u64) -> Result<OwnedFd, (&'static str, Errno)> {
    let bytes = bytes.next_multiple_of(rustix::param::page_size() as u64);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memfd = memfd_create(label, flags).map_err(|errno| ("memfd_create", errno))?;
    ftruncate(&memfd, bytes).map_err(|errno| ("ftruncate", errno))?;
    fcntl_add_seals(&memfd, SealFlags::SHRINK).map_err(|errno| ("fcntl", errno))?;
    UdmabufCreate::create(device.as_fd(), memfd.as_fd(), bytes)
        .map_err(|errno| (UDMABUF_CREATE.name(), errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use rustix::fs::{SeekFrom, seek};

    #[test]
    fn contiguous_heaps_come_first_and_pages_last() {
        let dev = Scratch::new();
        dev.write("udmabuf", "");
        assert_eq!(KernelHeap::open(dev.path()).unwrap().name(), "udmabuf");
        dev.write("dma_heap/system", "");
        assert_eq!(KernelHeap::open(dev.path()).unwrap().name(), "system");
        dev.write("dma_heap/reserved", "");
        assert_eq!(KernelHeap::open(dev.path()).unwrap().name(), "reserved");
        dev.write("dma_heap/linux,cma", "");
        assert_eq!(KernelHeap::open(dev.path()).unwrap().name(), "linux,cma");
    }

    #[test]
    fn a_system_without_heaps_is_told_what_it_lacks() {
        let error = KernelHeap::open(Scratch::new().path()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("CONFIG_DMABUF_HEAPS_CMA"), "{error}");
    }

    #[test]
    fn what_a_heap_refuses_is_told_with_its_size() {
        let dev = Scratch::new();
        dev.write("dma_heap/system", "");
        let error = KernelHeap::open(dev.path()).unwrap().allocate("table", 32_768).unwrap_err();
        assert!(error.to_string().contains("DMA_HEAP_IOCTL_ALLOC of 32768 bytes"), "{error}");
    }

    /// Runs where the system has a heap, and says so where it has none.
    #[test]
    fn a_real_heap_gives_buffers_of_the_size_asked_for() {
        let mut heap = match KernelHeap::open(Path::new("/dev")) {
            Ok(heap) => heap,
            Err(error) => return println!("not tested: {error}"),
        };
        let buffer = heap.allocate("lens table", 10_000).unwrap();
        let bytes = seek(&buffer, SeekFrom::End(0)).unwrap();
        assert!((10_000..=16_384).contains(&bytes), "{} gave {bytes} bytes", heap.name());
    }
    /// As above, for dmabufs over ordinary pages.
    #[test]
    fn pages_become_buffers_of_whole_pages() {
        let dev = Scratch::new();
        std::os::unix::fs::symlink("/dev/udmabuf", dev.path().join(UDMABUF)).unwrap();
        let mut heap = match KernelHeap::open(dev.path()) {
            Ok(heap) => heap,
            Err(error) => return println!("not tested: {error}"),
        };
        let buffer = heap.allocate("lens table", 10_000).unwrap();
        assert_eq!(heap.name(), UDMABUF);
        let bytes = seek(&buffer, SeekFrom::End(0)).unwrap();
        assert_eq!(bytes, 10_000_u64.next_multiple_of(rustix::param::page_size() as u64));
    }
}

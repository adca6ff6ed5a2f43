//! Turns device requests into ioctls, maps and polls; the only room with unsafe code.
//!
//! Each file that needs `unsafe` opts in by itself, under a `# Safety` section that says what
//! it relies on. This crate knows nothing of requests, streams, sensors or pictures.

pub mod memory;

pub use memory::SystemMapper;

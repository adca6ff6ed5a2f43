//! Turns those requests into ioctls, maps and polls; the only room with unsafe code.

//! States what may be asked of hardware, without saying which hardware.

//! Numbers and structures of Linux's user-space interface that pipelines and simulated
//! devices must agree on.

pub mod bcm2835_isp;
pub mod control_codes;

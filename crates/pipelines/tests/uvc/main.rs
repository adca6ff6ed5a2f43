//! Plain cameras on modelled devices: no kernel, no time but the tests' own.

mod configuration;
mod controls;
mod device;
mod discovery;
mod machine;
mod session;

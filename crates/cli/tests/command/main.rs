//! Runs the `pinhole` command as a user does, on the simulated camera.

mod bad_input;
mod capture;
mod develop;
mod doctor;
mod golden;
mod interrupt;
mod list;
mod runner;
mod still;

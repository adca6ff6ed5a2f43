//! Measures how near pictures come to what was before the lens: the chart's colours, slanted
//! edges and grey patches that the simulated cameras see.
//!
//! Frames come from whole cameras, whose control algorithms found exposure and white balance;
//! the image processor then makes pictures of the same samples in several ways. Knows nothing of
//! how pixels are computed.
//!
//! - `shot`: a frame, and what the camera told its processor.
//! - `light`: pictures as linear light, made of a frame in some way.
//! - `colour`, `edge`, `grey`: the measures.
//! - `sharpness`, `noise`: which ways of making pictures are measured.
//! - `limits`: what the figures are held against.
//! - `report`: the tables.
//! - `drawing`: pictures to look at.

mod colour;
mod drawing;
mod edge;
mod grey;
mod light;
mod limits;
mod noise;
mod report;
mod sharpness;
mod shot;

pub use report::{Report, measure};

//! libcamera and Pinhole on the same devices: the testbed's Raspberry Pi camera. What libcamera
//! (the one of this system, by its command `cam`) makes of them proves the devices; what Pinhole
//! makes of them is held against it.
//!
//! Runs in the testbed's guest, with `--test-threads=1`: there is one camera. Elsewhere it says
//! that nothing is tested; `PINHOLE_DRIVERS=pi` (or `pi-hq`) demands the camera.
//!
//! - `painted`, `alone`: only where the simulator's model makes the pictures
//!   (`PINHOLE_DRIVERS=pi-sim`, `pi-hq-sim`), to be run by these names; the others are for the
//!   module's small model.
//! - `cam`: libcamera's captures. `ours`: Pinhole's.
//! - `pictures`: both see the same. `faults`: what both do when something goes wrong.
//! - `zero_copy`: nobody touches frames on their way.

mod alone;
mod cam;
mod faults;
mod ours;
mod painted;
mod pictures;
mod zero_copy;

use pinhole_conformance::kernel::pi_module;

/// The camera, well-behaved; `None` if there is none and none was demanded. Says whether it sends
/// embedded data.
fn camera() -> Option<bool> {
    let demanded = std::env::var("PINHOLE_DRIVERS").unwrap_or_default();
    if !pi_module::is_there() {
        assert!(!demanded.starts_with("pi"), "there is no camera of {demanded}");
        println!("not tested: there is no modelled Raspberry Pi camera");
        return None;
    }
    let embedded = demanded.starts_with("pi-hq");
    pi_module::behave(embedded);
    Some(embedded)
}

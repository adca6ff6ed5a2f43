//! Cameras that come and go: what is there now against what was there before. Knows nothing of
//! how that is found out.

use crate::backend::Backend;
use crate::config::CameraInfo;
use crate::handle::{CameraEntry, Cameras};

/// A camera came or went.
#[derive(Clone)]
pub enum CameraEvent {
    /// It can be acquired.
    Added(CameraEntry),
    /// It is gone: a session on it fails, and its entry cannot be acquired any more. Plugged in
    /// again, it is added as another, under the same id if it sits in the same place.
    Removed(CameraEntry),
}

impl CameraEvent {
    /// What is known of the camera.
    pub fn info(&self) -> &CameraInfo {
        match self {
            Self::Added(entry) | Self::Removed(entry) => entry.info(),
        }
    }
}

impl Cameras {
    /// Takes over what there is now, and says what changed: first which cameras went, then which
    /// came. A camera stays as it is, whoever has it, if it has the same id and devices and none
    /// of those has `vanished` since, though it may be back.
    pub fn update(&mut self, found: Vec<Box<dyn Backend>>, vanished: &[String]) -> Vec<CameraEvent> {
        let before = std::mem::take(&mut self.entries);
        let is_same = |entry: &CameraEntry, now: &CameraInfo| {
            let was = entry.info();
            let is_back = was.devices.iter().any(|path| vanished.contains(path));
            was.id == now.id && was.devices == now.devices && !is_back
        };
        let mut added = Vec::new();
        for backend in found {
            let kept = before.iter().find(|entry| is_same(entry, backend.info()));
            let entry = kept.cloned().unwrap_or_else(|| CameraEntry::new(backend));
            if kept.is_none() {
                added.push(CameraEvent::Added(entry.clone()));
            }
            self.entries.push(entry);
        }
        let is_here = |entry: &CameraEntry| self.entries.iter().any(|now| now.is(entry));
        let gone = before.into_iter().filter(|entry| !is_here(entry)).map(CameraEvent::Removed);
        gone.collect::<Vec<_>>().into_iter().chain(added).collect()
    }
}

//! The mutations: mistakes that a change of the core could make.

const MACHINE: &str = "crates/pipelines/src/vc4/machine.rs";
const RUN: &str = "crates/pipelines/src/vc4/run.rs";
const MATCHING: &str = "crates/pipelines/src/vc4/matching.rs";
const FENCES: &str = "crates/camera/src/fences.rs";

/// A mistake.
pub(super) struct Mutation {
    /// What it is called on the command line.
    pub(super) name: &'static str,
    /// The file that it is made in.
    pub(super) file: &'static str,
    /// The text there, found exactly once.
    original: &'static str,
    /// The mistaken text.
    replacement: &'static str,
    /// What goes wrong then.
    pub(super) models: &'static str,
}

impl Mutation {
    /// Makes the mistake in the text of the file.
    pub(super) fn apply(&self, text: &str) -> Result<String, String> {
        match text.matches(self.original).count() {
            1 => Ok(text.replacen(self.original, self.replacement, 1)),
            found => Err(format!("its text is found {found} times in {}", self.file)),
        }
    }
}

/// All of them.
pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "refused-into-pool",
        file: MACHINE,
        original: "if self.table.is_internal(&returned.token) {\n            self.table.transfer(",
        replacement: "if true {\n            self.table.transfer(",
        models: "a buffer of the application's that a device refused goes into the stream's pool",
    },
    Mutation {
        name: "completion-out-of-order",
        file: "crates/pipelines/src/requests.rs",
        original: "let done = self.entries.front()?.progress == Progress::Done;",
        replacement: "let done = self.entries.iter().any(|entry| entry.progress == Progress::Done);",
        models: "the first request is handed out as soon as any is done",
    },
    Mutation {
        name: "waiting-not-served",
        file: "crates/camera/src/stream.rs",
        original: "        self.pool.push(token);\n        self.serve(table, actions);",
        replacement: "        self.pool.push(token);\n        let _ = actions;",
        models: "a buffer comes back and nobody who waits for one gets it",
    },
    Mutation {
        name: "embedded-not-recycled",
        file: RUN,
        original: "        self.recycle_unmatched(actions);\n",
        replacement: "",
        models: "embedded data without an image is kept for ever",
    },
    Mutation {
        name: "watchdog-off",
        file: MACHINE,
        original: "self.received.due.map(|due|",
        replacement: "self.received.due.filter(|_| false).map(|due|",
        models: "a silent sensor is waited for without end",
    },
    Mutation {
        name: "stale-frame-used",
        file: RUN,
        original: "const STALE_FRAMES: u32 = 3;",
        replacement: "const STALE_FRAMES: u32 = 3000;",
        models: "a request gets a frame from long before it came",
    },
    Mutation {
        name: "pairing-without-end",
        file: RUN,
        original: "let patience = self.limits.pairing;",
        replacement: "let patience = self.limits.pairing * 1000;",
        models: "the newest image waits for lost embedded data without end",
    },
    Mutation {
        name: "damaged-embedded-used",
        file: MATCHING,
        original: "match embedded.error {",
        replacement: "match embedded.error && false {",
        models: "embedded data that the driver flagged is relied on",
    },
    Mutation {
        name: "late-image-last",
        file: MATCHING,
        original: "self.images.push_before(behind, image);",
        replacement: "self.images.push_before(behind.min(0), image);",
        models: "an image that comes late is put behind those that began after it",
    },
    Mutation {
        name: "statistics-requeued-early",
        file: RUN,
        original: "        self.table.transfer(&returned.token, device, Owner::Algorithms);\n        let buffer",
        replacement: "        let buffer",
        models: "statistics do not become the algorithms' while they read them",
    },
    Mutation {
        name: "ledger-blind",
        file: "crates/buffer/src/ledger.rs",
        original: "if entry.generation != token.generation || entry.owner != Some(from) {\n            broken(token, entry, from, Some(to));",
        replacement: "if entry.generation != token.generation && entry.owner != Some(from) {\n            broken(token, entry, from, Some(to));",
        models: "the ledger lets a buffer go from somebody who does not hold it",
    },
    Mutation {
        name: "slot-taken-newest",
        file: "crates/camera/src/lru.rs",
        original: "let oldest = self.link(Self::JOINT).next;",
        replacement: "let oldest = self.link(Self::JOINT).previous;",
        models: "the slot of the buffer that was used last is given away",
    },
    Mutation {
        name: "slot-not-remembered",
        file: "crates/camera/src/slots.rs",
        original: "if own != NONE && self.idle.remove(own) {",
        replacement: "if own == NONE && self.idle.remove(own) {",
        models: "a buffer does not go back to the slot that knows it",
    },
    Mutation {
        name: "request-kept-at-stop",
        file: "crates/pipelines/src/vc4/lifecycle.rs",
        original: "while let Some(request) = self.requests.pop_cancelled(reason) {",
        replacement: "if let Some(request) = self.requests.pop_cancelled(reason) {",
        models: "a stop gives only the first request back",
    },
    Mutation {
        name: "fence-without-end",
        file: FENCES,
        original: "deadline: now + FENCE_WAIT_MAX }",
        replacement: "deadline: now + FENCE_WAIT_MAX * 1000 }",
        models: "a fence that never signals holds every request up",
    },
    Mutation {
        name: "fence-ignored",
        file: FENCES,
        original: "front.request.fences().all(is_signalled)",
        replacement: "front.request.fences().all(|_| true)",
        models: "a request goes on before its fences have signalled",
    },
    Mutation {
        name: "metadata-not-swapped",
        file: RUN,
        original: "std::mem::swap(entry.request.metadata_mut(), &mut job.metadata);",
        replacement: "",
        models: "a completed request has no metadata",
    },
    Mutation {
        name: "buffer-info-not-filled",
        file: MACHINE,
        original: "entry.request.fill(place, info);",
        replacement: "let _ = (entry, place, info);",
        models: "a completed request does not tell which frame its buffers hold",
    },
    Mutation {
        name: "delay-ignored",
        file: "crates/sensor/src/delayed.rs",
        original: "let decided = sequence + self.tracks[c].delay;",
        replacement: "let decided = sequence + self.longest_delay.min(2);",
        models: "every control is taken to have the same delay",
    },
    Mutation {
        name: "frame-error-lost",
        file: RUN,
        original: "run.damaged |= error;",
        replacement: "run.damaged &= error;",
        models: "a flag on an output or the input does not show in the frame",
    },
    Mutation {
        name: "hidden-shown",
        file: MACHINE,
        original: "let hidden = number < u64::from(self.plan.hide) && returned.request.is_none();",
        replacement: "let hidden = number > u64::MAX - 1 && returned.request.is_none();",
        models: "frames of a sensor that is still settling reach the application",
    },
    Mutation {
        name: "starting-not-marked",
        file: MACHINE,
        original: "let starting = number < u64::from(self.plan.hide + self.plan.mark);",
        replacement: "let starting = number < u64::from(self.plan.hide);",
        models: "frames of algorithms that are still settling pass for settled",
    },
    Mutation {
        name: "algorithms-waited-for",
        file: RUN,
        original: "failure: None,\n            deadline: now + self.limits.device,",
        replacement: "failure: None,\n            deadline: now + self.limits.device * 1000,",
        models: "algorithms that do not answer hold every request up",
    },
    Mutation {
        name: "late-answer-used",
        file: RUN,
        original: "run.job_id == job.id && matches!",
        replacement: "run.job_id >= job.id && matches!",
        models: "an answer for a frame that was given up is taken for the present one's",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_must_be_found_exactly_once() {
        let mutation = Mutation { name: "n", file: "f", original: "a", replacement: "b", models: "m" };
        assert_eq!(mutation.apply("xay").as_deref(), Ok("xby"));
        assert!(mutation.apply("xy").is_err());
        assert!(mutation.apply("aa").is_err());
    }

    #[test]
    fn every_mutation_applies_to_the_present_code_under_its_own_name() {
        let root = std::path::Path::new("..");
        for (at, mutation) in MUTATIONS.iter().enumerate() {
            let text = std::fs::read_to_string(root.join(mutation.file)).unwrap();
            assert_ne!(mutation.apply(&text), Ok(text), "{}: changes nothing", mutation.name);
            let twice = MUTATIONS[..at].iter().any(|other| other.name == mutation.name);
            assert!(!twice, "{} is there twice", mutation.name);
        }
    }
}

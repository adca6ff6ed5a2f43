//! What decides the machine's future: see [`Fingerprint`].

use super::machine::{Machine, Received};
use super::run::Run;
use pinhole_camera::fingerprint::Fingerprint;

impl Machine {
    /// Takes in all that decides what the machine will do, between two events. Which of the jobs
    /// that are out it waits for is told by whoever has them.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        let Self {
            plan,
            state,
            table,
            shared: _, // As the start has it.
            streams,
            input_slots,
            input,
            requests,
            matcher,
            unmatched: _, // Empty between events.
            delayed,
            sensor_writes: _, // Carried out between events.
            limits,
            limits_coming,
            matching_deadline,
            run,
            jobs: _,
            spare: _, // Where there is none a new one is made.
            rewrite,
            crop,
            crop_fitted: _, // Follows from the crop.
            crop_set,
            received,
            lens,
            drops: _, // Only counted.
        } = self;
        into.put((state, rewrite, crop, crop_set));
        into.put((limits, limits_coming));
        into.time_if_any(*matching_deadline);
        // Only frames that a request may still get are compared with when it came.
        let oldest = matcher.oldest().map_or(into.coming(), |oldest| oldest.min(into.coming()));
        requests.fingerprint((!plan.raw_is_external()).then_some(oldest), into);
        streams.iter().for_each(|stream| stream.fingerprint(into));
        input_slots.fingerprint(into);
        into.put(input.as_ref().map(|(slot, _)| slot));
        input.iter().for_each(|(_, image)| image.fingerprint(into));
        matcher.fingerprint(into);
        into.put(run.is_some());
        run.iter().for_each(|run: &Run| run.fingerprint(into));
        into.put(delayed);
        received.fingerprint(u64::from(plan.hide + plan.mark), into);
        table.fingerprint(into);
        lens.iter().for_each(|lens| lens.fingerprint(into));
    }
}

impl Received {
    /// Takes itself in. So many images at the start are treated in another way.
    fn fingerprint(&self, starting: u64, into: &mut Fingerprint) {
        let Self { images, last_sequence: _, starved: _, due } = self; // Those two are for counting.
        into.put((*images).min(starting));
        into.time_if_any(due.map(|due| due.since));
        into.time_if_any(due.map(|due| due.deadline));
    }
}

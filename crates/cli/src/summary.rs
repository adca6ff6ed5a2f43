//! What a capture came to: frames, drops, rate, memory, and bytes that the CPU moved.

use pinhole::config::CameraInfo;
use pinhole::{Configuration, DropCause, DropCounters, Timestamp};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::time::Duration;

/// The figures of a capture.
pub(crate) struct Summary {
    /// Frames that were delivered.
    pub(crate) frames: u64,
    /// Of those, frames that the driver flagged as erroneous.
    pub(crate) flagged: u64,
    /// When the first and the last of them began.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// Time on the wall.
    pub(crate) elapsed: Duration,
    /// Frames that were not delivered.
    pub(crate) drops: DropCounters,
    /// Bytes of the buffers that went round.
    pub(crate) buffer_bytes: u64,
    /// Bytes of pixels that the camera's software converted.
    pub(crate) converted_bytes: u64,
    /// Bytes of pixels that were read for files.
    pub(crate) read_bytes: u64,
    /// Bytes that were written to files.
    pub(crate) written_bytes: u64,
    /// The user stopped it.
    pub(crate) interrupted: bool,
}

impl Summary {
    /// Frames a second by the camera's clock; `None` with fewer than two.
    fn rate(&self) -> Option<f64> {
        let (first, last) = self.span?;
        let nanoseconds = last.as_nanos().saturating_sub(first.as_nanos());
        (nanoseconds > 0).then(|| (self.frames - 1) as f64 * 1e9 / nanoseconds as f64)
    }

    /// Whether frames were missed that nobody was quick enough for.
    pub(crate) fn is_behind(&self) -> bool {
        self.drops.of(DropCause::Receiver) > 0 || self.drops.of(DropCause::Unrequested) > 0
    }

    /// Bytes that the CPU copied: those written to files, and those converted.
    fn copied_bytes(&self) -> u64 {
        self.written_bytes + self.converted_bytes
    }

    /// As lines of text.
    pub(crate) fn text(&self, configuration: &Configuration) -> String {
        let mut text = String::new();
        let rate = self.rate().map_or(String::new(), |rate| format!(", {rate:.2} a second"));
        let flagged = if self.flagged == 0 { String::new() } else { format!(", {} flagged", self.flagged) };
        let seconds = self.elapsed.as_secs_f64();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "frames:  {}{rate}{flagged} (took {seconds:.1} s)", self.frames);
        let _ = writeln!(text, "drops:   {}", self.drops);
        let (buffers, internal) = (megabytes(self.buffer_bytes), megabytes(configuration.internal_bytes));
        let _ = writeln!(text, "memory:  {buffers} in buffers, {internal} internal");
        let (read, written) = (megabytes(self.read_bytes), megabytes(self.written_bytes));
        let copied = megabytes(self.copied_bytes());
        let _ = writeln!(text, "copied:  {copied} by the CPU ({read} of pixels read, {written} written)");
        text
    }

    /// As JSON.
    pub(crate) fn json(&self, info: &CameraInfo, configuration: &Configuration, names: &[String]) -> Value {
        let drops = self.drops.iter().map(|(cause, times)| (format!("{cause:?}"), times.into()));
        json!({
            "camera": info.id,
            "simulated": info.simulated,
            "streams": streams(configuration, names),
            "frames": self.frames,
            "frames_flagged": self.flagged,
            "frames_per_second": self.rate(),
            "elapsed_s": self.elapsed.as_secs_f64(),
            "interrupted": self.interrupted,
            "drops": drops.collect::<Map<_, _>>(),
            "buffer_bytes": self.buffer_bytes,
            "internal_bytes": configuration.internal_bytes,
            "cpu_bytes_copied": self.copied_bytes(),
            "cpu_bytes_read": self.read_bytes,
        })
    }
}

fn streams(configuration: &Configuration, names: &[String]) -> Value {
    let stream = |(name, stream): (&String, &pinhole::StreamConfiguration)| {
        json!({
            "name": name,
            "format": stream.format.name(),
            "width": stream.size.width,
            "height": stream.size.height,
            "stride_bytes": stream.stride_bytes,
            "frame_bytes": stream.frame_bytes,
            "converted_from": stream.converted_from.map(|format| format.name()),
        })
    };
    names.iter().zip(&configuration.streams).map(stream).collect()
}

/// Bytes of the buffers that go round: as many of each stream as the stream with fewest asks
/// for.
pub(crate) fn buffer_bytes(configuration: &Configuration) -> u64 {
    let streams = &configuration.streams;
    let count = streams.iter().map(|stream| stream.buffer_count).min().unwrap_or(0);
    streams.iter().map(|stream| u64::from(stream.frame_bytes) * u64::from(count)).sum()
}

fn megabytes(bytes: u64) -> String {
    if bytes == 0 { "0 bytes".to_owned() } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(frames: u64, nanoseconds: u64) -> Summary {
        Summary {
            frames,
            flagged: 0,
            span: Some((Timestamp(1000), Timestamp(1000 + nanoseconds))),
            elapsed: Duration::from_secs(1),
            drops: DropCounters::default(),
            buffer_bytes: 0,
            converted_bytes: 0,
            read_bytes: 0,
            written_bytes: 0,
            interrupted: false,
        }
    }

    #[test]
    fn the_rate_is_that_of_the_gaps() {
        assert_eq!(summary(31, 1_000_000_000).rate(), Some(30.0));
        assert_eq!(summary(1, 0).rate(), None);
    }

    #[test]
    fn nothing_written_is_nothing_copied() {
        let configuration = Configuration {
            streams: Vec::new(),
            transform: pinhole::geometry::Transform::IDENTITY,
            sensor_mode: None,
            internal_bytes: 1_500_000,
        };
        let text = summary(2, 10).text(&configuration);
        assert!(text.contains("copied:  0 bytes by the CPU") && text.contains("1.5 MB internal"), "{text}");
        assert!(text.contains("drops:   none"), "{text}");
    }
}

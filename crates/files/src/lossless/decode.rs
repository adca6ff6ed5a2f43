//! Lossless JPEG to samples, whoever wrote it. The bytes may be anything: no more is written
//! than there is room for, and no more memory taken than a few tables.

use super::huffman::{LENGTH_MAX, Lengths};
use super::{first_prediction, marker};

/// Why bytes cannot be decoded.
pub(crate) type Reason = String;

/// Decodes as many samples as there is room for. Components are told apart as they come:
/// samples of a pixel follow one another.
///
/// # Errors
/// The reason, if the bytes are no lossless JPEG, its samples have more than `bits` bits, or
/// are not as many as there is room for.
pub(crate) fn decode(bytes: &[u8], bits: u32, samples: &mut [u16]) -> Result<(), Reason> {
    let mut segments =
        Segments { bytes: bytes.strip_prefix(&[0xff, marker::START_OF_IMAGE]).ok_or("it is no JPEG")? };
    let (mut frame, mut tables, mut interval) = (None, [const { None }; 4], 0);
    loop {
        match segments.next()? {
            (marker::LOSSLESS_FRAME, payload) => frame = Some(Frame::read(payload)?),
            (marker::HUFFMAN, payload) => read_tables(payload, &mut tables)?,
            (marker::RESTART_INTERVAL, payload) => interval = two_bytes(payload, 0)?,
            (marker::SCAN, payload) => {
                let frame = frame.ok_or("its scan comes before its frame")?;
                frame.check(bits, samples.len())?;
                let scan = Scan::read(payload, &frame, &tables)?;
                if interval != 0 {
                    return Err("it has restart intervals, which are not understood".into());
                }
                return scan.decode(&frame, segments.bytes, samples);
            }
            (0xc0..=0xcf, _) => return Err("it is not lossless with Huffman codes".into()),
            _ => {}
        }
    }
}

fn two_bytes(payload: &[u8], at: usize) -> Result<usize, Reason> {
    let bytes = payload.get(at..at + 2).ok_or("a segment is too short")?;
    Ok(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}

fn one_byte(payload: &[u8], at: usize) -> Result<u8, Reason> {
    payload.get(at).copied().ok_or_else(|| "a segment is too short".into())
}

/// What is left behind the start, segment by segment.
struct Segments<'a> {
    bytes: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Marker and payload of the next segment.
    fn next(&mut self) -> Result<(u8, &'a [u8]), Reason> {
        let bytes = self.bytes;
        if bytes.first() != Some(&0xff) {
            return Err("it has no marker where one must be".into());
        }
        let length = two_bytes(bytes, 2)?;
        let payload = bytes.get(4..2 + length.max(2)).ok_or("a segment reaches beyond its end")?;
        self.bytes = &bytes[4 + payload.len()..];
        Ok((bytes[1], payload))
    }
}

/// The frame's shape.
#[derive(Clone, Copy, Debug)]
struct Frame {
    bits: u32,
    rows: usize,
    columns: usize,
    components: usize,
    /// Their names, in order.
    names: [u8; COMPONENTS_MAX],
}

const COMPONENTS_MAX: usize = 4;

impl Frame {
    fn read(payload: &[u8]) -> Result<Self, Reason> {
        let components = usize::from(one_byte(payload, 5)?);
        let mut frame = Self {
            bits: u32::from(one_byte(payload, 0)?),
            rows: two_bytes(payload, 1)?,
            columns: two_bytes(payload, 3)?,
            components,
            names: [0; COMPONENTS_MAX],
        };
        if !(2..=16).contains(&frame.bits) || !(1..=COMPONENTS_MAX).contains(&components) {
            return Err(format!("it has {components} components of {} bits", frame.bits));
        }
        for (index, name) in frame.names[..components].iter_mut().enumerate() {
            *name = one_byte(payload, 6 + 3 * index)?;
            if one_byte(payload, 7 + 3 * index)? != 0x11 {
                return Err("its components have different sizes".into());
            }
        }
        Ok(frame)
    }

    fn check(&self, bits: u32, room: usize) -> Result<(), Reason> {
        let samples = self.rows * self.columns * self.components;
        if self.bits > bits {
            return Err(format!("its samples have {} bits, not {bits}", self.bits));
        }
        if samples != room {
            return Err(format!("it has {samples} samples, not {room}"));
        }
        Ok(())
    }
}

type Table = Vec<(u8, u8)>;

fn read_tables(mut payload: &[u8], tables: &mut [Option<Table>; 4]) -> Result<(), Reason> {
    while !payload.is_empty() {
        let place =
            tables.get_mut(usize::from(one_byte(payload, 0)?)).ok_or("a table has an unknown place")?;
        let codes_of_length: [u8; LENGTH_MAX] =
            payload.get(1..17).and_then(|counts| counts.try_into().ok()).ok_or("a table is too short")?;
        let count: usize = codes_of_length.iter().map(|&count| usize::from(count)).sum();
        let symbols = payload.get(17..17 + count).ok_or("a table is too short")?.to_vec();
        if symbols.iter().any(|&size| size > 16) {
            return Err("a table has sizes of more than 16 bits".into());
        }
        let lengths = Lengths { codes_of_length, symbols };
        *place = Some(lengths.look_up().ok_or("a table's lengths make no code")?);
        payload = &payload[17 + count..];
    }
    Ok(())
}

/// What the samples of the scan are coded with.
struct Scan<'a> {
    tables: Vec<&'a Table>,
    predictor: u8,
    /// Low bits that are not coded.
    shift: u32,
}

impl<'a> Scan<'a> {
    fn read(payload: &[u8], frame: &Frame, tables: &'a [Option<Table>; 4]) -> Result<Self, Reason> {
        if usize::from(one_byte(payload, 0)?) != frame.components {
            return Err("its scan does not hold all components".into());
        }
        let mut used = Vec::new();
        for (index, &name) in frame.names[..frame.components].iter().enumerate() {
            if one_byte(payload, 1 + 2 * index)? != name {
                return Err("its scan has another order of components".into());
            }
            let table = usize::from(one_byte(payload, 2 + 2 * index)? >> 4);
            used.push(
                tables
                    .get(table)
                    .and_then(Option::as_ref)
                    .ok_or("its scan names a table that is not there")?,
            );
        }
        let end = 1 + 2 * frame.components;
        let (predictor, shift) = (one_byte(payload, end)?, u32::from(one_byte(payload, end + 2)? & 15));
        if !(1..=7).contains(&predictor) || shift >= frame.bits {
            return Err(format!("it has the predictor {predictor} and the shift {shift}"));
        }
        Ok(Self { tables: used, predictor, shift })
    }

    fn decode(&self, frame: &Frame, bytes: &[u8], samples: &mut [u16]) -> Result<(), Reason> {
        let mut bits = Bits { bytes, held: 0, count: 0, padding: 0 };
        let (components, row_samples) = (frame.components, frame.columns * frame.components);
        let start = first_prediction(frame.bits - self.shift);
        let mask = (1u32 << frame.bits) - 1;
        for y in 0..frame.rows {
            let (above, row) = samples[..(y + 1) * row_samples].split_at_mut(y * row_samples);
            let above = &above[above.len().saturating_sub(row_samples)..];
            for at in 0..row_samples {
                let left = at.checked_sub(components);
                let value = |row: &[u16], at: usize| i32::from(row[at] >> self.shift);
                let predicted = match (y, left) {
                    (0, None) => start,
                    (0, Some(left)) => value(row, left),
                    (_, None) => value(above, at),
                    (_, Some(left)) => {
                        predict(self.predictor, value(row, left), value(above, at), value(above, left))
                    }
                };
                let difference = bits.difference(self.tables[at % components])?;
                row[at] = ((predicted.wrapping_add(difference) as u32) << self.shift & mask) as u16;
            }
        }
        Ok(())
    }
}

/// T.81, table H.1: from the sample to the left, above, and above that to the left.
fn predict(predictor: u8, left: i32, above: i32, corner: i32) -> i32 {
    match predictor {
        1 => left,
        2 => above,
        3 => corner,
        4 => left + above - corner,
        5 => left + ((above - corner) >> 1),
        6 => above + ((left - corner) >> 1),
        _ => (left + above) >> 1,
    }
}

/// Bits of coded bytes, most significant first; stuffed zeros left out. Behind the end, or a
/// marker, there are zeros, which may be looked at but not taken.
struct Bits<'a> {
    bytes: &'a [u8],
    held: u64,
    count: u32,
    /// How many of the last bits held are not the bytes' own.
    padding: u32,
}

impl Bits<'_> {
    /// Makes sure of 48 bits.
    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match *self.bytes {
                [0xff, 0, ref rest @ ..] => {
                    self.bytes = rest;
                    0xff
                }
                [0xff, ..] | [] => {
                    self.padding += 8;
                    0
                }
                [byte, ref rest @ ..] => {
                    self.bytes = rest;
                    byte
                }
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn take(&mut self, count: u32) -> u32 {
        self.count -= count;
        (self.held >> self.count) as u32 & ((1u32 << count) - 1)
    }

    /// The next difference.
    fn difference(&mut self, table: &Table) -> Result<i32, Reason> {
        self.fill();
        let (size, length) = table[(self.held >> (self.count - 16)) as usize & 0xffff];
        if length == 0 {
            return Err("it has a code that no table knows".into());
        }
        self.count -= u32::from(length);
        let difference = match u32::from(size) {
            0 => 0,
            16 => 32768,
            size => {
                let low = self.take(size) as i32;
                if low < 1 << (size - 1) { low - (1 << size) + 1 } else { low }
            }
        };
        if self.count < self.padding { Err("its codes end too early".into()) } else { Ok(difference) }
    }
}

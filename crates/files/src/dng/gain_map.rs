//! Lens shading as DNG's opcode `GainMap` (DNG specification, "Opcode List Processing"): one
//! map for each colour of the mosaic. Opcodes are big endian whatever the file is.

use super::{CELL, black_level_index};
use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::{NativePixels, Rect, Size};
use pinhole_base::vignetting::Vignetting;
use pinhole_base::{Error, ErrorKind, Result};

/// Gains over a frame, at the corners of equal cells; between them bilinear.
#[derive(Clone, Debug, PartialEq)]
pub struct GainMap {
    /// Points in a row, 2 to 1024.
    pub columns: usize,
    /// Rows of points, 2 to 1024.
    pub rows: usize,
    /// `columns` × `rows` gains above 0 for each of red, green in red rows, green in blue rows,
    /// and blue, row by row.
    pub gains: [Vec<f32>; 4],
}

const GAIN_MAP: u32 = 9;
const VERSION_1_3: u32 = 0x0103_0000;
const POINTS_MAX: usize = 1024;
/// Bytes of an opcode's head, and of what a map says before its gains.
const HEAD_BYTES: usize = 16;
const MAP_HEAD_BYTES: usize = 76;

impl GainMap {
    /// Gains that undo a lens's shading in frames that show a part of the array. Modes of calibrated
    /// sensors lie in the middle of it: mirroring changes nothing.
    pub fn of_lens(lens: &Vignetting, shown: Rect<NativePixels>) -> Self {
        const POINTS: usize = 33;
        let place = |at: usize, start: i32, length: u32| {
            f64::from(start) + f64::from(length) * at as f64 / (POINTS - 1) as f64
        };
        let plane = |colour: usize| {
            let points = (0..POINTS * POINTS).map(|at| {
                let x = place(at % POINTS, shown.x, shown.width);
                let y = place(at / POINTS, shown.y, shown.height);
                lens.gains(x, y)[colour] as f32
            });
            points.collect::<Vec<_>>()
        };
        Self { columns: POINTS, rows: POINTS, gains: [plane(0), plane(1), plane(1), plane(2)] }
    }

    pub(super) fn check(&self) -> Result<()> {
        let invalid = |reason: String| {
            Err(Error::new(ErrorKind::InvalidArgument, "describing lens shading").because(reason))
        };
        let sides = 2..=POINTS_MAX;
        if !sides.contains(&self.columns) || !sides.contains(&self.rows) {
            return invalid(format!("{} by {} points are not 2 to {POINTS_MAX}", self.columns, self.rows));
        }
        let points = self.columns * self.rows;
        if let Some(plane) = self.gains.iter().find(|plane| plane.len() != points) {
            return invalid(format!("there are {} gains for {points} points", plane.len()));
        }
        let wrong = self.gains.iter().flatten().find(|gain| !gain.is_finite() || **gain <= 0.0);
        wrong.map_or(Ok(()), |gain| invalid(format!("a gain is {gain}, not above 0")))
    }

    /// The list of opcodes for a mosaic.
    pub(super) fn to_opcodes(&self, order: BayerOrder, size: Size) -> Vec<u8> {
        let mut list = 4u32.to_be_bytes().to_vec();
        for (x, y) in CELL {
            let gains = &self.gains[black_level_index(order.colour_at(x, y))];
            let bytes = (MAP_HEAD_BYTES + 4 * gains.len()) as u32;
            const OPTIONAL: u32 = 1;
            let (top, left) = (y as u32, x as u32);
            let head =
                [GAIN_MAP, VERSION_1_3, OPTIONAL, bytes, top, left, size.height, size.width, 0, 1, 2, 2];
            list.extend(head.into_iter().flat_map(u32::to_be_bytes));
            list.extend(
                [self.rows, self.columns].into_iter().flat_map(|points| (points as u32).to_be_bytes()),
            );
            let spacing = [self.rows, self.columns].map(|points| 1.0 / (points - 1) as f64);
            list.extend([spacing[0], spacing[1], 0.0, 0.0].into_iter().flat_map(f64::to_be_bytes));
            list.extend(1u32.to_be_bytes());
            list.extend(gains.iter().flat_map(|gain| gain.to_be_bytes()));
        }
        list
    }

    /// The maps in a list of opcodes, if there is one for each colour of the mosaic, all over
    /// the whole frame and of the same shape. What else there is, is left out.
    ///
    /// # Errors
    /// The reason, if the list does not hold together.
    pub(super) fn from_opcodes(list: &[u8], order: BayerOrder) -> std::result::Result<Option<Self>, String> {
        let mut maps: [Option<Map>; 4] = [const { None }; 4];
        let count = word(list, 0)?;
        let mut rest = &list[4..];
        for _ in 0..count {
            let (id, length) = (word(rest, 0)?, word(rest, 12)? as usize);
            let end = HEAD_BYTES.saturating_add(length);
            let body = rest.get(HEAD_BYTES..end).ok_or("an opcode reaches beyond the list's end")?;
            rest = &rest[end..];
            if id == GAIN_MAP {
                let map = Map::read(body)?;
                let cell = CELL.iter().find(|&&(x, y)| (map.left, map.top) == (x as u32, y as u32));
                if let (Some(&(x, y)), true) = (cell, map.is_regular()) {
                    maps[black_level_index(order.colour_at(x, y))] = Some(map);
                }
            }
        }
        let [Some(red), Some(green_red), Some(green_blue), Some(blue)] = maps else { return Ok(None) };
        let (columns, rows) = (red.columns, red.rows);
        if [&green_red, &green_blue, &blue].iter().any(|map| (map.columns, map.rows) != (columns, rows)) {
            return Ok(None);
        }
        let gains = [red.gains, green_red.gains, green_blue.gains, blue.gains];
        Ok(Some(Self { columns, rows, gains }))
    }
}

fn word(bytes: &[u8], at: usize) -> std::result::Result<u32, String> {
    let word = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    word.map(u32::from_be_bytes).ok_or_else(|| "an opcode is too short".into())
}

fn number(bytes: &[u8], at: usize) -> std::result::Result<f64, String> {
    let number = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    number.map(f64::from_be_bytes).ok_or_else(|| "an opcode is too short".into())
}

/// One map, as the opcode tells it.
struct Map {
    top: u32,
    left: u32,
    pitch: (u32, u32),
    columns: usize,
    rows: usize,
    spacing: (f64, f64),
    origin: (f64, f64),
    gains: Vec<f32>,
}

impl Map {
    fn read(body: &[u8]) -> std::result::Result<Self, String> {
        let (rows, columns, planes) = (word(body, 32)? as usize, word(body, 36)? as usize, word(body, 72)?);
        if planes != 1 || !(1..=POINTS_MAX).contains(&rows) || !(1..=POINTS_MAX).contains(&columns) {
            return Err(format!("a map has {rows} by {columns} points and {planes} planes"));
        }
        let end = MAP_HEAD_BYTES + 4 * rows * columns;
        let bytes = body.get(MAP_HEAD_BYTES..end).ok_or("a map has too few gains")?;
        let gains: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_be_bytes(*bytes)).collect();
        if gains.iter().any(|gain| !gain.is_finite() || *gain < 0.0) {
            return Err("a map has a gain below 0, or that is no number".into());
        }
        Ok(Self {
            top: word(body, 0)?,
            left: word(body, 4)?,
            pitch: (word(body, 24)?, word(body, 28)?),
            rows,
            columns,
            spacing: (number(body, 40)?, number(body, 48)?),
            origin: (number(body, 56)?, number(body, 64)?),
            gains,
        })
    }

    /// Whether it is for every other row and column, and its points reach from edge to edge.
    fn is_regular(&self) -> bool {
        let reaches =
            |points: usize, spacing: f64| points >= 2 && ((points - 1) as f64 * spacing - 1.0).abs() < 0.01;
        self.pitch == (2, 2)
            && self.origin.0.abs() < 0.01
            && self.origin.1.abs() < 0.01
            && reaches(self.rows, self.spacing.0)
            && reaches(self.columns, self.spacing.1)
    }
}

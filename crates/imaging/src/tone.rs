//! Colour matrix and tone curve.

mod curve;

use curve::Curve;
pub(crate) use curve::{PieceVectors, Pieces};

use crate::demosaic::Finish;
use crate::mosaic::ColourRow;
use crate::parameters::{ColourMatrix, IspParameters};
use crate::simd::{Kernel, Level, Simd, each, splat_unknown};

/// A matrix in fixed point: products of 16 bits, sums of 32.
///
/// Colours come signed, 32768 less than they are. A fourth factor, for a constant −32768, makes
/// up for that, exactly, whatever the rounding of the others; the offset is part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Matrix {
    /// For each output: factors of red, green, blue and the constant.
    rows: [[i16; 4]; 3],
    /// Bits after the point.
    point: u32,
}

/// The most bits after the point.
const POINT_MAX: u32 = 14;

impl Matrix {
    fn new(colour: &ColourMatrix) -> Self {
        let size = |(row, offset): (&[f64; 3], &f64)| {
            row.iter().map(|factor| factor.abs()).sum::<f64>() + offset.abs() / 32768.0
        };
        let largest = colour.matrix.0.iter().zip(&colour.offsets).map(size).fold(0.0, f64::max);
        let point = (0..=POINT_MAX).rev().find(|&point| largest * f64::from(1 << point) < 32764.0);
        let point = point.unwrap_or(0);
        let fixed = |value: f64| (value * f64::from(1 << point)).round().clamp(-32767.0, 32767.0) as i16;
        let row = |i: usize| {
            let factors = colour.matrix.0[i].map(fixed);
            let sum: i32 = factors.iter().map(|&factor| i32::from(factor)).sum();
            let constant = sum + i32::from(fixed(colour.offsets[i] / 32768.0));
            let [red, green, blue] = factors;
            [red, green, blue, (-constant).clamp(-32767, 32767) as i16]
        };
        Self { rows: std::array::from_fn(row), point }
    }
}

/// Two neighbouring factors in every pair of lanes.
#[inline(always)]
fn pair<S: Simd>(s: S, row: [i16; 4], first: usize) -> S::V {
    let (a, b) = (row[first].cast_unsigned(), row[first + 1].cast_unsigned());
    s.splat_block([a, b, a, b, a, b, a, b])
}

/// A matrix in registers.
pub(crate) struct MatrixVectors<S: Simd> {
    simd: S,
    constant: S::V,
    /// For each output, in pairs: of the first two colours, and of the third and the constant.
    rows: [[S::V; 2]; 3],
    point: u32,
}

impl<S: Simd> MatrixVectors<S> {
    /// `swapped`: colours come, and go, as blue, green, red.
    #[inline(always)]
    pub(crate) fn new(simd: S, matrix: &Matrix, swapped: bool) -> Self {
        let mut rows = matrix.rows;
        if swapped {
            rows.swap(0, 2);
            rows.iter_mut().for_each(|row| row.swap(0, 2));
        }
        let rows = [
            [pair(simd, rows[0], 0), pair(simd, rows[0], 2)],
            [pair(simd, rows[1], 0), pair(simd, rows[1], 2)],
            [pair(simd, rows[2], 0), pair(simd, rows[2], 2)],
        ];
        Self { simd, constant: splat_unknown(simd, 0x8000), rows, point: matrix.point }
    }
}

impl<S: Simd> Finish<S> for MatrixVectors<S> {
    #[inline(always)]
    fn sign(&self) -> S::V {
        self.constant
    }

    #[inline(always)]
    fn finish(&self, [a, b, c]: [S::V; 3]) -> [S::V; 3] {
        let s = self.simd;
        let constant = self.constant;
        let ab = [s.zip_low(a, b), s.zip_high(a, b)];
        let c = [s.zip_low(c, constant), s.zip_high(c, constant)];
        let [first, second, third] = self.rows;
        each!([first, second, third], row => s.pack(self.sum(ab[0], c[0], row), self.sum(ab[1], c[1], row)))
    }
}

impl<S: Simd> MatrixVectors<S> {
    #[inline(always)]
    fn sum(&self, ab: S::V, c: S::V, [for_ab, for_c]: [S::V; 2]) -> S::W {
        let s = self.simd;
        let sum = s.add_pairs_i(s.multiply_pairs_i(ab, for_ab), c, for_c);
        s.shr_wide_by(sum, self.point)
    }
}

/// A matrix whose rows sum to 1, so that grey stays as it is. What it adds to each colour are
/// shares of all three, which sum to 0: products of 16 bits hold half of that, and what is added
/// twice overflows to the side that it should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blend {
    /// For each colour: half of its share, and of the others', with 15 bits after the point.
    rows: [[i16; 3]; 3],
}

impl Blend {
    /// How much of the others a colour may take: 1.5 times as much as there is. Sums of 16 bits would
    /// hold twice as much, but rounding shows in what is left where large numbers nearly cancel out.
    const STEEPEST: f64 = 1.5 * 16384.0;

    /// The same as the matrix, where it is of that kind and not too steep.
    fn new(colour: &ColourMatrix) -> Option<Self> {
        if colour.offsets.iter().any(|offset| offset.abs() >= 0.5) {
            return None;
        }
        let mut rows = [[0; 3]; 3];
        for (own, (row, wanted)) in rows.iter_mut().zip(&colour.matrix.0).enumerate() {
            if (wanted.iter().sum::<f64>() - 1.0).abs() >= 1.0 / 32768.0 {
                return None;
            }
            let half = |i: usize| (wanted[i] * 16384.0).round();
            let others = [(own + 1) % 3, (own + 2) % 3];
            if others.iter().map(|&i| half(i).abs()).sum::<f64>() > Self::STEEPEST {
                return None;
            }
            others.iter().for_each(|&i| row[i] = half(i) as i16);
            row[own] = -others.iter().map(|&i| row[i]).sum::<i16>();
        }
        Some(Self { rows })
    }
}

/// A blend in registers.
pub(crate) struct BlendVectors<S: Simd> {
    simd: S,
    sign: S::V,
    rows: [[S::V; 3]; 3],
}

impl<S: Simd> BlendVectors<S> {
    /// See [`MatrixVectors::new`].
    #[inline(always)]
    pub(crate) fn new(simd: S, blend: &Blend, swapped: bool) -> Self {
        let mut rows = blend.rows;
        if swapped {
            rows.swap(0, 2);
            rows.iter_mut().for_each(|row| row.swap(0, 2));
        }
        let rows = each!([rows[0], rows[1], rows[2]], row => {
            each!([row[0], row[1], row[2]], factor => simd.splat(factor.cast_unsigned()))
        });
        Self { simd, sign: splat_unknown(simd, 0x8000), rows }
    }
}

impl<S: Simd> Finish<S> for BlendVectors<S> {
    #[inline(always)]
    fn sign(&self) -> S::V {
        self.sign
    }

    #[inline(always)]
    fn finish(&self, colours: [S::V; 3]) -> [S::V; 3] {
        let s = self.simd;
        each!([0, 1, 2], own => {
            let share = |i: usize| s.mulhrs_i(colours[i], self.rows[own][i]);
            let others = s.add(share((own + 1) % 3), share((own + 2) % 3));
            let half = s.adds_i(others, share(own));
            s.xor(s.adds_i(s.adds_i(colours[own], half), half), self.sign)
        })
    }
}

/// How colours are mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mix {
    /// In 16 bits.
    Blend(Blend),
    /// In 32 bits.
    Matrix(Matrix),
}

impl Mix {
    fn new(colour: &ColourMatrix) -> Self {
        Blend::new(colour).map_or_else(|| Self::Matrix(Matrix::new(colour)), Self::Blend)
    }
}

/// Mixes the colours of a row.
struct MixRow<'a> {
    mix: &'a Mix,
    cells: usize,
    row: &'a mut ColourRow,
}

impl Kernel for MixRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.mix {
            Mix::Blend(blend) => self.with(s, &BlendVectors::new(s, blend, false)),
            Mix::Matrix(matrix) => self.with(s, &MatrixVectors::new(s, matrix, false)),
        }
    }
}

impl MixRow<'_> {
    #[inline(always)]
    fn with<S: Simd>(self, s: S, finish: &impl Finish<S>) {
        let count = self.cells.div_ceil(S::LANES);
        for half in 0..2 {
            let [red, green, blue] = self.row.vectors_mut::<S>(half, count);
            for i in 0..count {
                let [r, g, b] = [s.load(&red[i]), s.load(&green[i]), s.load(&blue[i])];
                let mixed = finish.finish(each!([r, g, b], colour => s.xor(colour, finish.sign())));
                s.store(&mut red[i], mixed[0]);
                s.store(&mut green[i], mixed[1]);
                s.store(&mut blue[i], mixed[2]);
            }
        }
    }
}

/// Applies a curve to a row.
struct BendRow<'a> {
    pieces: &'a Pieces,
    cells: usize,
    row: &'a mut ColourRow,
}

impl Kernel for BendRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        let curve = PieceVectors::new(s, self.pieces);
        for half in 0..2 {
            let [red, green, blue] = self.row.vectors_mut::<S>(half, count);
            for i in 0..count {
                let bent = curve.bend([s.load(&red[i]), s.load(&green[i]), s.load(&blue[i])]);
                s.store(&mut red[i], bent[0]);
                s.store(&mut green[i], bent[1]);
                s.store(&mut blue[i], bent[2]);
            }
        }
    }
}

/// The matrix and the curve of one frame, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Tone {
    level: Level,
    mix: Option<Mix>,
    curve: Curve,
}

impl Tone {
    pub(crate) fn new(level: Level) -> Self {
        Self { level, mix: None, curve: Curve::new() }
    }

    /// Takes over a frame's parameters. The curve is made anew only if it changed.
    pub(crate) fn update(&mut self, parameters: &IspParameters) {
        self.mix = parameters.saturated_matrix().as_ref().map(Mix::new);
        self.curve.update(parameters.gamma.as_ref(), parameters.toning);
    }

    /// What colours are mixed by, if they are.
    pub(crate) fn mix(&self) -> Option<&Mix> {
        self.mix.as_ref()
    }

    /// Mixes the colours of a row.
    pub(crate) fn mix_row(&self, cells: usize, row: &mut ColourRow) {
        if let Some(mix) = &self.mix {
            self.level.run(MixRow { mix, cells, row });
        }
    }

    /// Takes a row that is mixed through the curve.
    pub(crate) fn bend(&self, cells: usize, row: &mut ColourRow) {
        if let Some(pieces) = self.bend_later(cells, row) {
            self.level.run(BendRow { pieces, cells, row });
        }
    }

    /// The same, or the curve, if that can be left to who reads the row.
    pub(crate) fn bend_later(&self, cells: usize, row: &mut ColourRow) -> Option<&Pieces> {
        let pieces = self.curve.pieces();
        if pieces.is_none() {
            for colour in row.halves.iter_mut().flat_map(|half| half.iter_mut()) {
                self.curve.look_up(&mut colour[..cells]);
            }
        }
        pieces
    }
}

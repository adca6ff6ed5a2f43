//! From a mosaic to full colour.
//!
//! Of the ways there are, those that need no more than a window:
//!
//! - [`Demosaic::Linear`]: means of the nearest samples of each colour.
//! - [`Demosaic::Malvar`]: the gradient-corrected linear interpolation of H. S. Malvar, L. He and
//!   R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color
//!   images", ICASSP 2004.
//!
//! All sums are made of rounded means of two and of saturating additions, so that 16 bits hold
//! them. A correction of the second method is halved and added twice: where it has overflowed a
//! sum in one direction, it cannot bring it back. Against exact arithmetic that leaves an error
//! of a few units of 65535.

use pinhole_base::format::{BayerColour, BayerOrder};

use crate::mosaic::{ColourRow, Window};
use crate::parameters::Demosaic;
use crate::simd::{Kernel, LINE_BYTES, Simd, each, splat_unknown};
use crate::tone::{BlendVectors, MatrixVectors, Mix};

/// What turns unsigned lanes into signed ones, 32768 less, and back.
const SIGN: u16 = 0x8000;

/// A row to be interpolated.
pub(crate) struct DemosaicRow<'a> {
    pub(crate) method: Demosaic,
    /// The row in the middle, and those about it.
    pub(crate) window: Window<'a>,
    /// Without an order the samples are grey.
    pub(crate) order: Option<BayerOrder>,
    /// The row's number in the frame.
    pub(crate) y: usize,
    /// The first cell, and how many.
    pub(crate) first: usize,
    pub(crate) cells: usize,
    /// Applied to the colours, if any.
    pub(crate) mix: Option<&'a Mix>,
    /// What will be read next of what was not read before: it is fetched meanwhile, bit by bit.
    pub(crate) ahead: &'a [u8],
    pub(crate) out: &'a mut ColourRow,
}

impl Kernel for DemosaicRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Some(order) = self.order else { return self.copy_grey(s) };
        // Red rows and blue rows differ in the places of red and blue alone.
        let (swapped, red_half) = match order.colour_at(0, self.y) {
            BayerColour::Red => (false, 0),
            BayerColour::GreenRed => (false, 1),
            BayerColour::Blue => (true, 0),
            BayerColour::GreenBlue => (true, 1),
        };
        match self.mix {
            Some(Mix::Blend(blend)) => {
                self.with(s, red_half, swapped, &BlendVectors::new(s, blend, swapped));
            }
            Some(Mix::Matrix(matrix)) => {
                self.with(s, red_half, swapped, &MatrixVectors::new(s, matrix, swapped));
            }
            None => self.with(s, red_half, swapped, &Unchanged(Signs::new(s))),
        }
    }
}

impl DemosaicRow<'_> {
    #[inline(always)]
    fn with<S: Simd>(&mut self, s: S, red_half: usize, swapped: bool, finish: &impl Finish<S>) {
        match (self.method, red_half) {
            (Demosaic::Linear, 0) => interpolate::<S, Linear, 0>(s, self, swapped, finish),
            (Demosaic::Linear, _) => interpolate::<S, Linear, 1>(s, self, swapped, finish),
            (Demosaic::Malvar | Demosaic::Directional, 0) => {
                interpolate::<S, Malvar, 0>(s, self, swapped, finish);
            }
            (Demosaic::Malvar | Demosaic::Directional, _) => {
                interpolate::<S, Malvar, 1>(s, self, swapped, finish);
            }
        }
    }

    #[inline(always)]
    fn copy_grey<S: Simd>(&mut self, s: S) {
        match self.mix {
            Some(Mix::Blend(blend)) => self.copy_with(s, &BlendVectors::new(s, blend, false)),
            Some(Mix::Matrix(matrix)) => self.copy_with(s, &MatrixVectors::new(s, matrix, false)),
            None => self.copy_with(s, &Unchanged(Signs::new(s))),
        }
    }

    #[inline(always)]
    fn copy_with<S: Simd>(&mut self, s: S, finish: &impl Finish<S>) {
        let count = self.cells.div_ceil(S::LANES);
        for half in 0..2 {
            let source = self.window.0[2].vectors::<S>(half, self.first as isize, count);
            let [red, green, blue] = self.out.vectors_mut::<S>(half, count);
            for i in 0..count {
                let grey = finish.finish([s.xor(s.load(&source[i]), finish.sign()); 3]);
                s.store(&mut red[i], grey[0]);
                s.store(&mut green[i], grey[1]);
                s.store(&mut blue[i], grey[2]);
            }
        }
    }
}

/// What is done with red (or blue, where they are swapped), green and blue (or red), signed,
/// before they are written, unsigned.
pub(crate) trait Finish<S: Simd> {
    /// What makes unsigned lanes signed; it would take another register.
    fn sign(&self) -> S::V;
    fn finish(&self, colours: [S::V; 3]) -> [S::V; 3];
}

struct Unchanged<S: Simd>(Signs<S>);

impl<S: Simd> Finish<S> for Unchanged<S> {
    #[inline(always)]
    fn sign(&self) -> S::V {
        self.0.sign
    }

    #[inline(always)]
    fn finish(&self, colours: [S::V; 3]) -> [S::V; 3] {
        let [a, b, c] = colours;
        each!([a, b, c], colour => self.0.signed(colour))
    }
}

/// The samples about a red (or blue) pixel and the green one beside it in the same cell. `main`
/// is the red one; `near` the green one of the same cell, `far` that on the other side of the
/// red one, `beyond` the red one on the other side of the green one.
struct Cell<S: Simd> {
    main: S::V,
    near: S::V,
    far: S::V,
    beyond: S::V,
    /// Means of the samples above and below each of them.
    above_main: S::V,
    above_near: S::V,
    above_far: S::V,
    above_beyond: S::V,
}

/// What the gradient-corrected interpolation looks at besides: means of the samples two columns,
/// or two rows, away.
struct Wide<S: Simd> {
    across_main: S::V,
    across_near: S::V,
    down_main: S::V,
    down_near: S::V,
}

/// A way to interpolate.
trait Method {
    /// Signed: at red, then at green: red, green, blue.
    fn colours<S: Simd>(signs: &Signs<S>, cell: &Cell<S>, wide: &Wide<S>) -> [[S::V; 3]; 2];
}

struct Linear;

impl Method for Linear {
    #[inline(always)]
    fn colours<S: Simd>(signs: &Signs<S>, cell: &Cell<S>, _: &Wide<S>) -> [[S::V; 3]; 2] {
        let s = signs.simd;
        let cross = s.avg(cell.above_main, s.avg(cell.near, cell.far));
        let corners = s.avg(cell.above_near, cell.above_far);
        let beside = s.avg(cell.main, cell.beyond);
        [
            each!([cell.main, cross, corners], colour => signs.signed(colour)),
            each!([beside, cell.near, cell.above_near], colour => signs.signed(colour)),
        ]
    }
}

/// Numbers in registers, and what is done with them.
pub(crate) struct Signs<S: Simd> {
    simd: S,
    sign: S::V,
}

impl<S: Simd> Signs<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        Self { simd, sign: splat_unknown(simd, SIGN) }
    }

    /// 32768 less, or more.
    #[inline(always)]
    pub(crate) fn signed(&self, a: S::V) -> S::V {
        self.simd.xor(a, self.sign)
    }

    /// Half of `a − b`, signed. Halved by products: shifted means are taken apart by the compiler,
    /// into 32 bits.
    #[inline(always)]
    fn half_difference(&self, a: S::V, b: S::V) -> S::V {
        let s = self.simd;
        s.sub(s.mulhi(a, self.sign), s.mulhi(b, self.sign))
    }
}

struct Malvar;

impl Malvar {
    /// A colour at green, signed: the mean of two neighbours, plus half of what green is more
    /// than its corners, half of which is `half`, plus an eighth of how green bends along them.
    #[inline(always)]
    fn at_green<S: Simd>(
        signs: &Signs<S>,
        green: S::V,
        mean: S::V,
        half: S::V,
        [along, across]: [S::V; 2],
    ) -> S::V {
        let s = signs.simd;
        let bend = signs.half_difference(s.avg(green, across), along);
        let half = s.add(half, s.shr_i::<2>(bend));
        s.adds_i(s.adds_i(signs.signed(mean), half), half)
    }
}

impl Method for Malvar {
    #[inline(always)]
    fn colours<S: Simd>(signs: &Signs<S>, cell: &Cell<S>, wide: &Wide<S>) -> [[S::V; 3]; 2] {
        let s = signs.simd;
        // At red, half of what it is more than the four next reds.
        let reds = s.avg(wide.across_main, wide.down_main);
        let change = signs.half_difference(cell.main, reds);
        let cross = s.avg(cell.above_main, s.avg(cell.near, cell.far));
        let corners = s.avg(cell.above_near, cell.above_far);
        let at_main = [
            signs.signed(cell.main),
            s.adds_i(signs.signed(cross), change),
            s.adds_i(s.adds_i(signs.signed(corners), change), s.shr_i::<1>(change)),
        ];

        let corners = s.avg(cell.above_main, cell.above_beyond);
        let half = s.shr_i::<1>(signs.half_difference(cell.near, corners));
        let beside = s.avg(cell.main, cell.beyond);
        let (across, down) = (wide.across_near, wide.down_near);
        let at_near = [
            Self::at_green(signs, cell.near, beside, half, [across, down]),
            signs.signed(cell.near),
            Self::at_green(signs, cell.near, cell.above_near, half, [down, across]),
        ];
        [at_main, at_near]
    }
}

/// Interpolates a row whose red (or, if swapped, blue) pixels are in `MAIN`.
#[inline(always)]
fn interpolate<S: Simd, M: Method, const MAIN: usize>(
    s: S,
    row: &mut DemosaicRow<'_>,
    swapped: bool,
    finish: &impl Finish<S>,
) {
    let count = row.cells.div_ceil(S::LANES);
    let first = row.first;
    let near = 1 - MAIN;
    // To a red pixel in the even columns, the far green one is in the cell before.
    let (far, beyond) = if MAIN == 0 { (0, 2) } else { (2, 0) };
    let [north2, north, middle, south, south2] = row.window.0;
    let main = middle.around::<S>(MAIN, first, count);
    let main_near = middle.around::<S>(near, first, count);
    let [up, down] = each!([north, south], row => row.around::<S>(MAIN, first, count));
    let [up_near, down_near] = each!([north, south], row => row.around::<S>(near, first, count));
    let [top, bottom] = each!([north2, south2], row => row.around::<S>(MAIN, first, count)[1]);
    let [top_near, bottom_near] = each!([north2, south2], row => row.around::<S>(near, first, count)[1]);
    let [even, odd] = &mut row.out.halves;
    let (out, out_near) = if MAIN == 0 { (even, odd) } else { (odd, even) };
    let [red, green, blue] = &mut out.0;
    let [red, blue] = if swapped { [blue, red] } else { [red, blue] };
    let [red, green, blue] = each!([red, green, blue], colour => &mut S::chunks_mut(colour)[..count]);
    let [red_near, green_near, blue_near] = &mut out_near.0;
    let [red_near, blue_near] = if swapped { [blue_near, red_near] } else { [red_near, blue_near] };
    let [red_near, green_near, blue_near] =
        each!([red_near, green_near, blue_near], colour => &mut S::chunks_mut(colour)[..count]);
    let signs = Signs { simd: s, sign: finish.sign() };
    // As much as a cell takes of RAW10. Faster, the fetches wait for each other; at a pace that is no
    // constant, they take three registers.
    let ahead_each = 5 * S::LANES / 2;
    for i in 0..count {
        for place in (0..ahead_each).step_by(LINE_BYTES) {
            s.prefetch(row.ahead, i * ahead_each + place);
        }
        let cell = Cell {
            main: s.load(&main[1][i]),
            near: s.load(&main_near[1][i]),
            far: s.load(&main_near[far][i]),
            beyond: s.load(&main[beyond][i]),
            above_main: s.avg(s.load(&up[1][i]), s.load(&down[1][i])),
            above_near: s.avg(s.load(&up_near[1][i]), s.load(&down_near[1][i])),
            above_far: s.avg(s.load(&up_near[far][i]), s.load(&down_near[far][i])),
            above_beyond: s.avg(s.load(&up[beyond][i]), s.load(&down[beyond][i])),
        };
        let wide = Wide {
            across_main: s.avg(s.load(&main[0][i]), s.load(&main[2][i])),
            across_near: s.avg(s.load(&main_near[0][i]), s.load(&main_near[2][i])),
            down_main: s.avg(s.load(&top[i]), s.load(&bottom[i])),
            down_near: s.avg(s.load(&top_near[i]), s.load(&bottom_near[i])),
        };
        let [at_main, at_near] = M::colours(&signs, &cell, &wide);
        let colours = finish.finish(at_main);
        s.store(&mut red[i], colours[0]);
        s.store(&mut green[i], colours[1]);
        s.store(&mut blue[i], colours[2]);
        let colours = finish.finish(at_near);
        s.store(&mut red_near[i], colours[0]);
        s.store(&mut green_near[i], colours[1]);
        s.store(&mut blue_near[i], colours[2]);
    }
}

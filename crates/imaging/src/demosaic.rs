//! From a mosaic to full colour: the gradient-corrected linear interpolation of H. S. Malvar,
//! L. He and R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned
//! color images", ICASSP 2004.

use pinhole_base::format::{BayerColour, BayerOrder};

use crate::mosaic::{Neighbours, Rgb, Window};

/// A row in full colour, split into even and odd columns as the mosaic is.
#[derive(Clone, Debug)]
pub(crate) struct ColourRow {
    /// By half, then colour.
    pub(crate) halves: [Rgb<Vec<u16>>; 2],
}

impl ColourRow {
    pub(crate) fn new(cells: usize) -> Self {
        let half = Rgb([vec![0; cells], vec![0; cells], vec![0; cells]]);
        Self { halves: [half.clone(), half] }
    }
}

/// Interpolates the middle row of the window, row `y` of the frame, from cell `first` on.
/// Without an order the samples are grey.
pub(crate) fn demosaic_row(
    window: &Window<'_>,
    order: Option<BayerOrder>,
    y: usize,
    first: usize,
    row: &mut ColourRow,
) {
    for (half, rgb) in row.halves.iter_mut().enumerate() {
        let near = window.samples(half, first, rgb[0].len());
        let [red, green, blue] = &mut rgb.0;
        match order.map(|order| order.colour_at(half, y)) {
            Some(BayerColour::Red) => at_red_or_blue(&near, red, green, blue),
            Some(BayerColour::Blue) => at_red_or_blue(&near, blue, green, red),
            Some(BayerColour::GreenRed) => at_green(&near, green, red, blue),
            Some(BayerColour::GreenBlue) => at_green(&near, green, blue, red),
            None => {
                for channel in &mut rgb.0 {
                    channel.copy_from_slice(near.centre);
                }
            }
        }
    }
}

fn clipped(sixteenths: i32) -> u16 {
    ((sixteenths + 8) >> 4).clamp(0, 0xffff) as u16
}

fn at_red_or_blue(near: &Neighbours<'_>, own: &mut [u16], green: &mut [u16], opposite: &mut [u16]) {
    own.copy_from_slice(near.centre);
    let n = near.centre.len();
    let Neighbours { north, south, west, east, north2, south2, west2, east2, diagonal, .. } = near;
    let (north, south, west, east) = (&north[..n], &south[..n], &west[..n], &east[..n]);
    let (north2, south2, west2, east2) = (&north2[..n], &south2[..n], &west2[..n], &east2[..n]);
    let [nw, ne, sw, se] = diagonal.map(|samples| &samples[..n]);
    let (green, opposite) = (&mut green[..n], &mut opposite[..n]);
    for i in 0..n {
        let at = |samples: &[u16]| i32::from(samples[i]);
        let centre = at(near.centre);
        let cross = at(north) + at(south) + at(west) + at(east);
        let cross2 = at(north2) + at(south2) + at(west2) + at(east2);
        let corners = at(nw) + at(ne) + at(sw) + at(se);
        green[i] = clipped(8 * centre + 4 * cross - 2 * cross2);
        opposite[i] = clipped(12 * centre + 4 * corners - 3 * cross2);
    }
}

/// `beside` is the colour of the pixels to the left and right, `above` that of those above
/// and below.
fn at_green(near: &Neighbours<'_>, green: &mut [u16], beside: &mut [u16], above: &mut [u16]) {
    green.copy_from_slice(near.centre);
    let n = near.centre.len();
    let Neighbours { north, south, west, east, north2, south2, west2, east2, diagonal, .. } = near;
    let (north, south, west, east) = (&north[..n], &south[..n], &west[..n], &east[..n]);
    let (north2, south2, west2, east2) = (&north2[..n], &south2[..n], &west2[..n], &east2[..n]);
    let [nw, ne, sw, se] = diagonal.map(|samples| &samples[..n]);
    let (beside, above) = (&mut beside[..n], &mut above[..n]);
    for i in 0..n {
        let at = |samples: &[u16]| i32::from(samples[i]);
        let corners = at(nw) + at(ne) + at(sw) + at(se);
        let common = 10 * at(near.centre) - 2 * corners;
        let (across2, down2) = (at(west2) + at(east2), at(north2) + at(south2));
        beside[i] = clipped(common + 8 * (at(west) + at(east)) - 2 * across2 + down2);
        above[i] = clipped(common + 8 * (at(north) + at(south)) - 2 * down2 + across2);
    }
}

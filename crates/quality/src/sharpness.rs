//! Which ways of making pictures are looked at for their sharpness, on the test card's edges.

use crate::colour::DEMOSAICS;
use crate::edge::{Sample, Sharpness};
use crate::light::{Light, luminance};
use crate::shot::Shot;
use pinhole::develop::Adjustments;
use pinhole::files::dng::DngImage;
use pinhole::format::BayerColour;
use pinhole::sim::scene::SlantedEdge;
use pinhole::{Error, ErrorKind, Result};
use pinhole_imaging::IspParameters;
use pinhole_imaging::packing::unpack_row;
use pinhole_imaging::parameters::{Denoise, Sharpen};

/// The edges: the first tells of detail across, the second of detail down.
pub(crate) const EDGES: [SlantedEdge; 2] = [SlantedEdge::Upright, SlantedEdge::Level];

/// Neither smoothed nor sharpened.
pub(crate) const PLAIN: &str = "plain";
/// Smoothed as the camera does it.
pub(crate) const DENOISED: &str = "denoised";
/// Smoothed as much as can be, chroma too.
pub(crate) const STRONGLY: &str = "strongly denoised";
/// Sharpened as the camera does it.
pub(crate) const SHARPENED: &str = "sharpened";
/// As the camera does it.
pub(crate) const BOTH: &str = "denoised, sharpened";
/// As `develop` does it.
pub(crate) const UNASKED: &str = "unasked";

/// What the edges say of one way.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) way: &'static str,
    /// What is done beside: [`PLAIN`] and those after it.
    pub(crate) steps: &'static str,
    /// Of [`EDGES`].
    pub(crate) edges: [Sharpness; 2],
    /// The upright one, to look at; none of samples that are no picture yet.
    pub(crate) picture: Option<Light>,
}

impl Row {
    /// MTF50, the mean of across and down.
    pub(crate) fn mean(&self) -> f64 {
        let [across, down] = self.mtf50();
        f64::midpoint(across, down)
    }

    /// The greater of the halos on the bright side, as a part of the edge's height.
    pub(crate) fn halo(&self) -> f64 {
        self.edges[0].overshoot.max(self.edges[1].overshoot)
    }

    /// The greater of those on the dark side.
    pub(crate) fn dark_halo(&self) -> f64 {
        self.edges[0].undershoot.max(self.edges[1].undershoot)
    }

    /// MTF50 across and down.
    pub(crate) fn mtf50(&self) -> [f64; 2] {
        [self.edges[0].mtf50(), self.edges[1].mtf50()]
    }
}

/// Measures all ways with one frame.
pub(crate) fn measure(shot: &Shot, dng: &DngImage) -> Result<Vec<Row>> {
    let edges = both(|edge| greens(shot, edge))?;
    let mut rows = vec![Row { way: "the mosaic's green samples", steps: "", edges, picture: None }];
    for (name, demosaic) in DEMOSAICS {
        let told = &shot.parameters;
        let strong = Denoise { strength: 1.0, ..told.denoise };
        let ways = [
            (PLAIN, Denoise::OFF, 0.0, Sharpen::OFF),
            (DENOISED, told.denoise, 0.0, Sharpen::OFF),
            (STRONGLY, strong, 1.0, Sharpen::OFF),
            (SHARPENED, Denoise::OFF, 0.0, told.sharpen),
            (BOTH, told.denoise, 0.0, told.sharpen),
        ];
        for (way, denoise, chroma_denoise, sharpen) in ways {
            let parameters = IspParameters { demosaic, denoise, chroma_denoise, sharpen, ..told.clone() };
            let picture = |edge: SlantedEdge| Light::processed(shot, &parameters, edge.area(shot.model));
            rows.push(row(name, way, picture)?);
        }
    }
    let plain = Adjustments { denoise: 0.0, chroma_denoise: 0.0, sharpness: 0.0, ..Adjustments::default() };
    for (name, adjustments) in [(PLAIN, plain), (UNASKED, Adjustments::default())] {
        let picture = |edge: SlantedEdge| Light::developed(shot, dng, &adjustments, edge.area(shot.model));
        rows.push(row("`develop`", name, picture)?);
    }
    Ok(rows)
}

fn row(
    way: &'static str,
    steps: &'static str,
    picture: impl Fn(SlantedEdge) -> Result<Light>,
) -> Result<Row> {
    let edges = both(|edge| picture(edge).map(|light| samples(&light, edge)))?;
    Ok(Row { way, steps, edges, picture: Some(picture(SlantedEdge::Upright)?) })
}

fn both(samples: impl Fn(SlantedEdge) -> Result<Vec<Sample>>) -> Result<[Sharpness; 2]> {
    let measured = |edge| {
        let found = Sharpness::of(&samples(edge)?);
        let missing = || Error::new(ErrorKind::Malformed, "measuring sharpness").because("there is no edge");
        found.ok_or_else(missing)
    };
    Ok([measured(EDGES[0])?, measured(EDGES[1])?])
}

/// Luminances, turned so that the edge runs along the columns.
fn samples(light: &Light, edge: SlantedEdge) -> Vec<Sample> {
    let width = light.size.width as usize;
    let pixels = light.pixels.iter().enumerate();
    upright(pixels.map(|(i, pixel)| (i % width, i / width, luminance(*pixel))), edge)
}

/// The green samples of the mosaic.
fn greens(shot: &Shot, edge: SlantedEdge) -> Result<Vec<Sample>> {
    let area = shot.area(edge.area(shot.model));
    let order = shot.format.order.expect("simulated sensors have a mosaic");
    let mut row = vec![0; shot.mode.size.width as usize];
    let mut found = Vec::new();
    for y in area.y as usize..area.bottom() as usize {
        unpack_row(shot.format, &shot.raw[y * shot.stride_bytes as usize..], &mut row);
        let is_green =
            |x: &usize| matches!(order.colour_at(*x, y), BayerColour::GreenRed | BayerColour::GreenBlue);
        let columns = (area.x as usize..area.right() as usize).filter(is_green);
        found.extend(columns.map(|x| (x, y, f64::from(row[x]))));
    }
    Ok(upright(found.into_iter(), edge))
}

fn upright(samples: impl Iterator<Item = (usize, usize, f64)>, edge: SlantedEdge) -> Vec<Sample> {
    let mut samples: Vec<Sample> = samples
        .map(|(x, y, value)| match edge {
            SlantedEdge::Upright => (x as f64, y as f64, value),
            SlantedEdge::Level => (y as f64, x as f64, value),
        })
        .collect();
    samples.sort_by(|a, b| (a.1, a.0).partial_cmp(&(b.1, b.0)).expect("they are numbers"));
    samples
}

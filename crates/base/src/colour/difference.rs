//! How different two colours look: CIEDE2000 (ISO/CIE 11664-6), as G. Sharma, W. Wu and E. N. Dalal
//! write it down in "The CIEDE2000 color-difference formula", Color Research & Application 30(1),
//! 2005, whose test data it is checked with.

use super::light::SRGB_TO_XYZ;

/// Linear light of a value that sRGB encodes (IEC 61966-2-1), both from 0 to 1.
pub fn linear(srgb: f64) -> f64 {
    if srgb <= 0.040_45 { srgb / 12.92 } else { ((srgb + 0.055) / 1.055).powf(2.4) }
}

/// CIE L*a*b* of linear light in sRGB's primaries, 1 being white, under D65.
pub fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let (xyz, white) = (SRGB_TO_XYZ.apply(rgb), SRGB_TO_XYZ.apply([1.0; 3]));
    let [x, y, z] = [f(xyz[0] / white[0]), f(xyz[1] / white[1]), f(xyz[2] / white[2])];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The difference of two colours in CIE L*a*b*; 1 is about what one can see.
pub fn ciede2000([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let steep = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - steep((a1.hypot(b1) + a2.hypot(b2)) / 2.0));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let (turn, mean_hue) = hues(h1, h2, c1 * c2 == 0.0);
    let (l, c) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(mean_hue - 30.0) + 0.24 * cos(2.0 * mean_hue) + 0.32 * cos(3.0 * mean_hue + 6.0)
        - 0.20 * cos(4.0 * mean_hue - 63.0);
    let off = (l - 50.0).powi(2);
    let lightness = (l2 - l1) / (1.0 + 0.015 * off / (20.0 + off).sqrt());
    let chroma = (c2 - c1) / (1.0 + 0.045 * c);
    let hue = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / (1.0 + 0.015 * c * t);
    let blue = 30.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp();
    let rotation = -(2.0 * blue).to_radians().sin() * 2.0 * steep(c);
    (lightness.powi(2) + chroma.powi(2) + hue.powi(2) + rotation * chroma * hue).sqrt()
}

/// From 0 to 360 degrees.
fn hue(a: f64, b: f64) -> f64 {
    b.atan2(a).to_degrees().rem_euclid(360.0)
}

/// The turn from one hue to another, the shorter way, and the hue between them, in degrees. Greys
/// have none.
fn hues(h1: f64, h2: f64, is_grey: bool) -> (f64, f64) {
    if is_grey {
        return (0.0, h1 + h2);
    }
    let turn = (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0;
    (turn, (h1 + turn / 2.0).rem_euclid(360.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch a slip in the formula: pairs of the paper's, for each of its cases.
    #[test]
    fn differences_are_those_of_the_paper() {
        let pairs = [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
            ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
            ([90.8027, -2.0831, 1.441], [91.1528, -1.6435, 0.0447], 1.4441),
            ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
        ];
        for (one, other, expected) in pairs {
            let difference = ciede2000(one, other);
            assert!((difference - expected).abs() < 1e-4, "{one:?} {other:?}: {difference}, not {expected}");
        }
    }

    /// Would catch weights that do not make white neutral, or a curve that breaks.
    #[test]
    fn white_grey_and_black_are_neutral() {
        for (encoded, lightness) in [(0.0, 0.0), (0.03, 2.1), (0.5, 53.4), (1.0, 100.0)] {
            let [l, a, b] = lab([linear(encoded); 3]);
            assert!((l - lightness).abs() < 0.1 && a.hypot(b) < 0.02, "{encoded}: {l} {a} {b}");
        }
    }
}

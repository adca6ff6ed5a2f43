//! Lettering: capitals and digits drawn with strokes, and the seven segments of a display.

use super::paint::{Point, at, segment_distance};

/// Width of a letter's cell and its advance, as shares of its height.
const WIDTH: f32 = 0.62;
const ADVANCE: f32 = 0.92;

/// The strokes of a character on a grid of 0 to 4 across and 0 to 6 down: points in pairs of
/// digits; strokes parted by blanks.
const fn strokes(letter: char) -> &'static str {
    match letter {
        'A' => "062046 1434",
        'C' => "4130100115163645",
        'D' => "002031424435260600",
        'E' => "40000646 0333",
        'F' => "400006 0333",
        'H' => "0006 4046 0343",
        'I' => "2026",
        'L' => "000646",
        'N' => "06004640",
        'O' => "1030414536160501 0110",
        'P' => "0600304142330303",
        'R' => "0600304142330303 2346",
        'S' => "4130100102133344453616 1605",
        'T' => "0040 2026",
        'W' => "0016233640",
        '0' => "103041453616050110 0541",
        '1' => "112026 0646",
        '2' => "0110304142064606",
        '3' => "0110304142331323 334445361605",
        '4' => "300444 3036",
        '5' => "400003334445361605",
        '6' => "41301001053616 16364544330304",
        '7' => "00401626",
        '8' => "103041423313020110 133344453616050413",
        '9' => "43130201103041453616",
        _ => "",
    }
}

fn letter_distance(p: Point, letter: char) -> f32 {
    let mut nearest = f32::MAX;
    for stroke in strokes(letter).split(' ') {
        let points = stroke.as_bytes().as_chunks::<2>().0;
        let point = |pair: &[u8; 2]| at(f32::from(pair[0] - b'0'), f32::from(pair[1] - b'0'));
        for ends in points.windows(2) {
            nearest = nearest.min(segment_distance(p, point(&ends[0]), point(&ends[1])));
        }
    }
    nearest
}

/// How far a point lies outside the strokes of a line of text whose first letter's top left
/// corner is at `origin`.
pub(crate) fn text_distance(p: Point, text: &str, origin: Point, height: f32, half_stroke: f32) -> f32 {
    let advance = height * ADVANCE;
    let d = p.minus(origin);
    let length = advance * text.len() as f32;
    if d.v < -height || d.v > 2.0 * height || d.u < -height || d.u > length + height {
        return height;
    }
    // A letter's cell begins in the middle of the gap before it.
    let gap = height * (ADVANCE - WIDTH);
    let index = ((d.u + gap / 2.0) / advance).max(0.0) as usize;
    let letter = text.chars().nth(index).unwrap_or(' ');
    let local = at((d.u - index as f32 * advance) / (height * WIDTH) * 4.0, d.v / height * 6.0);
    letter_distance(local, letter).min(6.0) * height / 6.0 - half_stroke
}

/// How far a point lies outside the lit segments of a digit; the cell is one wide and two
/// high, its top left corner the origin.
pub(crate) fn digit_distance(p: Point, digit: u32) -> f32 {
    // Segments a to g, as display makers name them: top, right, …, middle.
    const LIT: [u8; 10] = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f];
    const ENDS: [(Point, Point); 7] = [
        (at(0.1, 0.0), at(0.9, 0.0)),
        (at(1.0, 0.1), at(1.0, 0.9)),
        (at(1.0, 1.1), at(1.0, 1.9)),
        (at(0.1, 2.0), at(0.9, 2.0)),
        (at(0.0, 1.1), at(0.0, 1.9)),
        (at(0.0, 0.1), at(0.0, 0.9)),
        (at(0.1, 1.0), at(0.9, 1.0)),
    ];
    let lit = LIT[(digit % 10) as usize];
    let segments = ENDS.iter().enumerate().filter(|(i, _)| lit >> i & 1 == 1);
    segments.map(|(_, &(a, b))| segment_distance(p, a, b)).fold(f32::MAX, f32::min) - 0.11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_made_of_whole_points_on_the_grid() {
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".chars() {
            for stroke in strokes(letter).split(' ') {
                assert!(stroke.len() % 2 == 0, "{letter}: {stroke}");
                let (points, _) = stroke.as_bytes().as_chunks::<2>();
                assert!(points.iter().all(|p| p[0] <= b'4' && p[1] <= b'6'), "{letter}: {stroke}");
            }
        }
    }

    #[test]
    fn an_eight_lights_its_middle_and_a_zero_does_not() {
        let middle = at(0.5, 1.0);
        assert!(digit_distance(middle, 8) < 0.0);
        assert!(digit_distance(middle, 0) > 0.0);
    }
}

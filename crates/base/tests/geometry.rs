//! Rectangles stay where they must, whatever is asked of them.

use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::{ImagePixels, ModePixels, NativePixels, Rect, Size, Transform};
use proptest::prelude::*;

fn rects() -> impl Strategy<Value = Rect<NativePixels>> {
    (-5000i32..5000, -5000i32..5000, 1u32..5000, 1u32..5000).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
}

proptest! {
    /// A crop outside the array would make the ISP read beyond the frame.
    #[test]
    fn a_clamped_rectangle_lies_inside(inner in rects(), outer in rects()) {
        let clamped = inner.clamped_to(outer);
        prop_assert!(outer.contains(clamped));
        if outer.contains(inner) {
            prop_assert_eq!(clamped, inner);
        }
    }

    #[test]
    fn mapping_keeps_what_lies_inside_inside(outer in rects(), inner in rects(), width in 1u32..5000, height in 1u32..5000) {
        let inner = inner.clamped_to(outer);
        let to: Rect<ModePixels> = Rect::new(0, 0, width, height);
        prop_assert!(to.contains(inner.mapped(outer, to)));
        prop_assert_eq!(outer.mapped(outer, to), to);
    }

    #[test]
    fn fitting_keeps_the_shape_and_fits(width in 1u32..5000, height in 1u32..5000, w in 1u32..5000, h in 1u32..5000) {
        let bounds: Size<ImagePixels> = Size::new(width, height);
        let shape: Size<ImagePixels> = Size::new(w, h);
        let fitted = bounds.fit(shape);
        prop_assert!(bounds.contains(fitted));
        prop_assert!(fitted.width == width || fitted.height == height, "{fitted} is not the largest in {bounds}");
    }

    #[test]
    fn a_size_reads_back_as_written(width in 1u32..100_000, height in 1u32..100_000) {
        let size: Size = Size::new(width, height);
        prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
    }

    #[test]
    fn nonsense_is_no_size(text in "[0-9x -]{0,12}") {
        if let Ok(size) = text.parse::<Size>() {
            prop_assert!(!size.is_empty());
        }
    }
}

#[test]
fn half_a_turn_is_both_flips() {
    let flip = |hflip, vflip| Transform { hflip, vflip };
    assert_eq!(flip(true, false).then(flip(false, true)), Transform::ROTATE_180);
    assert_eq!(Transform::ROTATE_180.then(Transform::ROTATE_180), Transform::IDENTITY);
    assert_eq!(Transform::ROTATE_180.apply_to(BayerOrder::Rggb), BayerOrder::Bggr);
    assert_eq!(Transform::ROTATE_180.exif_orientation(), 3);
}

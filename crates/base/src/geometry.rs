//! Sizes, points and rectangles that carry their coordinate space in their type, so that a
//! crop in sensor pixels cannot be taken for one in image pixels.

use std::fmt;
use std::marker::PhantomData;

/// A coordinate space. The type exists only to tell spaces apart.
pub trait Space: Copy + fmt::Debug + 'static {}

/// Pixels of the whole sensor array, unbinned and unscaled: the space of `ScalerCrop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct NativePixels;
impl Space for NativePixels {}

/// Pixels as the sensor sends them in its present mode, after binning and cropping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ModePixels;
impl Space for ModePixels {}

/// Pixels of a picture that the application gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ImagePixels;
impl Space for ImagePixels {}

/// Width and height in pixels of the space `S`.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Size<S = ImagePixels> {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    space: PhantomData<S>,
}

impl<S> Clone for Size<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Size<S> {}

impl<S> Size<S> {
    /// A size.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height, space: PhantomData }
    }

    /// Pixels in all.
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Whether there are no pixels in it.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Whether `other` fits inside.
    pub const fn contains(self, other: Self) -> bool {
        other.width <= self.width && other.height <= self.height
    }

    /// Width over height.
    pub fn aspect(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }

    /// Both sides rounded down to a multiple of `width` and `height`.
    pub const fn aligned_down(self, width: u32, height: u32) -> Self {
        Self::new(self.width / width * width, self.height / height * height)
    }

    /// The largest size of the shape of `other` that fits inside.
    pub fn fit<T>(self, other: Size<T>) -> Self {
        let wide = u64::from(self.height) * u64::from(other.width) / u64::from(other.height.max(1));
        if wide <= u64::from(self.width) {
            return Self::new(wide as u32, self.height);
        }
        let high = u64::from(self.width) * u64::from(other.height) / u64::from(other.width.max(1));
        Self::new(self.width, high as u32)
    }

    /// The same numbers in another space. Say at each use why that is right.
    pub const fn cast<T>(self) -> Size<T> {
        Size::new(self.width, self.height)
    }
}

impl<S> fmt::Display for Size<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}x{}", self.width, self.height))
    }
}

impl<S> fmt::Debug for Size<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<S> std::str::FromStr for Size<S> {
    type Err = String;

    /// Reads `1920x1080`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a size; write it as WIDTHxHEIGHT, e.g. 1920x1080");
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(bad)?;
        let size = Self::new(width.parse().map_err(|_| bad())?, height.parse().map_err(|_| bad())?);
        if size.is_empty() { Err(bad()) } else { Ok(size) }
    }
}

/// A rectangle in the space `S`.
#[derive(PartialEq, Eq, Hash, Default)]
pub struct Rect<S = ImagePixels> {
    /// Column of the left edge; may be negative where a space allows it.
    pub x: i32,
    /// Row of the top edge.
    pub y: i32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    space: PhantomData<S>,
}

impl<S> Clone for Rect<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Rect<S> {}

impl<S> Rect<S> {
    /// A rectangle.
    pub const fn new(x: i32, y: i32, width: u32, height: u32) -> Self {
        Self { x, y, width, height, space: PhantomData }
    }

    /// The rectangle at the origin with that size.
    pub const fn from_size(size: Size<S>) -> Self {
        Self::new(0, 0, size.width, size.height)
    }

    /// Its size.
    pub const fn size(self) -> Size<S> {
        Size::new(self.width, self.height)
    }

    /// Column just right of it.
    pub const fn right(self) -> i64 {
        self.x as i64 + self.width as i64
    }

    /// Row just below it.
    pub const fn bottom(self) -> i64 {
        self.y as i64 + self.height as i64
    }

    /// Whether `other` lies wholly inside.
    pub const fn contains(self, other: Self) -> bool {
        other.x >= self.x
            && other.y >= self.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// The rectangle of that size about the same centre.
    pub fn centred(self, size: Size<S>) -> Self {
        let x = i64::from(self.x) + (i64::from(self.width) - i64::from(size.width)) / 2;
        let y = i64::from(self.y) + (i64::from(self.height) - i64::from(size.height)) / 2;
        Self::new(x as i32, y as i32, size.width, size.height)
    }

    /// This rectangle moved, and where need be shrunk, to lie inside `outer`.
    pub fn clamped_to(self, outer: Self) -> Self {
        let width = self.width.min(outer.width);
        let height = self.height.min(outer.height);
        let clamp = |at: i32, low: i32, high: i64| i64::from(at).min(high).max(i64::from(low)) as i32;
        Self::new(
            clamp(self.x, outer.x, outer.right() - i64::from(width)),
            clamp(self.y, outer.y, outer.bottom() - i64::from(height)),
            width,
            height,
        )
    }

    /// This rectangle, given in a space where `from` lies, mapped to the space where `to`
    /// lies on the same scene. Empty sources map to `to`.
    pub fn mapped<T>(self, from: Self, to: Rect<T>) -> Rect<T> {
        if from.size().is_empty() {
            return to;
        }
        let scale = |value: i64, from: u32, to: u32| value * i64::from(to) / i64::from(from);
        Rect::new(
            (i64::from(to.x) + scale(i64::from(self.x) - i64::from(from.x), from.width, to.width)) as i32,
            (i64::from(to.y) + scale(i64::from(self.y) - i64::from(from.y), from.height, to.height)) as i32,
            scale(i64::from(self.width), from.width, to.width) as u32,
            scale(i64::from(self.height), from.height, to.height) as u32,
        )
    }
}

impl<S> fmt::Display for Rect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("({}, {})/{}x{}", self.x, self.y, self.width, self.height))
    }
}

impl<S> fmt::Debug for Rect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A mirroring of the picture along one or both axes, done by the sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Transform {
    /// Left and right exchanged.
    pub hflip: bool,
    /// Top and bottom exchanged.
    pub vflip: bool,
}

impl Transform {
    /// The picture as it is.
    pub const IDENTITY: Self = Self { hflip: false, vflip: false };
    /// Turned by half a turn.
    pub const ROTATE_180: Self = Self { hflip: true, vflip: true };

    /// First this, then `next`.
    pub const fn then(self, next: Self) -> Self {
        Self { hflip: self.hflip != next.hflip, vflip: self.vflip != next.vflip }
    }

    /// The Bayer order after it, for frames of even size.
    pub const fn apply_to(self, order: crate::format::BayerOrder) -> crate::format::BayerOrder {
        let order = if self.hflip { order.flipped_horizontally() } else { order };
        if self.vflip { order.flipped_vertically() } else { order }
    }

    /// The EXIF and TIFF orientation (1 to 4) that undoes nothing but describes a frame that
    /// still needs this transform to be shown upright.
    pub const fn exif_orientation(self) -> u16 {
        match (self.hflip, self.vflip) {
            (false, false) => 1,
            (true, false) => 2,
            (true, true) => 3,
            (false, true) => 4,
        }
    }
}

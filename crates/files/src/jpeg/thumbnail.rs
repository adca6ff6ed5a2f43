//! The small picture that a JPEG carries in its EXIF block, and how it is made to fit there.

use super::{EXIF, SEGMENT_BYTES_MAX, check_quality, encode};
use crate::exif;
use crate::metadata::ImageMetadata;
use crate::thumbnail::fitted;
use crate::ycbcr::Components;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};

/// How large and how good a small picture is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbnailOptions {
    /// It is shrunk to fit into this size, keeping its shape; at least 1x1.
    pub fit: Size,
    /// Its quality, 1 to 100.
    pub quality: u8,
}

impl Default for ThumbnailOptions {
    /// 320x240 pixels of quality 70.
    fn default() -> Self {
        Self { fit: Size::new(320, 240), quality: 70 }
    }
}

impl ThumbnailOptions {
    pub(super) fn check(self) -> Result<()> {
        check_quality(self.quality)?;
        match self.fit.is_empty() {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::InvalidArgument, "writing a JPEG")
                .because(format!("a thumbnail of {} has no pixels", self.fit))),
        }
    }
}

/// Below this quality a picture is rather made smaller.
const QUALITY_MIN: u8 = 30;

/// The EXIF block of a picture, with a small one that fits into a segment. `None` where the picture
/// is no larger than a small one, or there is no room.
pub(super) fn block(
    metadata: &ImageMetadata,
    content: &exif::Content,
    components: &Components<'_>,
    wanted: ThumbnailOptions,
) -> Option<Vec<u8>> {
    let mut size = fitted(content.size, wanted.fit);
    let mut quality = wanted.quality;
    if size == content.size {
        return None;
    }
    let mut small = components.shrunk(size);
    loop {
        let mut jpeg = Vec::new();
        encode(&mut jpeg, &small, quality, None).expect("memory takes all");
        let block = exif::block(metadata, content, Some(&jpeg));
        if EXIF.len() + block.len() <= SEGMENT_BYTES_MAX {
            return Some(block);
        }
        if quality > QUALITY_MIN {
            quality = (quality / 2).max(QUALITY_MIN);
        } else if size.width > 1 || size.height > 1 {
            size = Size::new((size.width / 2).max(1), (size.height / 2).max(1));
            small = components.shrunk(size);
        } else {
            return None;
        }
    }
}

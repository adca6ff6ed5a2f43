//! The structures and calls of Linux's V4L2, media controller and dmabuf interfaces, as far as
//! they are used here. Knows nothing of what the calls are good for.
//!
//! Numbers and layouts are facts from the headers (linux/videodev2.h, v4l2-subdev.h, media.h,
//! dma-heap.h, dma-buf.h, udmabuf.h); names follow theirs, with `kind` for C's `type`. Fields
//! that only fill their place begin with an underscore.
//!
//! On 32-bit machines time has 64 bits here, as the kernel has understood since Linux 5.6. The
//! calls' numbers tell it so, since they hold the size of the structure.

pub(crate) mod call;
pub(crate) mod control;
#[cfg(test)]
mod layout;
pub(crate) mod media;
pub(crate) mod memory;
pub(crate) mod subdevice;
pub(crate) mod video;

/// The text in a field, up to its first NUL.
pub(crate) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::text;

    /// A driver need not end what it writes.
    #[test]
    fn text_ends_at_its_nul_or_with_its_field() {
        assert_eq!(text(b"unicam\0\0garbage"), "unicam");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(b"\xff\0"), "\u{fffd}");
    }
}

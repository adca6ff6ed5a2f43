//! Finds directories and fields in the bytes of a file that may be anything. Copies nothing,
//! follows nothing outside the file, and knows nothing of what the fields mean.

use super::Tag;
use pinhole_base::{Error, ErrorKind, Result};

/// The error of a file that is not what it says it is.
pub(crate) fn malformed(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, "reading the file").because(reason)
}

/// The bytes of a file with its byte order.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> File<'a> {
    /// Reads the header; gives the file and the first directory's offset.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<(Self, u32)> {
        let big_endian = match bytes.get(..4) {
            Some([b'I', b'I', 42, 0]) => false,
            Some([b'M', b'M', 0, 42]) => true,
            _ => return Err(malformed("it does not begin as a TIFF file does")),
        };
        let file = Self { bytes, big_endian };
        let first = file.slice(4, 4).map(|bytes| file.u32(bytes));
        Ok((file, first.ok_or_else(|| malformed("it ends within its header"))?))
    }

    /// Bytes in the file.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// `length` bytes at `offset`, if the file has them.
    pub(crate) fn slice(&self, offset: u64, length: u64) -> Option<&'a [u8]> {
        let (start, end) =
            (usize::try_from(offset).ok()?, usize::try_from(offset.checked_add(length)?).ok()?);
        self.bytes.get(start..end)
    }

    pub(crate) fn u16(&self, bytes: &[u8]) -> u16 {
        let bytes = [bytes[0], bytes[1]];
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The directory at `offset`.
    pub(crate) fn directory(&self, offset: u32) -> Result<Directory<'a>> {
        let outside = || {
            malformed(format!(
                "the directory at {offset} does not lie within the file's {} bytes",
                self.len()
            ))
        };
        let start = u64::from(offset);
        let count = self.slice(start, 2).map(|bytes| self.u16(bytes)).ok_or_else(outside)?;
        let fields = self.slice(start + 2, 12 * u64::from(count)).ok_or_else(outside)?;
        let next = self.slice(start + 2 + fields.len() as u64, 4).map_or(0, |bytes| self.u32(bytes));
        Ok(Directory { file: *self, fields, next })
    }
}

/// A directory's fields, as they lie in the file.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    file: File<'a>,
    fields: &'a [u8],
    /// Offset of the next directory; 0 if this is the last.
    pub(crate) next: u32,
}

const TYPE_SIZES: [u64; 14] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

impl<'a> Directory<'a> {
    pub(crate) fn file(&self) -> File<'a> {
        self.file
    }

    /// The field with that tag, if it is there.
    ///
    /// # Errors
    /// `Malformed` if its type is unknown or its value lies outside the file.
    pub(crate) fn find(&self, tag: Tag) -> Result<Option<Field<'a>>> {
        let file = self.file;
        let Some(entry) = self.fields.chunks_exact(12).find(|entry| file.u16(entry) == tag.0) else {
            return Ok(None);
        };
        let (field_type, count) = (file.u16(&entry[2..]), file.u32(&entry[4..]));
        let size = TYPE_SIZES.get(usize::from(field_type)).copied().unwrap_or(0);
        if size == 0 {
            return Err(malformed(format!("{tag} has the unknown type {field_type}")));
        }
        let length = size * u64::from(count);
        let bytes = if length <= 4 {
            &entry[8..8 + length as usize]
        } else {
            let offset = file.u32(&entry[8..]);
            file.slice(u64::from(offset), length).ok_or_else(|| {
                malformed(format!("{tag} has {length} bytes at {offset}, outside the file's {}", file.len()))
            })?
        };
        Ok(Some(Field { file, tag, field_type, bytes }))
    }

    /// The field with that tag.
    pub(crate) fn require(&self, tag: Tag) -> Result<Field<'a>> {
        self.find(tag)?.ok_or_else(|| malformed(format!("{tag} is missing")))
    }

    /// The first number of a field, if it is there.
    pub(crate) fn integer(&self, tag: Tag) -> Result<Option<u32>> {
        self.find(tag)?.map(|field| field.integer()).transpose()
    }

    /// The first number of a field, or `default` if it is not there.
    pub(crate) fn integer_or(&self, tag: Tag, default: u32) -> Result<u32> {
        Ok(self.integer(tag)?.unwrap_or(default))
    }

    /// All `N` numbers of a field, if it is there.
    pub(crate) fn numbers<const N: usize>(&self, tag: Tag) -> Result<Option<[f64; N]>> {
        self.find(tag)?.map(|field| field.exactly()).transpose()
    }

    /// The text of a field; empty if it is not there.
    pub(crate) fn text(&self, tag: Tag) -> Result<String> {
        Ok(self.find(tag)?.map_or(String::new(), |field| field.text()))
    }
}

/// A field whose value is known to lie in the file.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    file: File<'a>,
    tag: Tag,
    field_type: u16,
    bytes: &'a [u8],
}

impl<'a> Field<'a> {
    fn item_bytes(&self) -> usize {
        TYPE_SIZES[usize::from(self.field_type)] as usize
    }

    /// How many items it holds.
    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.item_bytes()
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn item(&self, index: usize) -> Result<&'a [u8]> {
        let size = self.item_bytes();
        let item = index.checked_mul(size).and_then(|start| self.bytes.get(start..start + size));
        item.ok_or_else(|| malformed(format!("{} has {} values: no number {index}", self.tag, self.count())))
    }

    /// The first item, as an integer of 0 or more.
    pub(crate) fn integer(&self) -> Result<u32> {
        self.integer_at(0)
    }

    /// An item, as an integer of 0 or more.
    pub(crate) fn integer_at(&self, index: usize) -> Result<u32> {
        let item = self.item(index)?;
        match self.field_type {
            1 | 7 => Ok(u32::from(item[0])),
            3 => Ok(u32::from(self.file.u16(item))),
            4 | 13 => Ok(self.file.u32(item)),
            other => Err(malformed(format!("{} has the type {other}, not an integer's", self.tag))),
        }
    }

    /// An item, as a finite number.
    pub(crate) fn number_at(&self, index: usize) -> Result<f64> {
        let item = self.item(index)?;
        let value = match self.field_type {
            5 => f64::from(self.file.u32(item)) / f64::from(self.file.u32(&item[4..])),
            10 => f64::from(self.file.u32(item) as i32) / f64::from(self.file.u32(&item[4..]) as i32),
            _ => f64::from(self.integer_at(index)?),
        };
        if value.is_finite() {
            return Ok(value);
        }
        Err(malformed(format!("value {index} of {} is divided by zero", self.tag)))
    }

    /// Numerator and denominator of the first item.
    pub(crate) fn fraction(&self) -> Result<(u32, u32)> {
        let item = self.item(0)?;
        if self.field_type != 5 {
            return Err(malformed(format!(
                "{} has the type {}, not a fraction's",
                self.tag, self.field_type
            )));
        }
        Ok((self.file.u32(item), self.file.u32(&item[4..])))
    }

    /// All items as numbers; there must be `N`.
    pub(crate) fn exactly<const N: usize>(&self) -> Result<[f64; N]> {
        if self.count() != N {
            return Err(malformed(format!("{} has {} values, not {N}", self.tag, self.count())));
        }
        let mut numbers = [0.0; N];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = self.number_at(index)?;
        }
        Ok(numbers)
    }

    /// The bytes up to the first zero, as text: 1024 at most, whatever the file says.
    pub(crate) fn text(&self) -> String {
        const BYTES_MAX: usize = 1024;
        let bytes = &self.bytes[..self.bytes.len().min(BYTES_MAX)];
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }
}

//! Lays directories out and turns them into bytes, little endian. Knows nothing of what the
//! fields mean.

use super::Tag;
use crate::rational::{Rational, SignedRational};
use std::collections::BTreeMap;

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Text(String),
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Rationals(Vec<Rational>),
    Undefined(Vec<u8>),
    SignedRationals(Vec<SignedRational>),
}

impl Value {
    pub(crate) fn short(value: u16) -> Self {
        Self::Shorts(vec![value])
    }

    pub(crate) fn long(value: u32) -> Self {
        Self::Longs(vec![value])
    }

    pub(crate) fn rational(value: f64) -> Self {
        Self::rationals(&[value])
    }

    pub(crate) fn rationals(values: &[f64]) -> Self {
        Self::Rationals(values.iter().map(|&value| Rational::from_f64(value)).collect())
    }

    pub(crate) fn signed_rational(value: f64) -> Self {
        Self::signed_rationals(&[value])
    }

    pub(crate) fn signed_rationals(values: &[f64]) -> Self {
        Self::SignedRationals(values.iter().map(|&value| SignedRational::from_f64(value)).collect())
    }

    /// TIFF's text is 7-bit: other characters become `?`.
    pub(crate) fn text(text: &str) -> Self {
        let plain = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        Self::Text(text.chars().map(plain).collect())
    }

    fn field_type(&self) -> u16 {
        match self {
            Self::Bytes(_) => 1,
            Self::Text(_) => 2,
            Self::Shorts(_) => 3,
            Self::Longs(_) => 4,
            Self::Rationals(_) => 5,
            Self::Undefined(_) => 7,
            Self::SignedRationals(_) => 10,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Undefined(bytes) => bytes.len(),
            Self::Text(text) => text.len() + 1,
            Self::Shorts(values) => values.len(),
            Self::Longs(values) => values.len(),
            Self::Rationals(values) => values.len(),
            Self::SignedRationals(values) => values.len(),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) | Self::Undefined(bytes) => bytes.clone(),
            Self::Text(text) => text.bytes().chain([0]).collect(),
            Self::Shorts(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Longs(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Rationals(values) => values
                .iter()
                .flat_map(|v| pair(v.numerator.to_le_bytes(), v.denominator.to_le_bytes()))
                .collect(),
            Self::SignedRationals(values) => values
                .iter()
                .flat_map(|v| pair(v.numerator.to_le_bytes(), v.denominator.to_le_bytes()))
                .collect(),
        }
    }
}

fn pair(a: [u8; 4], b: [u8; 4]) -> impl Iterator<Item = u8> {
    a.into_iter().chain(b)
}

/// Fields in the order of their tags, as TIFF demands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    fields: BTreeMap<Tag, Value>,
}

impl Directory {
    /// Sets a field.
    pub(crate) fn set(&mut self, tag: Tag, value: Value) -> &mut Self {
        self.fields.insert(tag, value);
        self
    }

    /// Sets a field if there is a value for it.
    pub(crate) fn set_some(&mut self, tag: Tag, value: Option<Value>) -> &mut Self {
        if let Some(value) = value {
            self.set(tag, value);
        }
        self
    }

    /// Sets a text field unless the text is empty.
    pub(crate) fn set_text(&mut self, tag: Tag, text: &str) -> &mut Self {
        self.set_some(tag, (!text.is_empty()).then(|| Value::text(text)))
    }

    /// Makes room for an offset that [`Head::point`] fills in later.
    pub(crate) fn reserve(&mut self, tag: Tag) -> &mut Self {
        self.reserve_many(tag, 1)
    }

    /// Makes room for so many offsets that [`Head::fill`] fills in later.
    pub(crate) fn reserve_many(&mut self, tag: Tag, count: usize) -> &mut Self {
        self.set(tag, Value::Longs(vec![0; count]))
    }

    fn fields_bytes(&self) -> usize {
        2 + 12 * self.fields.len() + 4
    }

    fn size_bytes(&self) -> usize {
        let values = self.fields.values().map(|value| match value.to_bytes().len() {
            0..=4 => 0,
            length => length.next_multiple_of(2),
        });
        self.fields_bytes() + values.sum::<usize>()
    }

    /// The directory's bytes when it lies at offset `at` of the file; `next` is the next one's, or 0.
    fn to_bytes(&self, at: usize, next: u32) -> Vec<u8> {
        let mut fields = (self.fields.len() as u16).to_le_bytes().to_vec();
        let mut values: Vec<u8> = Vec::new();
        let values_at = at + self.fields_bytes();
        for (tag, value) in &self.fields {
            fields.extend(tag.0.to_le_bytes());
            fields.extend(value.field_type().to_le_bytes());
            fields.extend((value.count() as u32).to_le_bytes());
            let mut bytes = value.to_bytes();
            if bytes.len() <= 4 {
                bytes.resize(4, 0);
                fields.extend(bytes);
            } else {
                fields.extend(((values_at + values.len()) as u32).to_le_bytes());
                bytes.resize(bytes.len().next_multiple_of(2), 0);
                values.extend(bytes);
            }
        }
        fields.extend(next.to_le_bytes());
        fields.extend(values);
        fields
    }
}

const HEADER: [u8; 8] = [b'I', b'I', 42, 0, 8, 0, 0, 0];

/// The header and all directories: the part of a file before its samples. The first directory
/// is the file's main one.
#[derive(Debug)]
pub(crate) struct Head {
    directories: Vec<Directory>,
    /// The directory that follows the main one in the file's list.
    second: Option<usize>,
}

impl Head {
    pub(crate) fn new(directories: Vec<Directory>) -> Self {
        Self { directories, second: None }
    }

    /// Makes a directory the one that follows the main one in the file's list.
    pub(crate) fn set_second(&mut self, directory: usize) {
        self.second = Some(directory);
    }

    fn offset_bytes(&self, directory: usize) -> usize {
        HEADER.len() + self.directories[..directory].iter().map(Directory::size_bytes).sum::<usize>()
    }

    /// Bytes of the header and all directories, rounded up so that samples lie aligned.
    pub(crate) fn size_bytes(&self) -> usize {
        self.offset_bytes(self.directories.len()).next_multiple_of(16)
    }

    /// Fills a reserved field of directory `from` with the offset of directory `to`.
    pub(crate) fn point(&mut self, from: usize, tag: Tag, to: usize) {
        let offset = self.offset_bytes(to) as u32;
        self.fill(from, tag, vec![offset]);
    }

    /// Fills a reserved field of a directory with as many offsets as it was reserved for.
    pub(crate) fn fill(&mut self, directory: usize, tag: Tag, offsets: Vec<u32>) {
        let room = Value::Longs(vec![0; offsets.len()]);
        let reserved = self.directories[directory].fields.insert(tag, Value::Longs(offsets));
        assert_eq!(reserved, Some(room), "{tag} was not reserved");
    }

    /// The bytes, [`Head::size_bytes`] of them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for (index, directory) in self.directories.iter().enumerate() {
            let next =
                self.second.filter(|_| index == 0).map_or(0, |second| self.offset_bytes(second) as u32);
            bytes.extend(directory.to_bytes(bytes.len(), next));
        }
        bytes.resize(self.size_bytes(), 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_and_bytes_agree() {
        let mut main = Directory::default();
        main.set_text(Tag::MAKE, "Pinhole").set_text(Tag::MODEL, "").reserve(Tag::EXIF_IFD);
        let mut exif = Directory::default();
        exif.set(Tag::EXPOSURE_TIME, Value::Rationals(vec![Rational::new(1, 50)]));
        let mut head = Head::new(vec![main, exif]);
        head.point(0, Tag::EXIF_IFD, 1);
        let bytes = head.to_bytes();
        assert_eq!(bytes.len(), head.size_bytes());
        // Main: two fields and 8 bytes of text. The exposure's fraction follows its directory.
        let exif_at = 8 + 2 + 24 + 4 + 8;
        assert_eq!(bytes[8 + 2 + 12 + 8], exif_at as u8);
        assert_eq!(bytes[exif_at..exif_at + 2], [1, 0]);
        assert_eq!(bytes[exif_at + 18..exif_at + 26], [1, 0, 0, 0, 50, 0, 0, 0]);
    }

    #[test]
    fn text_is_plain() {
        assert_eq!(Value::text("Zoë\0"), Value::Text("Zo??".to_owned()));
    }
}

//! TIFF (revision 6.0): its structure, a header and directories of tagged fields, on which DNG
//! and EXIF are built, and plain pictures.

mod picture;
pub(crate) mod read;
pub(crate) mod write;

pub use picture::write;

use std::fmt;

/// The number of a field in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(pub(crate) u16);

macro_rules! tags {
    ($($constant:ident = $number:literal $name:literal,)+) => {
        impl Tag {
            $(pub(crate) const $constant: Self = Self($number);)+

            fn name(self) -> &'static str {
                match self.0 {
                    $($number => $name,)+
                    _ => "field",
                }
            }
        }
    };
}

// TIFF 6.0, TIFF/EP, EXIF 2.32 and DNG 1.4.
tags! {
    NEW_SUBFILE_TYPE = 254 "NewSubFileType",
    IMAGE_WIDTH = 256 "ImageWidth",
    IMAGE_LENGTH = 257 "ImageLength",
    BITS_PER_SAMPLE = 258 "BitsPerSample",
    COMPRESSION = 259 "Compression",
    PHOTOMETRIC = 262 "PhotometricInterpretation",
    MAKE = 271 "Make",
    MODEL = 272 "Model",
    STRIP_OFFSETS = 273 "StripOffsets",
    ORIENTATION = 274 "Orientation",
    SAMPLES_PER_PIXEL = 277 "SamplesPerPixel",
    ROWS_PER_STRIP = 278 "RowsPerStrip",
    STRIP_BYTE_COUNTS = 279 "StripByteCounts",
    X_RESOLUTION = 282 "XResolution",
    Y_RESOLUTION = 283 "YResolution",
    PLANAR_CONFIGURATION = 284 "PlanarConfiguration",
    RESOLUTION_UNIT = 296 "ResolutionUnit",
    SOFTWARE = 305 "Software",
    DATE_TIME = 306 "DateTime",
    TILE_WIDTH = 322 "TileWidth",
    TILE_LENGTH = 323 "TileLength",
    TILE_OFFSETS = 324 "TileOffsets",
    TILE_BYTE_COUNTS = 325 "TileByteCounts",
    SUB_IFDS = 330 "SubIFDs",
    SAMPLE_FORMAT = 339 "SampleFormat",
    JPEG_INTERCHANGE_FORMAT = 513 "JPEGInterchangeFormat",
    JPEG_INTERCHANGE_FORMAT_LENGTH = 514 "JPEGInterchangeFormatLength",
    YCBCR_POSITIONING = 531 "YCbCrPositioning",
    CFA_REPEAT_PATTERN_DIM = 33421 "CFARepeatPatternDim",
    CFA_PATTERN = 33422 "CFAPattern",
    EXPOSURE_TIME = 33434 "ExposureTime",
    F_NUMBER = 33437 "FNumber",
    EXIF_IFD = 34665 "ExifIFD",
    ISO = 34855 "PhotographicSensitivity",
    SENSITIVITY_TYPE = 34864 "SensitivityType",
    EXIF_VERSION = 36864 "ExifVersion",
    DATE_TIME_ORIGINAL = 36867 "DateTimeOriginal",
    DATE_TIME_DIGITIZED = 36868 "DateTimeDigitized",
    OFFSET_TIME = 36880 "OffsetTime",
    OFFSET_TIME_ORIGINAL = 36881 "OffsetTimeOriginal",
    COMPONENTS_CONFIGURATION = 37121 "ComponentsConfiguration",
    BRIGHTNESS_VALUE = 37379 "BrightnessValue",
    EXPOSURE_BIAS_VALUE = 37380 "ExposureBiasValue",
    LIGHT_SOURCE = 37384 "LightSource",
    FOCAL_LENGTH = 37386 "FocalLength",
    SUB_SEC_TIME_ORIGINAL = 37521 "SubSecTimeOriginal",
    FLASHPIX_VERSION = 40960 "FlashpixVersion",
    COLOR_SPACE = 40961 "ColorSpace",
    PIXEL_X_DIMENSION = 40962 "PixelXDimension",
    PIXEL_Y_DIMENSION = 40963 "PixelYDimension",
    DNG_VERSION = 50706 "DNGVersion",
    DNG_BACKWARD_VERSION = 50707 "DNGBackwardVersion",
    UNIQUE_CAMERA_MODEL = 50708 "UniqueCameraModel",
    CFA_PLANE_COLOR = 50710 "CFAPlaneColor",
    CFA_LAYOUT = 50711 "CFALayout",
    LINEARIZATION_TABLE = 50712 "LinearizationTable",
    BLACK_LEVEL_REPEAT_DIM = 50713 "BlackLevelRepeatDim",
    BLACK_LEVEL = 50714 "BlackLevel",
    WHITE_LEVEL = 50717 "WhiteLevel",
    DEFAULT_CROP_ORIGIN = 50719 "DefaultCropOrigin",
    DEFAULT_CROP_SIZE = 50720 "DefaultCropSize",
    COLOR_MATRIX_1 = 50721 "ColorMatrix1",
    COLOR_MATRIX_2 = 50722 "ColorMatrix2",
    AS_SHOT_NEUTRAL = 50728 "AsShotNeutral",
    BASELINE_EXPOSURE = 50730 "BaselineExposure",
    CALIBRATION_ILLUMINANT_1 = 50778 "CalibrationIlluminant1",
    CALIBRATION_ILLUMINANT_2 = 50779 "CalibrationIlluminant2",
    ACTIVE_AREA = 50829 "ActiveArea",
    FORWARD_MATRIX_1 = 50964 "ForwardMatrix1",
    FORWARD_MATRIX_2 = 50965 "ForwardMatrix2",
    OPCODE_LIST_2 = 51009 "OpcodeList2",
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (tag {})", self.name(), self.0)
    }
}

/// Values of `PhotometricInterpretation`.
pub(crate) mod photometric {
    pub(crate) const RGB: u16 = 2;
    pub(crate) const COLOUR_FILTER_ARRAY: u16 = 32803;
    pub(crate) const LINEAR_RAW: u16 = 34892;
}

/// `Compression` of samples that are stored as they are.
pub(crate) const UNCOMPRESSED: u16 = 1;

/// `Compression` of a thumbnail that is a whole JPEG (TIFF 6.0's, which EXIF keeps).
pub(crate) const OLD_JPEG: u16 = 6;

/// `Compression` of samples coded as JPEG: lossless where they are a mosaic.
pub(crate) const JPEG: u16 = 7;

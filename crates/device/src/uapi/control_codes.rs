//! Numbers of V4L2 controls (linux/v4l2-controls.h, linux/bcm2835-isp.h).

use crate::control::ControlCode;

const USER: u32 = 0x0098_0900;
const CAMERA: u32 = 0x009a_0900;
const IMAGE_SOURCE: u32 = 0x009e_0900;
const IMAGE_PROCESSING: u32 = 0x009f_0900;
const BCM2835_ISP: u32 = USER + 0x10e0;

/// `V4L2_CID_BRIGHTNESS`: no unit.
pub const BRIGHTNESS: ControlCode = ControlCode(USER);
/// `V4L2_CID_CONTRAST`: no unit.
pub const CONTRAST: ControlCode = ControlCode(USER + 1);
/// `V4L2_CID_SATURATION`: no unit.
pub const SATURATION: ControlCode = ControlCode(USER + 2);
/// `V4L2_CID_AUTO_WHITE_BALANCE`: a switch.
pub const AUTO_WHITE_BALANCE: ControlCode = ControlCode(USER + 12);
/// `V4L2_CID_RED_BALANCE`: gain of red, in 1/1000.
pub const RED_BALANCE: ControlCode = ControlCode(USER + 14);
/// `V4L2_CID_BLUE_BALANCE`: gain of blue, in 1/1000.
pub const BLUE_BALANCE: ControlCode = ControlCode(USER + 15);
/// `V4L2_CID_EXPOSURE`: lines.
pub const EXPOSURE: ControlCode = ControlCode(USER + 17);
/// `V4L2_CID_AUTOGAIN`: a switch.
pub const AUTOGAIN: ControlCode = ControlCode(USER + 18);
/// `V4L2_CID_GAIN`: no unit.
pub const GAIN: ControlCode = ControlCode(USER + 19);
/// `V4L2_CID_HFLIP`.
pub const HFLIP: ControlCode = ControlCode(USER + 20);
/// `V4L2_CID_VFLIP`.
pub const VFLIP: ControlCode = ControlCode(USER + 21);
/// `V4L2_CID_POWER_LINE_FREQUENCY`: a menu; 0 is none, 1 is 50 Hz, 2 is 60 Hz.
pub const POWER_LINE_FREQUENCY: ControlCode = ControlCode(USER + 24);
/// `V4L2_CID_WHITE_BALANCE_TEMPERATURE`: kelvins.
pub const WHITE_BALANCE_TEMPERATURE: ControlCode = ControlCode(USER + 26);
/// `V4L2_CID_SHARPNESS`: no unit.
pub const SHARPNESS: ControlCode = ControlCode(USER + 27);
/// `V4L2_CID_MIN_BUFFERS_FOR_CAPTURE`: how many a device must have before it fills any.
pub const MIN_BUFFERS_FOR_CAPTURE: ControlCode = ControlCode(USER + 39);
/// `V4L2_CID_EXPOSURE_AUTO`: a menu; 0 is automatic, 1 manual, 2 manual time, 3 automatic time.
pub const EXPOSURE_AUTO: ControlCode = ControlCode(CAMERA + 1);
/// `V4L2_CID_EXPOSURE_ABSOLUTE`: 100 µs.
pub const EXPOSURE_ABSOLUTE: ControlCode = ControlCode(CAMERA + 2);
/// `V4L2_CID_FOCUS_ABSOLUTE`: a lens driver's own steps.
pub const FOCUS_ABSOLUTE: ControlCode = ControlCode(CAMERA + 10);
/// `V4L2_CID_FOCUS_AUTO`: a switch.
pub const FOCUS_AUTO: ControlCode = ControlCode(CAMERA + 12);
/// `V4L2_CID_CAMERA_SENSOR_ROTATION`: degrees.
pub const SENSOR_ROTATION: ControlCode = ControlCode(CAMERA + 35);
/// `V4L2_CID_VBLANK`: lines between frames.
pub const VBLANK: ControlCode = ControlCode(IMAGE_SOURCE + 1);
/// `V4L2_CID_HBLANK`: pixels between lines.
pub const HBLANK: ControlCode = ControlCode(IMAGE_SOURCE + 2);
/// `V4L2_CID_ANALOGUE_GAIN`: the sensor's code.
pub const ANALOGUE_GAIN: ControlCode = ControlCode(IMAGE_SOURCE + 3);
/// `V4L2_CID_PIXEL_RATE`: pixels a second, blanking included.
pub const PIXEL_RATE: ControlCode = ControlCode(IMAGE_PROCESSING + 2);
/// `V4L2_CID_TEST_PATTERN`: a menu of the sensor's own pictures; 0 is none.
pub const TEST_PATTERN: ControlCode = ControlCode(IMAGE_PROCESSING + 3);
/// `V4L2_CID_DIGITAL_GAIN`: in 1/1000 on the ISP.
pub const DIGITAL_GAIN: ControlCode = ControlCode(IMAGE_PROCESSING + 5);
/// Colour correction matrix.
pub const ISP_CC_MATRIX: ControlCode = ControlCode(BCM2835_ISP + 1);
/// Lens shading table.
pub const ISP_LENS_SHADING: ControlCode = ControlCode(BCM2835_ISP + 2);
/// Black level.
pub const ISP_BLACK_LEVEL: ControlCode = ControlCode(BCM2835_ISP + 3);
/// Green equalisation.
pub const ISP_GEQ: ControlCode = ControlCode(BCM2835_ISP + 4);
/// Gamma curve.
pub const ISP_GAMMA: ControlCode = ControlCode(BCM2835_ISP + 5);
/// Spatial denoise.
pub const ISP_DENOISE: ControlCode = ControlCode(BCM2835_ISP + 6);
/// Sharpening.
pub const ISP_SHARPEN: ControlCode = ControlCode(BCM2835_ISP + 7);
/// Defective pixel correction.
pub const ISP_DPC: ControlCode = ControlCode(BCM2835_ISP + 8);
/// Colour denoise.
pub const ISP_CDN: ControlCode = ControlCode(BCM2835_ISP + 9);

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that differs from the header's would set another control, or none.
    #[test]
    fn numbers_match_the_headers_macros() {
        assert_eq!(EXPOSURE.0, 0x0098_0911);
        assert_eq!(AUTO_WHITE_BALANCE.0, 0x0098_090c);
        assert_eq!(SHARPNESS.0, 0x0098_091b);
        assert_eq!(EXPOSURE_ABSOLUTE.0, 0x009a_0902);
        assert_eq!(FOCUS_ABSOLUTE.0, 0x009a_090a);
        assert_eq!(FOCUS_AUTO.0, 0x009a_090c);
        assert_eq!(VBLANK.0, 0x009e_0901);
        assert_eq!(ANALOGUE_GAIN.0, 0x009e_0903);
        assert_eq!(DIGITAL_GAIN.0, 0x009f_0905);
        assert_eq!(ISP_CC_MATRIX.0, 0x0098_19e1);
        assert_eq!(SENSOR_ROTATION.0, 0x009a_0923);
    }
}

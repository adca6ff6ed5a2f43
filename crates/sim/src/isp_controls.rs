//! The ISP's controls: what was written to the input node, and what it means to the imaging
//! engine. Knows nothing of runs or queues.

use crate::memory::DeviceBuffer;
use crate::refusal::{Answer, Refusal};
use pinhole_base::colour::Matrix3;
use pinhole_device::uapi::bcm2835_isp::{
    BlackLevel, Cdn, CustomCcm, Denoise, Dpc, Gamma, Geq, LENS_GRID_HEIGHT_MAX, LENS_GRID_WIDTH_MAX,
    LensShading, Sharpen,
};
use pinhole_device::uapi::control_codes as codes;
use pinhole_device::{ControlCode, ControlDescription, ControlWrite, Payload};
use pinhole_imaging::parameters::{self, DefectCorrection, GammaCurve, IspParameters};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::os::fd::{AsFd, OwnedFd};
use zerocopy::FromBytes;

const GAIN_UNIT: i64 = 1000;
const GAIN_MAX: i64 = 0xffff;
/// Gains in lens tables have 10 bits of fraction.
const LENS_GAIN_UNIT: f32 = 1024.0;

const GAINS: [(ControlCode, &str); 3] = [
    (codes::RED_BALANCE, "Red Balance"),
    (codes::BLUE_BALANCE, "Blue Balance"),
    (codes::DIGITAL_GAIN, "Digital Gain"),
];

const COMPOUNDS: [(ControlCode, &str, usize); 9] = [
    (codes::ISP_CC_MATRIX, "Colour Correction Matrix", size_of::<CustomCcm>()),
    (codes::ISP_LENS_SHADING, "Lens Shading", size_of::<LensShading>()),
    (codes::ISP_BLACK_LEVEL, "Black Level", size_of::<BlackLevel>()),
    (codes::ISP_GEQ, "Green Equalisation", size_of::<Geq>()),
    (codes::ISP_GAMMA, "Gamma", size_of::<Gamma>()),
    (codes::ISP_DENOISE, "Denoise", size_of::<Denoise>()),
    (codes::ISP_SHARPEN, "Sharpen", size_of::<Sharpen>()),
    (codes::ISP_DPC, "Defective Pixel Correction", size_of::<Dpc>()),
    (codes::ISP_CDN, "Colour Denoise", size_of::<Cdn>()),
];

/// The lens shading in force, with the memory of its table.
#[derive(Debug)]
struct Shading {
    control: LensShading,
    table: DeviceBuffer,
}

/// What the ISP's controls say.
#[derive(Debug)]
pub(crate) struct IspControls {
    /// Red, blue, all; in thousandths.
    gains: [i64; GAINS.len()],
    matrix: Option<CustomCcm>,
    shading: Option<Shading>,
    black_level: Option<BlackLevel>,
    gamma: Option<Box<Gamma>>,
    denoise: Option<Denoise>,
    sharpen: Option<Sharpen>,
    defects: Option<Dpc>,
}

impl IspControls {
    /// Everything off.
    pub(crate) const fn new() -> Self {
        Self {
            gains: [GAIN_UNIT; GAINS.len()],
            matrix: None,
            shading: None,
            black_level: None,
            gamma: None,
            denoise: None,
            sharpen: None,
            defects: None,
        }
    }

    pub(crate) fn describe() -> Vec<ControlDescription> {
        let gains = GAINS.iter().map(|&(code, name)| describe(code, name, 0));
        let compounds = COMPOUNDS.iter().map(|&(code, name, bytes)| describe(code, name, bytes as u32));
        gains.chain(compounds).collect()
    }

    /// The value of an integer control.
    pub(crate) fn control(&self, code: ControlCode) -> Answer<i64> {
        let at = GAINS.iter().position(|&(known, _)| known == code);
        Ok(self.gains[at.ok_or_else(|| unknown(code))?])
    }

    /// Writes all or none. Integers out of range are clamped, as V4L2 does.
    pub(crate) fn set(&mut self, writes: &[ControlWrite<'_>]) -> Answer<()> {
        writes.iter().try_for_each(check)?;
        let mut shading = None;
        for write in writes {
            if let (codes::ISP_LENS_SHADING, Payload::Compound(bytes)) = (write.code, write.value) {
                shading = Some(open_shading(bytes)?);
            }
        }
        for write in writes {
            match write.value {
                Payload::Integer(value) => self.set_gain(write.code, value),
                Payload::Compound(bytes) => self.set_compound(write.code, bytes),
            }
        }
        if let Some(shading) = shading {
            self.shading = shading;
        }
        Ok(())
    }

    /// Corrects no lens shading any more, and lets go of the table's memory.
    pub(crate) fn forget_shading(&mut self) {
        self.shading = None;
    }

    fn set_gain(&mut self, code: ControlCode, value: i64) {
        if let Some(at) = GAINS.iter().position(|&(known, _)| known == code) {
            self.gains[at] = value.clamp(1, GAIN_MAX);
        }
    }

    fn set_compound(&mut self, code: ControlCode, bytes: &[u8]) {
        match code {
            codes::ISP_CC_MATRIX => self.matrix = structure(bytes, |ccm: &CustomCcm| ccm.enabled),
            codes::ISP_BLACK_LEVEL => self.black_level = structure(bytes, |level: &BlackLevel| level.enabled),
            codes::ISP_GAMMA => self.gamma = structure(bytes, |gamma: &Gamma| gamma.enabled).map(Box::new),
            codes::ISP_DENOISE => self.denoise = structure(bytes, |denoise: &Denoise| denoise.enabled),
            codes::ISP_SHARPEN => self.sharpen = structure(bytes, |sharpen: &Sharpen| sharpen.enabled),
            codes::ISP_DPC => self.defects = structure(bytes, |defects: &Dpc| defects.enabled),
            // Green equalisation and colour denoise: the imaging engine has none.
            _ => {}
        }
    }

    /// What a run that begins now is to do. Tables are read from their memory by `read`.
    pub(crate) fn parameters(&self, read: &dyn Fn(&DeviceBuffer, &mut [u8])) -> IspParameters {
        let [red_gain, blue_gain, digital_gain] = self.gains.map(|gain| gain as f32 / GAIN_UNIT as f32);
        let level = |level: &BlackLevel| [level.black_level_r, level.black_level_g, level.black_level_b];
        IspParameters {
            black_level: self.black_level.as_ref().map_or([0; 3], level),
            red_gain,
            blue_gain,
            digital_gain,
            lens_shading: self.shading.as_ref().map(|shading| read_shading(shading, read)),
            colour_matrix: self.matrix.as_ref().map(colour_matrix),
            gamma: self.gamma.as_deref().map(gamma_curve),
            defects: self.defects.as_ref().map_or(DefectCorrection::Off, defect_correction),
            denoise: self.denoise.as_ref().map_or(parameters::Denoise::OFF, denoise),
            sharpen: self.sharpen.as_ref().map_or(parameters::Sharpen::OFF, sharpen),
            demosaic: parameters::Demosaic::Malvar,
        }
    }
}

fn describe(code: ControlCode, name: &str, payload_bytes: u32) -> ControlDescription {
    let integer = payload_bytes == 0;
    ControlDescription {
        code,
        name: name.to_owned(),
        minimum: i64::from(integer),
        maximum: if integer { GAIN_MAX } else { 0 },
        step: u64::from(integer),
        default: if integer { GAIN_UNIT } else { 0 },
        payload_bytes,
        read_only: false,
        modifies_layout: false,
    }
}

#[cold]
fn unknown(code: ControlCode) -> Refusal {
    Refusal::new(Errno::INVAL, format!("there is no integer control {code:?}"))
}

fn check(write: &ControlWrite<'_>) -> Answer<()> {
    match write.value {
        Payload::Integer(_) if GAINS.iter().any(|&(code, _)| code == write.code) => Ok(()),
        Payload::Integer(_) => Err(unknown(write.code)),
        Payload::Compound(bytes) => {
            let known = COMPOUNDS.iter().find(|(code, ..)| *code == write.code);
            let Some(&(_, name, size)) = known else {
                let reason = format!("there is no compound control {:?}", write.code);
                return Err(Refusal::new(Errno::INVAL, reason));
            };
            if bytes.len() == size {
                return Ok(());
            }
            let reason = format!("{name} has {size} bytes, not {}", bytes.len());
            Err(Refusal::new(Errno::INVAL, reason))
        }
    }
}

/// A structure whose size was checked, if it is enabled.
fn structure<T: FromBytes>(bytes: &[u8], enabled: impl Fn(&T) -> u32) -> Option<T> {
    T::read_from_bytes(bytes).ok().filter(|structure| enabled(structure) != 0)
}

/// Takes hold of the table that a lens shading control names.
fn open_shading(bytes: &[u8]) -> Answer<Option<Shading>> {
    let Some(control) = structure(bytes, |shading: &LensShading| shading.enabled) else { return Ok(None) };
    let (width, height) = (control.grid_width as usize, control.grid_height as usize);
    let fits = (2..=LENS_GRID_WIDTH_MAX).contains(&width)
        && (2..=LENS_GRID_HEIGHT_MAX).contains(&height)
        && control.grid_stride >= control.grid_width
        && control.grid_stride as usize <= LENS_GRID_WIDTH_MAX
        && control.grid_cell_size > 0;
    if !fits {
        return Err(Refusal::new(Errno::INVAL, format!("no lens table has {width} by {height} points")));
    }
    let fd = duplicate(control.dmabuf).map_err(|_| Errno::BADF)?;
    let table = DeviceBuffer::import(fd.as_fd())?;
    if table.bytes < table_points(&control) as u64 * 2 {
        return Err(Refusal::new(Errno::INVAL, "the lens table is larger than its buffer"));
    }
    Ok(Some(Shading { control, table }))
}

/// What a control holds is a descriptor's number, not a descriptor: it may lead anywhere. Buffers
/// of devices cannot be opened by it, others can, also where processes may not look into each other.
fn duplicate(number: i32) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{number}");
    open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).or_else(|_| {
        let this = pidfd_open(getpid(), PidfdFlags::empty())?;
        pidfd_getfd(this, number, PidfdGetfdFlags::empty())
    })
}

const fn table_points(control: &LensShading) -> usize {
    4 * control.grid_stride as usize * control.grid_height as usize
}

fn read_shading(shading: &Shading, read: &dyn Fn(&DeviceBuffer, &mut [u8])) -> parameters::LensShading {
    let control = &shading.control;
    let mut bytes = vec![0; table_points(control) * 2];
    read(&shading.table, &mut bytes);
    let (stride, columns, rows) =
        (control.grid_stride as usize, control.grid_width as usize, control.grid_height as usize);
    let gain = |at: usize| f32::from(u16::from_ne_bytes([bytes[2 * at], bytes[2 * at + 1]])) / LENS_GAIN_UNIT;
    let plane = |plane: usize| {
        let points = (0..rows * columns).map(|i| plane * stride * rows + i / columns * stride + i % columns);
        points.map(gain).collect()
    };
    let cell = control.grid_cell_size as f32;
    parameters::LensShading {
        columns,
        rows,
        cell_pixels: (cell, cell),
        gains: [plane(0), plane(1), plane(2), plane(3)],
    }
}

fn colour_matrix(ccm: &CustomCcm) -> parameters::ColourMatrix {
    let matrix = Matrix3(ccm.ccm.map(|row| row.map(|value| value.value())));
    parameters::ColourMatrix { matrix, offsets: ccm.offsets.map(f64::from) }
}

/// The curve's points, up to where they cease to rise.
fn gamma_curve(gamma: &Gamma) -> GammaCurve {
    let mut points: Vec<(u16, u16)> = Vec::with_capacity(gamma.x.len());
    for point in gamma.x.into_iter().zip(gamma.y) {
        if points.last().is_some_and(|last| point.0 <= last.0) {
            break;
        }
        points.push(point);
    }
    GammaCurve { points }
}

const fn defect_correction(defects: &Dpc) -> DefectCorrection {
    match defects.strength {
        0 => DefectCorrection::Off,
        1 => DefectCorrection::Normal,
        _ => DefectCorrection::Strong,
    }
}

fn denoise(denoise: &Denoise) -> parameters::Denoise {
    parameters::Denoise {
        constant: denoise.constant as f32,
        slope: denoise.slope.value() as f32,
        strength: denoise.strength.value() as f32,
    }
}

fn sharpen(sharpen: &Sharpen) -> parameters::Sharpen {
    parameters::Sharpen {
        threshold: sharpen.threshold.value() as f32,
        strength: sharpen.strength.value() as f32,
        limit: sharpen.limit.value() as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Pool;
    use pinhole_device::uapi::bcm2835_isp::Rational;
    use std::os::fd::AsRawFd;
    use zerocopy::IntoBytes;

    fn compound(code: ControlCode, bytes: &[u8]) -> ControlWrite<'_> {
        ControlWrite { code, value: Payload::Compound(bytes) }
    }

    fn shading(dmabuf: i32) -> LensShading {
        LensShading {
            enabled: 1,
            grid_cell_size: 128,
            grid_width: 3,
            grid_stride: 4,
            grid_height: 2,
            dmabuf,
            ref_transform: 0,
            corner_sampled: 1,
            gain_format: 3,
        }
    }

    #[test]
    fn payloads_of_the_wrong_size_are_refused() {
        let mut controls = IspControls::new();
        for (code, _, size) in COMPOUNDS {
            let bytes = vec![0; size + 1];
            assert_eq!(controls.set(&[compound(code, &bytes)]).unwrap_err().errno, Errno::INVAL);
            assert_eq!(controls.set(&[compound(code, &bytes[..size - 1])]).unwrap_err().errno, Errno::INVAL);
            assert_eq!(controls.set(&[compound(code, &bytes[..size])]), Ok(()));
        }
        assert!(controls.set(&[ControlWrite { code: codes::ISP_DPC, value: Payload::Integer(1) }]).is_err());
        assert!(controls.set(&[compound(codes::RED_BALANCE, &[0; 8])]).is_err());
    }

    #[test]
    fn nothing_is_written_if_one_is_wrong() {
        let mut controls = IspControls::new();
        let gain = ControlWrite { code: codes::RED_BALANCE, value: Payload::Integer(2000) };
        assert!(controls.set(&[gain, compound(codes::ISP_DPC, &[0; 7])]).is_err());
        assert_eq!(controls.control(codes::RED_BALANCE), Ok(1000));
        controls.set(&[gain]).unwrap();
        assert_eq!(controls.control(codes::RED_BALANCE), Ok(2000));
        assert_eq!(controls.parameters(&DeviceBuffer::read).red_gain, 2.0);
    }

    #[test]
    fn structures_become_parameters() {
        let mut controls = IspControls::new();
        let level =
            BlackLevel { enabled: 1, black_level_r: 1, black_level_g: 2, black_level_b: 3, pad: [0; 2] };
        let mut ccm =
            CustomCcm { enabled: 1, ccm: [[Rational::thousandths(0.0); 3]; 3], offsets: [1, -2, 3] };
        ccm.ccm[0][1] = Rational::thousandths(-0.25);
        let mut gamma = Gamma { enabled: 1, x: [0; 33], y: [0; 33] };
        (gamma.x[1], gamma.y[1]) = (1000, 2000);
        let writes = [
            compound(codes::ISP_BLACK_LEVEL, level.as_bytes()),
            compound(codes::ISP_CC_MATRIX, ccm.as_bytes()),
            compound(codes::ISP_GAMMA, gamma.as_bytes()),
        ];
        controls.set(&writes).unwrap();
        let parameters = controls.parameters(&DeviceBuffer::read);
        assert_eq!(parameters.black_level, [1, 2, 3]);
        let matrix = parameters.colour_matrix.unwrap();
        assert_eq!((matrix.matrix.0[0][1], matrix.offsets), (-0.25, [1.0, -2.0, 3.0]));
        assert_eq!(parameters.gamma.unwrap().points, [(0, 0), (1000, 2000)]);
        controls.set(&[compound(codes::ISP_GAMMA, &[0; 136])]).unwrap();
        assert_eq!(controls.parameters(&DeviceBuffer::read).gamma, None);
    }

    #[test]
    fn the_lens_table_is_read_from_its_buffer_even_after_it_was_closed() {
        let mut pool = Pool::new(1 << 20);
        let buffer = pool.allocate("lens", 4096).unwrap();
        let table: Vec<u8> = (0..32u16).flat_map(|i| (1024 + i).to_ne_bytes()).collect();
        buffer.write(0, &table);
        let fd = buffer.export().unwrap();
        let mut controls = IspControls::new();
        controls.set(&[compound(codes::ISP_LENS_SHADING, shading(fd.as_raw_fd()).as_bytes())]).unwrap();
        drop((fd, buffer));
        let shading = controls.parameters(&DeviceBuffer::read).lens_shading.unwrap();
        assert_eq!(shading.gains[0], [0, 1, 2, 4, 5, 6].map(|i| 1.0 + i as f32 / 1024.0));
        assert_eq!(shading.gains[3][0], 1.0 + 24.0 / 1024.0);
    }

    #[test]
    fn lens_tables_that_are_none_are_refused() {
        let mut controls = IspControls::new();
        let mut set = |shading: LensShading| {
            controls
                .set(&[compound(codes::ISP_LENS_SHADING, shading.as_bytes())])
                .map_err(|refusal| refusal.errno)
        };
        assert_eq!(set(shading(-1)), Err(Errno::BADF));
        assert_eq!(set(LensShading { grid_width: 65, ..shading(0) }), Err(Errno::INVAL));
        let small = Pool::new(1 << 20).allocate("small", 63).unwrap().export().unwrap();
        assert_eq!(set(shading(small.as_raw_fd())), Err(Errno::INVAL));
        assert_eq!(set(LensShading { enabled: 0, ..shading(-1) }), Ok(()));
    }
}

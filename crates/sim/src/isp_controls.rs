//! The ISP's controls: what was written to the input node, and the memory that it names. Knows
//! nothing of runs or queues.

use crate::isp_settings::{GAIN_LIMITS, GAINS, IspSettings, STRUCTURES, is_grid, structure, table_bytes};
use crate::memory::DeviceBuffer;
use crate::refusal::{Answer, Refusal};
use pinhole_device::uapi::bcm2835_isp::LensShading;
use pinhole_device::uapi::control_codes as codes;
use pinhole_device::{ControlCode, ControlDescription, ControlWrite, Payload};
use pinhole_imaging::IspParameters;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::os::fd::{AsFd, OwnedFd};

/// What the ISP's controls say.
#[derive(Debug)]
pub(crate) struct IspControls {
    settings: IspSettings,
    /// The table of the lens shading in force.
    lens_table: Option<DeviceBuffer>,
}

impl IspControls {
    /// Everything off.
    pub(crate) const fn new() -> Self {
        Self { settings: IspSettings::new(), lens_table: None }
    }

    pub(crate) fn describe() -> Vec<ControlDescription> {
        let gains = GAINS.iter().map(|&(code, name)| describe(code, name, 0));
        let structures = STRUCTURES.iter().map(|&(code, name, bytes)| describe(code, name, bytes as u32));
        gains.chain(structures).collect()
    }

    /// The value of an integer control.
    pub(crate) fn control(&self, code: ControlCode) -> Answer<i64> {
        self.settings.gain(code).ok_or_else(|| unknown(code))
    }

    /// Writes all or none. Integers out of range are clamped, as V4L2 does.
    pub(crate) fn set(&mut self, writes: &[ControlWrite<'_>]) -> Answer<()> {
        writes.iter().try_for_each(check)?;
        let mut lens_table = None;
        for write in writes {
            if let (codes::ISP_LENS_SHADING, Payload::Compound(bytes)) = (write.code, write.value) {
                lens_table = Some(open_lens_table(bytes)?);
            }
        }
        for write in writes {
            match write.value {
                Payload::Integer(value) => self.settings.set_gain(write.code, value),
                Payload::Compound(bytes) => self.settings.set_structure(write.code, bytes),
            }
        }
        if let Some(lens_table) = lens_table {
            self.lens_table = lens_table;
        }
        Ok(())
    }

    /// Corrects no lens shading any more, and lets go of the table's memory.
    pub(crate) fn forget_shading(&mut self) {
        self.lens_table = None;
    }

    /// What a run that begins now is to do. Tables are read from their memory by `read`.
    pub(crate) fn parameters(&self, read: &dyn Fn(&DeviceBuffer, &mut [u8])) -> IspParameters {
        let table = self.lens_table.as_ref().map(|table| {
            let mut bytes = vec![0; self.settings.lens_table_bytes()];
            read(table, &mut bytes);
            bytes
        });
        self.settings.parameters(&table.unwrap_or_default())
    }
}

fn describe(code: ControlCode, name: &str, payload_bytes: u32) -> ControlDescription {
    let integer = payload_bytes == 0;
    let [minimum, default, maximum] = if integer { GAIN_LIMITS } else { [0; 3] };
    ControlDescription {
        code,
        name: name.to_owned(),
        minimum,
        maximum,
        step: u64::from(integer),
        default,
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
            let known = STRUCTURES.iter().find(|(code, ..)| *code == write.code);
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

/// Takes hold of the table that a lens shading control names.
fn open_lens_table(bytes: &[u8]) -> Answer<Option<DeviceBuffer>> {
    let Some(control) = structure(bytes, |shading: &LensShading| shading.enabled) else { return Ok(None) };
    if !is_grid(&control) {
        let (width, height) = (control.grid_width, control.grid_height);
        return Err(Refusal::new(Errno::INVAL, format!("no lens table has {width} by {height} points")));
    }
    let fd = duplicate(control.dmabuf).map_err(|_| Errno::BADF)?;
    let table = DeviceBuffer::import(fd.as_fd())?;
    if table.bytes < table_bytes(&control) as u64 {
        return Err(Refusal::new(Errno::INVAL, "the lens table is larger than its buffer"));
    }
    Ok(Some(table))
}

/// What a control holds is a descriptor's number, not a descriptor: it may lead anywhere. Buffers
/// of devices cannot be opened by it, others can, also where processes may not look into each other.
fn duplicate(number: i32) -> Result<OwnedFd, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    let path = format!("/proc/self/fd/{number}");
    open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).or_else(|_| {
        let this = pidfd_open(getpid(), PidfdFlags::empty())?;
        pidfd_getfd(this, number, PidfdGetfdFlags::empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Pool;
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
        for (code, _, size) in STRUCTURES {
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

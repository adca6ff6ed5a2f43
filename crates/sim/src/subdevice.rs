//! Simulated sub-devices: sensors, muxes and lenses.

use crate::fault::Call;
use crate::lens::Lens;
use crate::record::Happening;
use crate::refusal::{Answer, Refusal};
use crate::shared::Opening;
use crate::world::World;
use pinhole_base::Result;
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size};
use pinhole_device::{
    ControlCode, ControlDescription, ControlWrite, Controls, MediaBusFormat, SelectionTarget, SubDevice,
};
use rustix::io::Errno;

/// An open sensor.
pub(crate) struct SimSensor {
    pub(crate) opening: Opening,
    pub(crate) name: String,
}

impl SimSensor {
    fn call<T>(
        &self,
        call: Call,
        doing: &'static str,
        act: impl FnOnce(&mut crate::sensor::Sensor) -> Answer<T>,
    ) -> Result<T> {
        self.opening.call(call, doing, |world| act(&mut world.cameras[self.opening.camera].sensor))
    }
}

impl Controls for SimSensor {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.call(Call::QueryControls, "listing controls", |sensor| Ok(sensor.describe_controls()))
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        self.call(Call::Control, "reading a control", |sensor| sensor.control(code))
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        self.call(Call::SetControls, "writing controls", |sensor| sensor.set_controls(writes))
    }
}

impl SubDevice for SimSensor {
    fn name(&self) -> &str {
        &self.name
    }

    fn media_bus_codes(&mut self, pad: u32) -> Result<Vec<u32>> {
        self.call(Call::Describe, "listing media bus codes", |sensor| sensor.codes(pad))
    }

    fn frame_sizes(&mut self, pad: u32, code: u32) -> Result<Vec<Size<ModePixels>>> {
        self.call(Call::Describe, "listing frame sizes", |sensor| sensor.frame_sizes(pad, code))
    }

    fn format(&mut self, pad: u32) -> Result<MediaBusFormat> {
        self.call(Call::Describe, "reading a pad's format", |sensor| sensor.format(pad))
    }

    fn set_format(&mut self, pad: u32, format: MediaBusFormat) -> Result<MediaBusFormat> {
        self.call(Call::SetFormat, "setting a pad's format", |sensor| sensor.set_format(pad, format))
    }

    fn selection(&mut self, target: SelectionTarget) -> Result<Rect<NativePixels>> {
        self.call(Call::Describe, "reading a selection", |sensor| Ok(sensor.selection(target)))
    }
}

/// An open mux: what it takes at pad 0 it sends from pad 1. It takes anything.
pub(crate) struct SimMux {
    pub(crate) opening: Opening,
    pub(crate) name: String,
}

impl SimMux {
    fn call<T>(
        &self,
        call: Call,
        doing: &'static str,
        pad: u32,
        act: impl FnOnce(&mut World, usize) -> Answer<T>,
    ) -> Result<T> {
        self.opening.call(call, doing, |world| match pad {
            0 | 1 => act(world, self.opening.camera),
            _ => Err(Refusal::new(Errno::INVAL, format!("there is no pad {pad}"))),
        })
    }
}

impl Controls for SimMux {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.call(Call::QueryControls, "listing controls", 0, |_, _| Ok(Vec::new()))
    }

    fn control(&mut self, _: ControlCode) -> Result<i64> {
        self.call(Call::Control, "reading a control", 0, |_, _| Err(Errno::NOTTY.into()))
    }

    fn set_controls(&mut self, _: &[ControlWrite<'_>]) -> Result<()> {
        self.call(Call::SetControls, "writing controls", 0, |_, _| Err(Errno::NOTTY.into()))
    }
}

impl SubDevice for SimMux {
    fn name(&self) -> &str {
        &self.name
    }

    fn media_bus_codes(&mut self, pad: u32) -> Result<Vec<u32>> {
        self.call(Call::Describe, "listing media bus codes", pad, |world, camera| {
            world.cameras[camera].sensor.codes(0)
        })
    }

    fn frame_sizes(&mut self, pad: u32, code: u32) -> Result<Vec<Size<ModePixels>>> {
        self.call(Call::Describe, "listing frame sizes", pad, |world, camera| {
            world.cameras[camera].sensor.frame_sizes(0, code)
        })
    }

    fn format(&mut self, pad: u32) -> Result<MediaBusFormat> {
        self.call(
            Call::Describe,
            "reading a pad's format",
            pad,
            |world, camera| Ok(world.cameras[camera].mux),
        )
    }

    fn set_format(&mut self, pad: u32, format: MediaBusFormat) -> Result<MediaBusFormat> {
        self.call(Call::SetFormat, "setting a pad's format", pad, |world, camera| {
            let camera = &mut world.cameras[camera];
            if camera.sensor.streaming {
                return Err(Refusal::new(Errno::BUSY, "frames are flowing"));
            }
            // The source follows the sink.
            if pad == 0 {
                camera.mux = format;
            }
            Ok(camera.mux)
        })
    }

    fn selection(&mut self, _: SelectionTarget) -> Result<Rect<NativePixels>> {
        self.call(Call::Describe, "reading a selection", 0, |_, _| Err(Errno::NOTTY.into()))
    }
}

/// An open lens. It has no pads.
pub(crate) struct SimLens {
    pub(crate) opening: Opening,
    pub(crate) name: String,
}

impl SimLens {
    fn call<T>(&self, call: Call, doing: &'static str, act: impl FnOnce(&Lens) -> Answer<T>) -> Result<T> {
        self.opening.call(call, doing, |world| {
            act(world.cameras[self.opening.camera].lens.as_ref().ok_or(Errno::NODEV)?)
        })
    }

    fn no_pad<T>(&self, doing: &'static str, pad: u32) -> Result<T> {
        self.call(Call::Describe, doing, |_| {
            Err(Refusal::new(Errno::INVAL, format!("a lens has no pad {pad}")))
        })
    }
}

impl Controls for SimLens {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.call(Call::QueryControls, "listing controls", |lens| Ok(lens.describe_controls()))
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        self.call(Call::Control, "reading a control", |lens| lens.control(code))
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        self.opening.call(Call::SetControls, "writing controls", |world| {
            let (camera, now_ns) = (self.opening.camera, world.now().as_nanos());
            let lens = world.cameras[camera].lens.as_mut().ok_or(Errno::NODEV)?;
            let code = lens.set_controls(writes, now_ns)?;
            world.note(camera, Happening::LensMoved(code));
            Ok(())
        })
    }
}

impl SubDevice for SimLens {
    fn name(&self) -> &str {
        &self.name
    }

    fn media_bus_codes(&mut self, pad: u32) -> Result<Vec<u32>> {
        self.no_pad("listing media bus codes", pad)
    }

    fn frame_sizes(&mut self, pad: u32, _: u32) -> Result<Vec<Size<ModePixels>>> {
        self.no_pad("listing frame sizes", pad)
    }

    fn format(&mut self, pad: u32) -> Result<MediaBusFormat> {
        self.no_pad("reading a pad's format", pad)
    }

    fn set_format(&mut self, pad: u32, _: MediaBusFormat) -> Result<MediaBusFormat> {
        self.no_pad("setting a pad's format", pad)
    }

    fn selection(&mut self, _: SelectionTarget) -> Result<Rect<NativePixels>> {
        self.no_pad("reading a selection", 0)
    }
}

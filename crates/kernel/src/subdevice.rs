//! Sub-devices over V4L2: sensors, lenses, muxes. Knows nothing of media graphs.

use crate::control::{ControlTable, forward_controls};
use crate::file::DeviceFile;
use crate::sysfs::DeviceTree;
use crate::uapi::call::{Call, Plain};
use crate::uapi::subdevice::{
    ENUM_FRAME_INTERVAL, ENUM_FRAME_SIZE, ENUM_MBUS_CODE, FORMAT_ACTIVE, FrameFormat, G_FMT, G_ROUTING,
    G_SELECTION, MbusCodeEnum, ROUTE_ACTIVE, RouteDescription, S_FMT, S_FRAME_INTERVAL, S_ROUTING,
    S_SELECTION, SubdevFormat, SubdevFrameInterval, SubdevFrameIntervalEnum, SubdevFrameSizeEnum,
    SubdevSelection, run_with_routes,
};
use crate::uapi::video::{
    FIELD_NONE, Fraction, Rectangle, SEL_TGT_CROP, SEL_TGT_CROP_BOUNDS, SEL_TGT_CROP_DEFAULT,
    SEL_TGT_NATIVE_SIZE,
};
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size};
use pinhole_base::{ErrorKind, Result};
use pinhole_device::{FrameInterval, MediaBusFormat, Route, SelectionTarget, SubDevice};
use rustix::io::Errno;
use std::os::fd::AsFd;
use zerocopy::FromZeros;

/// An open sub-device.
pub struct KernelSubDevice {
    file: DeviceFile,
    name: String,
    controls: ControlTable,
}

impl KernelSubDevice {
    /// Opens the sub-device at a path.
    ///
    /// # Errors
    /// There is none, or access is refused.
    pub fn open(tree: &DeviceTree, path: &str) -> Result<Self> {
        let mut file = DeviceFile::open(path, "opening a sub-device")?;
        let name = tree.name_of(path).unwrap_or_else(|| path.to_owned());
        if name != path {
            file.set_name(&name);
        }
        Ok(Self { file, name, controls: ControlTable::default() })
    }

    /// A list of a pad's, which has at least one entry where there is such a pad.
    fn list<T: Plain>(
        &self,
        doing: &'static str,
        call: &Call<T>,
        pad: u32,
        entry: impl Fn(u32) -> T,
    ) -> Result<Vec<T>> {
        let found = self.file.enumerate(doing, call, entry)?;
        if found.is_empty() {
            let reason = format!("{}: pad {pad} has none", call.name());
            return Err(self.file.refusal(ErrorKind::InvalidArgument, doing).because(reason));
        }
        Ok(found)
    }

    fn exchange(
        &self,
        doing: &'static str,
        call: &Call<SubdevFormat>,
        pad: u32,
        format: FrameFormat,
    ) -> Result<MediaBusFormat> {
        let mut argument = SubdevFormat { which: FORMAT_ACTIVE, pad, format, ..FromZeros::new_zeroed() };
        self.file.call(doing, call, &mut argument)?;
        let FrameFormat { code, width, height, .. } = argument.format;
        Ok(MediaBusFormat { code, size: Size::new(width, height) })
    }

    fn select(
        &self,
        doing: &'static str,
        call: &Call<SubdevSelection>,
        target: SelectionTarget,
        rectangle: Rectangle,
    ) -> Result<Rect<NativePixels>> {
        let target = target_number(target);
        let mut argument =
            SubdevSelection { which: FORMAT_ACTIVE, target, rectangle, ..FromZeros::new_zeroed() };
        self.file.call(doing, call, &mut argument)?;
        let found = argument.rectangle;
        Ok(Rect::new(found.left, found.top, found.width, found.height))
    }
}

const fn target_number(target: SelectionTarget) -> u32 {
    match target {
        SelectionTarget::NativeSize => SEL_TGT_NATIVE_SIZE,
        SelectionTarget::CropBounds => SEL_TGT_CROP_BOUNDS,
        SelectionTarget::CropDefault => SEL_TGT_CROP_DEFAULT,
        SelectionTarget::Crop => SEL_TGT_CROP,
    }
}

forward_controls!(KernelSubDevice);

impl SubDevice for KernelSubDevice {
    fn name(&self) -> &str {
        &self.name
    }

    fn media_bus_codes(&mut self, pad: u32) -> Result<Vec<u32>> {
        let entry = |index| MbusCodeEnum { pad, index, which: FORMAT_ACTIVE, ..FromZeros::new_zeroed() };
        let found = self.list("listing media bus codes", &ENUM_MBUS_CODE, pad, entry)?;
        Ok(found.iter().map(|entry| entry.code).collect())
    }

    fn frame_sizes(&mut self, pad: u32, code: u32) -> Result<Vec<Size<ModePixels>>> {
        let which = FORMAT_ACTIVE;
        let entry = |index| SubdevFrameSizeEnum { index, pad, code, which, ..FromZeros::new_zeroed() };
        let found = self.list("listing frame sizes", &ENUM_FRAME_SIZE, pad, entry)?;
        Ok(found.iter().flat_map(ends).collect())
    }

    fn format(&mut self, pad: u32) -> Result<MediaBusFormat> {
        self.exchange("reading a pad's format", &G_FMT, pad, FrameFormat::new_zeroed())
    }

    fn set_format(&mut self, pad: u32, format: MediaBusFormat) -> Result<MediaBusFormat> {
        let MediaBusFormat { code, size } = format;
        let (width, height) = (size.width, size.height);
        let wanted = FrameFormat { width, height, code, field: FIELD_NONE, ..FromZeros::new_zeroed() };
        self.exchange("setting a pad's format", &S_FMT, pad, wanted)
    }

    fn selection(&mut self, target: SelectionTarget) -> Result<Rect<NativePixels>> {
        self.select("reading a selection", &G_SELECTION, target, Rectangle::new_zeroed())
    }

    fn set_selection(
        &mut self,
        target: SelectionTarget,
        wanted: Rect<NativePixels>,
    ) -> Result<Rect<NativePixels>> {
        let Rect { x: left, y: top, width, height, .. } = wanted;
        self.select("setting a selection", &S_SELECTION, target, Rectangle { left, top, width, height })
    }

    fn frame_intervals(&mut self, pad: u32, format: MediaBusFormat) -> Result<Vec<FrameInterval>> {
        let entry = |index| SubdevFrameIntervalEnum {
            index,
            pad,
            code: format.code,
            width: format.size.width,
            height: format.size.height,
            which: FORMAT_ACTIVE,
            ..FromZeros::new_zeroed()
        };
        // Most sensors have none: their blanking says how long a frame takes.
        let found = self.file.enumerate("listing frame intervals", &ENUM_FRAME_INTERVAL, entry)?;
        Ok(found.iter().map(|entry| interval_of(entry.interval)).collect())
    }

    fn set_frame_interval(&mut self, pad: u32, interval: FrameInterval) -> Result<FrameInterval> {
        let interval = Fraction { numerator: interval.numerator, denominator: interval.denominator };
        let mut argument = SubdevFrameInterval { pad, interval, ..FromZeros::new_zeroed() };
        self.file.call("setting the frame interval", &S_FRAME_INTERVAL, &mut argument)?;
        Ok(interval_of(argument.interval))
    }

    fn routes(&mut self) -> Result<Vec<Route>> {
        match run_with_routes(&G_ROUTING, self.file.as_fd(), &[]) {
            Ok(routes) => Ok(routes.iter().map(route_of).collect()),
            // The kernel, or the device, has no routes.
            Err(Errno::NOTTY) => Ok(Vec::new()),
            Err(errno) => Err(self.file.error("reading the routes", G_ROUTING.name(), errno)),
        }
    }

    fn set_routes(&mut self, routes: &[Route]) -> Result<Vec<Route>> {
        let wanted: Vec<RouteDescription> = routes.iter().map(description_of).collect();
        match run_with_routes(&S_ROUTING, self.file.as_fd(), &wanted) {
            Ok(set) => Ok(set.iter().map(route_of).collect()),
            Err(errno) => Err(self.file.error("setting the routes", S_ROUTING.name(), errno)),
        }
    }
}

const fn route_of(described: &RouteDescription) -> Route {
    let RouteDescription { sink_pad, sink_stream, source_pad, source_stream, flags, .. } = *described;
    Route { sink_pad, sink_stream, source_pad, source_stream, active: flags & ROUTE_ACTIVE != 0 }
}

const fn description_of(route: &Route) -> RouteDescription {
    let Route { sink_pad, sink_stream, source_pad, source_stream, active } = *route;
    let flags = if active { ROUTE_ACTIVE } else { 0 };
    RouteDescription { sink_pad, sink_stream, source_pad, source_stream, flags, _reserved: [0; 5] }
}

const fn interval_of(fraction: Fraction) -> FrameInterval {
    FrameInterval { numerator: fraction.numerator, denominator: fraction.denominator }
}

/// The smallest and the greatest size of an entry, which mostly are the same.
fn ends(entry: &SubdevFrameSizeEnum) -> impl Iterator<Item = Size<ModePixels>> + use<> {
    let least = Size::new(entry.min_width, entry.min_height);
    let greatest = Size::new(entry.max_width, entry.max_height);
    std::iter::once(least).chain((greatest != least).then_some(greatest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_sizes_is_told_by_its_ends() {
        let mut entry = SubdevFrameSizeEnum::new_zeroed();
        (entry.min_width, entry.max_width, entry.min_height, entry.max_height) = (640, 640, 480, 480);
        assert_eq!(ends(&entry).collect::<Vec<_>>(), [Size::new(640, 480)]);
        entry.max_width = 1280;
        assert_eq!(ends(&entry).collect::<Vec<_>>(), [Size::new(640, 480), Size::new(1280, 480)]);
    }

    #[test]
    fn a_route_is_described_and_understood_alike() {
        for active in [false, true] {
            let route = Route { sink_pad: 1, sink_stream: 2, source_pad: 3, source_stream: 4, active };
            assert_eq!(route_of(&description_of(&route)), route);
        }
    }

    #[test]
    fn what_has_no_routes_lists_none_and_takes_none() {
        let mut null = KernelSubDevice::open(&DeviceTree::default(), "/dev/null").unwrap();
        assert_eq!(null.routes().unwrap(), []);
        let error = null.set_routes(&[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }

    #[test]
    fn a_file_that_is_no_sub_device_says_so_when_it_is_asked() {
        let mut null = KernelSubDevice::open(&DeviceTree::default(), "/dev/null").unwrap();
        assert_eq!(null.format(0).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(null.media_bus_codes(0).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(null.selection(SelectionTarget::Crop).unwrap_err().place(), Some("/dev/null"));
    }
}

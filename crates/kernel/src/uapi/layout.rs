//! Compares structures and calls with the system's headers, by way of a table.
//!
//! `layout.txt` holds sizes, offsets and numbers as C compilers see them, for 64-bit machines
//! and for 32-bit ones with 64-bit time (ARM's rules of alignment). What Rust makes of our
//! definitions is compared with the column of the machine that the tests run on; for the other
//! width the C rules are applied to the types of the same fields. A second test compares the
//! table with the headers that are installed. `PINHOLE_WRITE_LAYOUT=1` writes the table anew.

use super::{control, media, memory, subdevice, video};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a type takes on a 32-bit machine: bytes and alignment.
trait Narrow {
    fn narrow() -> (usize, usize);
}

macro_rules! narrow {
    ($($number:ty => $bytes:literal),+) => {
        $(impl Narrow for $number {
            fn narrow() -> (usize, usize) {
                ($bytes, $bytes)
            }
        })+
    };
}

narrow!(u8 => 1, u16 => 2, u32 => 4, i32 => 4, u64 => 8, i64 => 8, usize => 4);

impl<T: Narrow, const N: usize> Narrow for [T; N] {
    fn narrow() -> (usize, usize) {
        let (bytes, align) = T::narrow();
        (bytes * N, align)
    }
}

impl Narrow for video::Location {
    fn narrow() -> (usize, usize) {
        usize::narrow()
    }
}

impl Narrow for control::Value {
    fn narrow() -> (usize, usize) {
        <[u32; 2]>::narrow()
    }
}

fn narrow_field<S, F: Narrow>(_: impl Fn(S) -> F) -> (usize, usize) {
    F::narrow()
}

/// Offsets of fields of these sizes and alignments, and the whole, by the rules of C.
fn laid_out(fields: &[(usize, usize)]) -> (Vec<usize>, (usize, usize)) {
    let (mut end, mut align_most) = (0_usize, 1);
    let mut offsets = Vec::new();
    for (bytes, align) in fields {
        let offset = end.next_multiple_of(*align);
        offsets.push(offset);
        end = offset + bytes;
        align_most = align_most.max(*align);
    }
    (offsets, (end.next_multiple_of(align_most), align_most))
}

/// Values on 64-bit and on 32-bit machines.
type Pair = [u32; 2];

/// What there is to compare: an expression in C, and its values as our definitions have them.
type Facts = BTreeMap<String, Pair>;

/// One structure: its name in C, its fields in C (empty: not compared), and where they are.
struct Structure {
    name: &'static str,
    fields: Vec<(&'static str, usize, usize)>,
    bytes: (usize, usize),
}

macro_rules! structures {
    ($($structure:ty = $name:literal { $($field:ident $(= $c:literal)?),+ $(,)? })+) => {
        $(impl Narrow for $structure {
            fn narrow() -> (usize, usize) {
                laid_out(&[$(narrow_field(|s: $structure| s.$field)),+]).1
            }
        })+

        fn structures() -> Vec<Structure> {
            vec![$({
                let (narrow, (narrow_bytes, _)) =
                    laid_out(&[$(narrow_field(|s: $structure| s.$field)),+]);
                let names = [$(c_name(stringify!($field), &[$($c)?])),+];
                let wide = [$(std::mem::offset_of!($structure, $field)),+];
                let fields = names.into_iter().zip(wide).zip(narrow);
                Structure {
                    name: $name,
                    fields: fields.map(|((name, wide), narrow)| (name, wide, narrow)).collect(),
                    bytes: (size_of::<$structure>(), narrow_bytes),
                }
            }),+]
        }
    };
}

/// A field's name in C: the same, unless another is given; none for what only fills its place.
fn c_name(field: &'static str, given: &[&'static str]) -> &'static str {
    match given {
        [given] => given,
        _ if field.starts_with('_') => "",
        _ => field,
    }
}

structures! {
    video::Capability = "v4l2_capability" {
        driver, card, bus_info, version, capabilities, device_caps, _reserved,
    }
    video::FormatDescription = "v4l2_fmtdesc" {
        index, kind = "type", _flags, _description, pixelformat, mbus_code, _reserved,
    }
    video::FormatData = "" { _align, bytes }
    video::Format = "v4l2_format" { kind = "type", data = "fmt" }
    video::PixFormat = "v4l2_pix_format" {
        width, height, pixelformat, field, bytesperline, sizeimage, colorspace, private = "priv", flags,
        ycbcr_enc, quantization, xfer_func,
    }
    video::PlanePixFormat = "v4l2_plane_pix_format" { sizeimage, bytesperline, _reserved }
    video::PixFormatMplane = "v4l2_pix_format_mplane" {
        width, height, pixelformat, field, colorspace, plane_fmt, num_planes, flags, ycbcr_enc,
        quantization, xfer_func, _reserved,
    }
    video::MetaPixFormat = "v4l2_meta_format" { dataformat, buffersize }
    video::FrameSizeEnum = "v4l2_frmsizeenum" {
        index, pixel_format, kind = "type", sides = "discrete", _reserved,
    }
    video::Fraction = "v4l2_fract" { numerator, denominator }
    video::FrameIntervalEnum = "v4l2_frmivalenum" {
        index, pixel_format, width, height, kind = "type", intervals = "discrete", _reserved,
    }
    video::StreamParameters = "v4l2_streamparm" {
        kind = "type", capability = "parm.capture.capability", _mode,
        timeperframe = "parm.capture.timeperframe", _rest,
    }
    video::Rectangle = "v4l2_rect" { left, top, width, height }
    video::Selection = "v4l2_selection" { kind = "type", target, flags, rectangle = "r", _reserved }
    video::RequestBuffers = "v4l2_requestbuffers" {
        count, kind = "type", memory, _capabilities, _flags, _reserved,
    }
    video::CreateBuffers = "v4l2_create_buffers" {
        index, count, memory, format, _capabilities, _flags, _reserved,
    }
    video::TimeValue = "timeval" { sec = "tv_sec", usec = "tv_usec" }
    video::Plane = "v4l2_plane" { bytesused, length, location = "m", data_offset, _reserved }
    video::Buffer = "v4l2_buffer" {
        index, kind = "type", bytesused, flags, field, timestamp, _timecode = "timecode", sequence, memory,
        location = "m", length, _reserved2, _request_fd = "request_fd",
    }
    video::ExportBuffer = "v4l2_exportbuffer" { kind = "type", index, plane, flags, fd, _reserved }
    video::TimeSpec = "" { sec, nsec }
    video::EventData = "" { _align, bytes }
    video::Event = "v4l2_event" {
        kind = "type", data = "u", _pending, _sequence, timestamp, id, _reserved,
    }
    video::EventControl = "v4l2_event_ctrl" { changes, kind = "type", value, _rest }
    video::EventSubscription = "v4l2_event_subscription" { kind = "type", id, _flags, _reserved }
    control::QueryExtControl = "v4l2_query_ext_ctrl" {
        id, kind = "type", name, minimum, maximum, step, default_value, flags, elem_size, elems,
        _nr_of_dims, _dims, _reserved,
    }
    control::QueryMenu = "v4l2_querymenu" { id, index, name, _reserved }
    control::ExtControl = "v4l2_ext_control" { id, size, _reserved2, value }
    control::ExtControls = "v4l2_ext_controls" {
        which, count, error_idx, _request_fd, _reserved, controls,
    }
    subdevice::FrameFormat = "v4l2_mbus_framefmt" {
        width, height, code, field, colorspace, _ycbcr_enc, _quantization, _xfer_func, _flags, _reserved,
    }
    subdevice::SubdevFormat = "v4l2_subdev_format" { which, pad, format, _reserved }
    subdevice::MbusCodeEnum = "v4l2_subdev_mbus_code_enum" { pad, index, code, which, _flags, _reserved }
    subdevice::SubdevFrameSizeEnum = "v4l2_subdev_frame_size_enum" {
        index, pad, code, min_width, max_width, min_height, max_height, which, _reserved,
    }
    subdevice::SubdevFrameInterval = "v4l2_subdev_frame_interval" { pad, interval, _reserved }
    subdevice::SubdevFrameIntervalEnum = "v4l2_subdev_frame_interval_enum" {
        index, pad, code, width, height, interval, which, _reserved,
    }
    subdevice::SubdevSelection = "v4l2_subdev_selection" {
        which, pad, target, flags, rectangle = "r", _reserved,
    }
    subdevice::RouteDescription = "v4l2_subdev_route" {
        sink_pad, sink_stream, source_pad, source_stream, flags, _reserved,
    }
    subdevice::Routing = "v4l2_subdev_routing" { which, len_routes, routes, num_routes, _reserved }
    media::DeviceInfo = "media_device_info" {
        driver, model, _serial, bus_info, media_version, _hw_revision, _driver_version, _reserved,
    }
    media::Entity = "media_v2_entity" { id, name, function, _flags, _reserved }
    media::Interface = "media_v2_interface" {
        id, intf_type, _flags, _reserved, major = "devnode.major", minor = "devnode.minor", _rest,
    }
    media::Pad = "media_v2_pad" { id, entity_id, flags, index, _reserved }
    media::Link = "media_v2_link" { id, source_id, sink_id, flags, _reserved }
    media::List = "" { count, _reserved, address }
    media::RawTopology = "media_v2_topology" {
        topology_version, entities = "num_entities", interfaces = "num_interfaces", pads = "num_pads",
        links = "num_links",
    }
    media::PadDescription = "media_pad_desc" { entity, index, flags, _reserved }
    media::LinkDescription = "media_link_desc" { source, sink, flags, _reserved }
    memory::HeapAllocation = "dma_heap_allocation_data" { len, fd, fd_flags, heap_flags }
    memory::UdmabufCreate = "udmabuf_create" { memfd, flags, offset, size }
    memory::ExportSyncFile = "dma_buf_export_sync_file" { flags, fd }
}

/// A call's number on both machines. The size is in 14 bits of it.
fn number<T: Narrow>(call: &super::call::Call<T>) -> (String, Pair) {
    let number = call.opcode();
    let with_size = |bytes: usize| number & !(0x3fff << 16) | (bytes as u32) << 16;
    (call.name().to_owned(), [number, with_size(T::narrow().0)])
}

fn calls() -> Vec<(String, Pair)> {
    use {control as c, media as g, memory as m, subdevice as s, video as v};
    let name_number = m::SET_NAME.opcode();
    let narrow_name_number = name_number & !(0x3fff << 16) | 4 << 16;
    vec![
        number(&v::QUERYCAP),
        number(&v::ENUM_FMT),
        number(&v::G_FMT),
        number(&v::S_FMT),
        number(&v::TRY_FMT),
        number(&v::REQBUFS),
        number(&v::CREATE_BUFS),
        number(&v::QUERYBUF),
        number(&v::QBUF),
        number(&v::EXPBUF),
        number(&v::DQBUF),
        number(&v::STREAMON),
        number(&v::STREAMOFF),
        number(&v::S_PARM),
        number(&v::ENUM_FRAMESIZES),
        number(&v::ENUM_FRAMEINTERVALS),
        number(&v::DQEVENT),
        number(&v::SUBSCRIBE_EVENT),
        number(&v::UNSUBSCRIBE_EVENT),
        number(&v::S_SELECTION),
        number(&c::QUERYMENU),
        number(&c::G_EXT_CTRLS),
        number(&c::S_EXT_CTRLS),
        number(&c::QUERY_EXT_CTRL),
        number(&s::ENUM_MBUS_CODE),
        number(&s::G_FMT),
        number(&s::S_FMT),
        number(&s::S_FRAME_INTERVAL),
        number(&s::G_SELECTION),
        number(&s::S_SELECTION),
        number(&s::ENUM_FRAME_SIZE),
        number(&s::ENUM_FRAME_INTERVAL),
        number(&s::G_ROUTING),
        number(&s::S_ROUTING),
        number(&g::DEVICE_INFO),
        number(&g::SETUP_LINK),
        number(&g::G_TOPOLOGY),
        number(&m::HEAP_ALLOC),
        number(&m::UDMABUF_CREATE),
        number(&m::SYNC),
        (m::SET_NAME.name().to_owned(), [name_number, narrow_name_number]),
        number(&m::EXPORT_SYNC_FILE),
    ]
}

/// Constants, which are the same on every machine.
fn constants() -> Vec<(String, Pair)> {
    use {control as c, media as g, memory as m, subdevice as s, video as v};
    let constants = [
        ("V4L2_CAP_VIDEO_CAPTURE", v::CAP_VIDEO_CAPTURE),
        ("V4L2_CAP_VIDEO_OUTPUT", v::CAP_VIDEO_OUTPUT),
        ("V4L2_CAP_VIDEO_CAPTURE_MPLANE", v::CAP_VIDEO_CAPTURE_MPLANE),
        ("V4L2_CAP_VIDEO_OUTPUT_MPLANE", v::CAP_VIDEO_OUTPUT_MPLANE),
        ("V4L2_CAP_META_CAPTURE", v::CAP_META_CAPTURE),
        ("V4L2_CAP_STREAMING", v::CAP_STREAMING),
        ("V4L2_CAP_IO_MC", v::CAP_IO_MC),
        ("V4L2_CAP_DEVICE_CAPS", v::CAP_DEVICE_CAPS),
        ("V4L2_BUF_TYPE_VIDEO_CAPTURE", v::BUF_TYPE_VIDEO_CAPTURE),
        ("V4L2_BUF_TYPE_VIDEO_OUTPUT", v::BUF_TYPE_VIDEO_OUTPUT),
        ("V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE", v::BUF_TYPE_VIDEO_CAPTURE_MPLANE),
        ("V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE", v::BUF_TYPE_VIDEO_OUTPUT_MPLANE),
        ("V4L2_BUF_TYPE_META_CAPTURE", v::BUF_TYPE_META_CAPTURE),
        ("V4L2_MEMORY_MMAP", v::MEMORY_MMAP),
        ("V4L2_MEMORY_DMABUF", v::MEMORY_DMABUF),
        ("V4L2_FIELD_NONE", v::FIELD_NONE),
        ("VIDEO_MAX_PLANES", v::PLANES_MAX as u32),
        ("V4L2_PIX_FMT_PRIV_MAGIC", v::PIX_FMT_PRIV_MAGIC),
        ("V4L2_PIX_FMT_FLAG_SET_CSC", v::PIX_FMT_FLAG_SET_CSC),
        ("V4L2_COLORSPACE_DEFAULT", v::COLORSPACE_DEFAULT),
        ("V4L2_COLORSPACE_SMPTE170M", v::COLORSPACE_SMPTE170M),
        ("V4L2_COLORSPACE_REC709", v::COLORSPACE_REC709),
        ("V4L2_COLORSPACE_JPEG", v::COLORSPACE_JPEG),
        ("V4L2_COLORSPACE_SRGB", v::COLORSPACE_SRGB),
        ("V4L2_COLORSPACE_BT2020", v::COLORSPACE_BT2020),
        ("V4L2_COLORSPACE_RAW", v::COLORSPACE_RAW),
        ("V4L2_XFER_FUNC_709", v::XFER_FUNC_709),
        ("V4L2_XFER_FUNC_SRGB", v::XFER_FUNC_SRGB),
        ("V4L2_XFER_FUNC_NONE", v::XFER_FUNC_NONE),
        ("V4L2_YCBCR_ENC_601", v::YCBCR_ENC_601),
        ("V4L2_YCBCR_ENC_709", v::YCBCR_ENC_709),
        ("V4L2_YCBCR_ENC_BT2020", v::YCBCR_ENC_BT2020),
        ("V4L2_QUANTIZATION_FULL_RANGE", v::QUANTIZATION_FULL_RANGE),
        ("V4L2_QUANTIZATION_LIM_RANGE", v::QUANTIZATION_LIM_RANGE),
        ("V4L2_FRMSIZE_TYPE_DISCRETE", v::ENUM_DISCRETE),
        ("V4L2_FRMIVAL_TYPE_DISCRETE", v::ENUM_DISCRETE),
        ("V4L2_CAP_TIMEPERFRAME", v::CAP_TIMEPERFRAME),
        ("V4L2_SEL_TGT_CROP", v::SEL_TGT_CROP),
        ("V4L2_SEL_TGT_CROP_DEFAULT", v::SEL_TGT_CROP_DEFAULT),
        ("V4L2_SEL_TGT_CROP_BOUNDS", v::SEL_TGT_CROP_BOUNDS),
        ("V4L2_SEL_TGT_NATIVE_SIZE", v::SEL_TGT_NATIVE_SIZE),
        ("V4L2_BUF_FLAG_ERROR", v::BUF_FLAG_ERROR),
        ("V4L2_EVENT_CTRL", v::EVENT_CTRL),
        ("V4L2_EVENT_FRAME_SYNC", v::EVENT_FRAME_SYNC),
        ("V4L2_EVENT_CTRL_CH_VALUE", v::EVENT_CTRL_CH_VALUE),
        ("V4L2_CTRL_TYPE_MENU", c::CTRL_TYPE_MENU),
        ("V4L2_CTRL_TYPE_INTEGER64", c::CTRL_TYPE_INTEGER64),
        ("V4L2_CTRL_TYPE_CTRL_CLASS", c::CTRL_TYPE_CLASS),
        ("V4L2_CTRL_TYPE_BITMASK", c::CTRL_TYPE_BITMASK),
        ("V4L2_CTRL_TYPE_INTEGER_MENU", c::CTRL_TYPE_INTEGER_MENU),
        ("V4L2_CTRL_FLAG_DISABLED", c::CTRL_FLAG_DISABLED),
        ("V4L2_CTRL_FLAG_READ_ONLY", c::CTRL_FLAG_READ_ONLY),
        ("V4L2_CTRL_FLAG_HAS_PAYLOAD", c::CTRL_FLAG_HAS_PAYLOAD),
        ("V4L2_CTRL_FLAG_MODIFY_LAYOUT", c::CTRL_FLAG_MODIFY_LAYOUT),
        ("V4L2_CTRL_FLAG_NEXT_CTRL", c::CTRL_FLAG_NEXT_CTRL),
        ("V4L2_CTRL_FLAG_NEXT_COMPOUND", c::CTRL_FLAG_NEXT_COMPOUND),
        ("V4L2_SUBDEV_FORMAT_ACTIVE", s::FORMAT_ACTIVE),
        ("V4L2_SUBDEV_ROUTE_FL_ACTIVE", s::ROUTE_ACTIVE),
        ("MEDIA_ENT_F_IO_V4L", g::ENT_F_IO_V4L),
        ("MEDIA_ENT_F_CAM_SENSOR", g::ENT_F_CAM_SENSOR),
        ("MEDIA_ENT_F_LENS", g::ENT_F_LENS),
        ("MEDIA_ENT_F_PROC_VIDEO_COMPOSER", g::ENT_F_PROC_VIDEO),
        ("MEDIA_INTF_T_V4L_VIDEO", g::INTF_T_V4L_VIDEO),
        ("MEDIA_INTF_T_V4L_SUBDEV", g::INTF_T_V4L_SUBDEV),
        ("MEDIA_PAD_FL_SINK", g::PAD_FL_SINK),
        ("MEDIA_PAD_FL_SOURCE", g::PAD_FL_SOURCE),
        ("MEDIA_LNK_FL_ENABLED", g::LNK_FL_ENABLED),
        ("MEDIA_LNK_FL_IMMUTABLE", g::LNK_FL_IMMUTABLE),
        ("MEDIA_LNK_FL_LINK_TYPE", g::LNK_TYPE),
        ("MEDIA_LNK_FL_DATA_LINK", g::LNK_TYPE_DATA),
        ("MEDIA_LNK_FL_INTERFACE_LINK", g::LNK_TYPE_INTERFACE),
        ("MEDIA_LNK_FL_ANCILLARY_LINK", g::LNK_TYPE_ANCILLARY),
        ("DMA_BUF_SYNC_READ", m::SYNC_READ as u32),
        ("DMA_BUF_SYNC_WRITE", m::SYNC_WRITE as u32),
        ("DMA_BUF_SYNC_START", m::SYNC_START as u32),
        ("DMA_BUF_SYNC_END", m::SYNC_END as u32),
        ("UDMABUF_FLAGS_CLOEXEC", m::UDMABUF_FLAGS_CLOEXEC),
    ];
    constants.into_iter().map(|(name, value)| (name.to_owned(), [value, value])).collect()
}

/// All that our definitions say. What Rust made of them stands in the column of the machine
/// that this runs on.
fn ours() -> Facts {
    let mut facts: Facts = calls().into_iter().chain(constants()).collect();
    let pair = |here: usize, narrow: usize| {
        let here = here as u32;
        if size_of::<usize>() == 4 { [0, here] } else { [here, narrow as u32] }
    };
    for structure in structures().iter().filter(|structure| !structure.name.is_empty()) {
        let name = structure.name;
        facts.insert(format!("sizeof(struct {name})"), pair(structure.bytes.0, structure.bytes.1));
        for (field, wide, narrow) in structure.fields.iter().filter(|(field, ..)| !field.is_empty()) {
            facts.insert(format!("offsetof(struct {name}, {field})"), pair(*wide, *narrow));
        }
    }
    facts
}

fn table() -> Facts {
    let lines = include_str!("layout.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.rsplitn(3, ' ');
            let mut number = || u32::from_str_radix(words.next().unwrap(), 16).unwrap();
            let (narrow, wide) = (number(), number());
            (words.next().unwrap().trim_end().to_owned(), [wide, narrow])
        })
        .collect()
}

/// The values that a C compiler gives the expressions; `None` if there is no such compiler.
///
/// Nothing is run, so it may compile for another machine: the values are read from the
/// assembler code of a table.
fn compiled<'a>(
    compiler: &str,
    options: &[&str],
    expressions: impl Iterator<Item = &'a String>,
) -> Option<Vec<u32>> {
    let assembler = compile(compiler, options, expressions)?
        .unwrap_or_else(|errors| panic!("{compiler} cannot compile the table:\n{errors}"));
    let words = assembler.lines().filter_map(|line| {
        let word = line.trim().strip_prefix(".long").or_else(|| line.trim().strip_prefix(".word"))?;
        word.trim().parse::<i64>().ok()
    });
    Some(words.map(|word| (word as u32).wrapping_sub(1)).collect())
}

/// What a C compiler makes of a table of these expressions, or says of it; `None` if there is no
/// such compiler.
fn compile<'a>(
    compiler: &str,
    options: &[&str],
    expressions: impl Iterator<Item = &'a String>,
) -> Option<Result<String, String>> {
    let headers = ["videodev2", "v4l2-subdev", "media", "dma-buf", "dma-heap", "udmabuf"];
    let mut source = String::from("#include <stddef.h>\n");
    headers.iter().for_each(|header| source.push_str(&format!("#include <linux/{header}.h>\n")));
    source.push_str("const unsigned int table[] = {\n");
    // A compiler writes zeros in another way.
    expressions.for_each(|expression| source.push_str(&format!("1u + (unsigned int)({expression}),\n")));
    source.push_str("};\n");
    let mut command = Command::new(compiler);
    command.args(options).args(["-x", "c", "-S", "-o", "-", "-"]);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.ok()?;
    let written = child.stdin.take().unwrap().write_all(source.as_bytes());
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(NO_SUCH_PROGRAM) {
        return None;
    }
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if !output.status.success() {
        return Some(Err(text(output.stderr)));
    }
    written.unwrap();
    Some(Ok(text(output.stdout)))
}

/// What only the headers of Linux 6.10 or later know.
fn is_of_routes(expression: &str) -> bool {
    expression.contains("v4l2_subdev_rout") || expression.contains("_ROUT")
}

/// How an emulated program learns that there is no such program to start.
const NO_SUCH_PROGRAM: i32 = 127;

/// Named by its machine, since `cc` is the host's where tests run in an emulator.
const WIDE_COMPILER: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-linux-gnu-gcc" } else { "x86_64-linux-gnu-gcc" };
const NARROW_COMPILER: &str = "arm-linux-gnueabihf-gcc";
const NARROW_OPTIONS: [&str; 2] = ["-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"];

#[test]
fn our_definitions_agree_with_the_table() {
    let table = table();
    let ours = ours();
    let wide = size_of::<usize>() == 8;
    for (expression, values) in &ours {
        let entry = table.get(expression).unwrap_or_else(|| panic!("the table lacks {expression}"));
        assert_eq!(values[1], entry[1], "{expression} on 32-bit machines");
        assert!(!wide || values[0] == entry[0], "{expression}: {} here, {} in C", values[0], entry[0]);
    }
    assert_eq!(table.len(), ours.len(), "the table has lines that nothing is compared with");
}

#[test]
fn the_table_agrees_with_the_headers() {
    if std::env::var_os("PINHOLE_WRITE_LAYOUT").is_some() {
        return write_table();
    }
    let table = table();
    if !compare(&table, 0, WIDE_COMPILER, &["-m64"]) {
        assert!(compare(&table, 0, "cc", &["-m64"]), "there is no C compiler");
    }
    if !compare(&table, 1, NARROW_COMPILER, &NARROW_OPTIONS) {
        println!("not compared with 32-bit headers: there is no {NARROW_COMPILER}");
    }
}

/// Compares a column with what a compiler says; answers whether there is one.
fn compare(table: &Facts, column: usize, compiler: &str, options: &[&str]) -> bool {
    let options = if cfg!(target_arch = "x86_64") || column == 1 { options } else { &[] };
    let of_routes = table.keys().filter(|expression| is_of_routes(expression));
    let Some(routes) = compile(compiler, options, of_routes) else { return false };
    let mut table = table.clone();
    if routes.is_err() {
        println!("routes are not compared by {compiler}: its headers are older than Linux 6.10");
        table.retain(|expression, _| !is_of_routes(expression));
    }
    let values = compiled(compiler, options, table.keys()).expect("it was there just now");
    assert_eq!(values.len(), table.len(), "{compiler} writes its tables in another way");
    for ((expression, pair), value) in table.iter().zip(values) {
        assert_eq!(pair[column], value, "{expression} by {compiler}");
    }
    true
}

fn write_table() {
    let ours = ours();
    let wide = compiled("cc", &[], ours.keys()).expect("a C compiler");
    let narrow = compiled(NARROW_COMPILER, &NARROW_OPTIONS, ours.keys()).expect(NARROW_COMPILER);
    let mut text = String::from("# In hexadecimal, on 64-bit and 32-bit machines; see layout.rs.\n");
    for ((expression, wide), narrow) in ours.keys().zip(wide).zip(narrow) {
        text.push_str(&format!("{expression} {wide:x} {narrow:x}\n"));
    }
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/uapi/layout.txt"), text).unwrap();
}

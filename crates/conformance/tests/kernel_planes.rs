//! Frames whose planes have memory of their own show what frames in one stretch of memory show.
//!
//! Needs vivid, whose second device has such formats; where it is missing the test says so and
//! ends, and `PINHOLE_DRIVERS` demands it (see [`pinhole_conformance::kernel::Found::demand`]).

use pinhole::files::Picture;
use pinhole::format::PixelFormat;
use pinhole::{FrameMemory, Role};
use pinhole_conformance::bench::{Bench, requests, streams};
use pinhole_conformance::kernel::find;
use pinhole_conformance::rig::Setup;
use std::collections::BTreeSet;
use std::os::fd::AsFd;

/// What a frame shows in the lower half of each of its planes, where nothing moves; nothing if the
/// camera has no such format.
fn lower_half(bench: &Bench, format: PixelFormat) -> Option<Vec<Vec<u8>>> {
    let mut camera = bench.camera();
    let mut wanted = bench.propose(&camera, &[Role::Video]);
    wanted.streams[0].format = format;
    camera.validate(&mut wanted).expect("formats are adjusted");
    let stream = wanted.streams[0].clone();
    if stream.format != format {
        return None;
    }
    camera.configure(&wanted).expect("what was validated can be set");
    let (id, requests) = (streams(&camera)[0], requests(&mut camera, 2));
    let mut run = bench.start(camera);
    run.queue_all(requests);
    let request = run.complete();
    let (memory, info) = (request.buffer(id).expect("it had one").memory(), request.info(id));
    assert!(info.filled && !info.error, "{format}: {info:?}");
    assert_eq!(bench.mapper.times_mapped(memory), 0, "{format}: somebody looked at the pixels");
    assert_apart(memory, format);
    let view = memory.view_from(info.data_offsets).expect("a completed buffer can be looked into");
    let planes: Vec<_> = view.planes().collect();
    let (size, stride, colour) = (stream.size, stream.stride_bytes, stream.colour);
    let picture = Picture::of_memory(format, size, stride, colour, &planes).expect("it is whole");
    let shapes = picture.planes().iter().enumerate();
    let rows =
        |(plane, rows): (usize, u32)| (rows / 2..rows).flat_map(|y| picture.row(plane, y)).copied().collect();
    Some(shapes.map(|(plane, shape)| rows((plane, shape.rows))).collect())
}

/// Each stretch of memory is a dmabuf of its own, and there are as many as the format has.
fn assert_apart(memory: &FrameMemory, format: PixelFormat) {
    let inode = |fd| rustix::fs::fstat(fd).expect("it is open").st_ino;
    let inodes: BTreeSet<_> = memory.planes().iter().map(|plane| inode(plane.as_fd())).collect();
    assert_eq!((memory.planes().len(), inodes.len()), (format.memory_count(), format.memory_count()));
}

/// Catches: planes that change places, a chroma plane read at the luma's stride, room before a plane's
/// data that is taken for pixels.
#[test]
fn planes_of_their_own_show_the_same_picture() {
    let found = find().expect("the system's devices can be listed");
    found.demand();
    let mut compared = 0;
    for rig in found.rigs.iter().filter(|rig| rig.driver_name() == "vivid") {
        let bench = rig.bench(Setup::default()).expect("a camera of its own is all that it takes");
        for format in PixelFormat::all().filter(|format| format.memory_count() > 1) {
            let Some(apart) = lower_half(&bench, format) else { continue };
            let joined = lower_half(&bench, format.joined()).expect("it has both");
            assert!(
                apart == joined,
                "{}: {format} shows something else than {}",
                rig.name(),
                format.joined()
            );
            compared += 1;
        }
    }
    let has_vivid = found.rigs.iter().any(|rig| rig.driver_name() == "vivid");
    assert!(compared >= 5 || !has_vivid, "only {compared} formats were compared");
}

//! Frames go from device to device, and to the application, untouched: seen by the kernel, whose
//! module keeps an account of who maps buffers.

use crate::{cam, camera, ours};
use pinhole::{Frame, Role};
use pinhole_conformance::kernel::pi_module::{self, Account, Passage};
use std::collections::BTreeSet;

/// Frames that are taken.
const FRAMES: usize = 20;

const RECEIVER: &str = "unicam-image";
const ISP_INPUT: &str = "bcm2835-isp0-output0";
const ISP_OUTPUT: &str = "bcm2835-isp0-capture1";
/// All nodes through which pictures go.
const OF_PICTURES: [&str; 4] = [RECEIVER, ISP_INPUT, ISP_OUTPUT, "bcm2835-isp0-capture2"];

/// The inode of a frame's buffer for a stream.
fn inode(frame: &Frame, role: Role) -> u64 {
    let stream = frame.stream(role).expect("it was asked for");
    stream.buffer().memory().identity().inode
}

fn of_pictures() -> impl Iterator<Item = Account> {
    pi_module::accounts().into_iter().filter(|account| OF_PICTURES.contains(&account.node.as_str()))
}

/// How often pictures were mapped, and opened to the CPU.
fn touches() -> [u32; 2] {
    let add = |[maps, accesses]: [u32; 2], account: Account| {
        [maps + account.node_maps + account.export_maps, accesses + account.accesses]
    };
    of_pictures().fold([0; 2], add)
}

fn inodes(node: &str, passage: Passage) -> BTreeSet<u64> {
    let all = pi_module::inodes().into_iter();
    all.filter(|known| known.node == node && known.passage == passage).map(|known| known.inode).collect()
}

/// Catches: a copy, which would have to look into a buffer; buffers that are mapped though nobody
/// reads them; frames in other memory than that which the devices filled.
#[test]
fn frames_that_nobody_reads_are_touched_by_nobody() {
    let Some(embedded) = camera() else { return };
    pi_module::begin_accounts();
    let mut session = ours::session(ours::quick_mode(embedded), None);
    let (mut raw, mut pictures) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..FRAMES {
        let frame = ours::next(&mut session);
        raw.insert(inode(&frame, Role::Raw));
        pictures.insert(inode(&frame, Role::Video));
    }
    print_accounts("Pinhole");
    assert_eq!(touches(), [0, 0], "maps of pictures, and openings to the CPU");
    let received = inodes(RECEIVER, Passage::Exported);
    assert!(raw.is_subset(&received), "RAW frames in {raw:?}, where the receiver has {received:?}");
    let made = inodes(ISP_OUTPUT, Passage::Exported);
    assert!(pictures.is_subset(&made), "pictures in {pictures:?}, where the ISP has {made:?}");
    let read = inodes(ISP_INPUT, Passage::Imported);
    assert!(!read.is_empty() && read.is_subset(&received), "the ISP reads {read:?} of {received:?}");

    // An application that looks maps what it looks at, once.
    let frame = ours::next(&mut session);
    for _ in 0..2 {
        let stream = frame.stream(Role::Raw).expect("it was asked for");
        assert!(!stream.map().expect("it can be looked into").plane(0).is_empty());
    }
    let [maps, accesses] = touches();
    assert_eq!(maps, 1, "maps for an application that reads one frame twice");
    assert!(accesses > 0, "the device was not told that the CPU reads");
}

/// For comparison, printed: what becomes of buffers where libcamera takes the same streams.
#[test]
fn libcamera_is_counted_too() {
    let Some(embedded) = camera() else { return };
    let (size, _) = ours::quick_mode(embedded);
    let raw = format!("role=raw,width={},height={}", size.width, size.height);
    pi_module::begin_accounts();
    let count = format!("--capture={FRAMES}");
    let picture = "role=viewfinder,width=640,height=480,pixelformat=YUV420";
    let capture = cam::capture(&["-s", &raw, "-s", picture, &count]);
    assert_eq!(capture.shots.len(), FRAMES, "{}", capture.words);
    print_accounts("libcamera");
    assert!(!inodes(ISP_INPUT, Passage::Imported).is_empty(), "nothing was counted");
}

fn print_accounts(who: &str) {
    for account in pi_module::accounts() {
        let Account { node, buffers, bytes, node_maps, export_maps, accesses, imports } = account;
        println!(
            "{who}: {node}: {buffers} buffers of {bytes} bytes, mapped {node_maps} times by the node and \
             {export_maps} times as dmabufs, opened to the CPU {accesses} times, {imports} imported"
        );
    }
}

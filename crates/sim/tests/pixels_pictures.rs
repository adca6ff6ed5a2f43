//! The user's own pictures as scenes: shown in turn, and refused with reasons.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinhole_base::ErrorKind;
use pinhole_base::format::{Packing, RawFormat};
use pinhole_base::geometry::Transform;
use pinhole_sim::model::IMX219;
use pinhole_sim::scene::{FrameSettings, Renderer, Scene};

/// A folder that goes away with its name.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the build's folder takes more");
        Self(path)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).expect("the folder takes files");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A picture of 8×6 pixels of one grey.
fn grey(value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 6);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("a sound header");
    writer.write_image_data(&[value; 48]).expect("as many samples as announced");
    writer.finish().expect("memory takes all");
    bytes
}

/// The mean of the middle row of a frame, in codes of 8 bits.
fn brightness(scene: &Scene, seconds: u64) -> f64 {
    let mode = IMX219.modes[3];
    let format = RawFormat::bayer(IMX219.order, 8, Packing::Unpacked);
    let width = mode.size.width as usize;
    let mut frame = vec![0; mode.size.area() as usize];
    let settings = FrameSettings {
        exposure: Duration::from_millis(20),
        analogue_gain: 1.0,
        digital_gain: 1.0,
        transform: Transform::IDENTITY,
        defocus: 0.0,
        sequence: 0,
        time: Duration::from_secs(seconds),
        seed: 0,
    };
    let mut renderer = Renderer::new(&IMX219, &mode, 0, scene);
    renderer.render(&settings, format, width, &mut frame).expect("the shapes fit");
    let row = &frame[frame.len() / 2..][..width];
    row.iter().map(|&sample| f64::from(sample)).sum::<f64>() / width as f64
}

#[test]
fn pictures_of_a_folder_follow_each_other_by_name() {
    let folder = Folder::new("follow");
    folder.put("b.png", &grey(40));
    folder.put("a.PNG", &grey(220));
    folder.put("notes.txt", b"no picture");
    let scene = Scene::pictures(&folder.0).expect("two pictures");
    let (first, second, again) = (brightness(&scene, 0), brightness(&scene, 3), brightness(&scene, 6));
    assert!(first > second + 30.0, "{first} {second}");
    assert!((first - again).abs() < 1.0, "{first} {again}");
}

#[test]
fn one_picture_can_be_named_alone() {
    let folder = Folder::new("alone");
    folder.put("one.png", &grey(128));
    assert!(Scene::pictures(&folder.0.join("one.png")).is_ok());
}

#[test]
fn folders_without_pictures_and_damaged_pictures_say_what_is_wrong() {
    let folder = Folder::new("wrong");
    let refused = || Scene::pictures(&folder.0).expect_err("it can't be shown");
    assert_eq!(refused().kind(), ErrorKind::NotFound);
    folder.put("broken.jpg", b"not a picture at all");
    assert_eq!(refused().kind(), ErrorKind::Malformed);
    assert!(refused().to_string().contains("broken.jpg"), "{}", refused());
    folder.put("broken.jpg", &grey(9)[..40]);
    assert_eq!(refused().kind(), ErrorKind::Malformed);
    let missing = Scene::pictures(&folder.0.join("none")).expect_err("there is none");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

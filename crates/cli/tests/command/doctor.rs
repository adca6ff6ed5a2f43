//! `pinhole doctor`, on copies of systems: what it finds, what it advises, how it ends.

use crate::runner::Folder;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// The files of a system.
struct Machine(Folder);

/// What a doctor said, and its exit code.
struct Run {
    code: i32,
    output: String,
}

impl Machine {
    fn new() -> Self {
        let machine = Self(Folder::new());
        machine.file("proc/sys/kernel/osrelease", "6.6.31\n");
        machine.file("proc/meminfo", "MemTotal: 1000 kB\nCmaTotal: 262144 kB\nCmaFree: 131072 kB\n");
        let options = ["VIDEO_DEV", "MEDIA_CONTROLLER", "VIDEO_V4L2_SUBDEV_API", "DMABUF_HEAPS"];
        let more = ["DMABUF_HEAPS_CMA", "UDMABUF", "USB_VIDEO_CLASS"];
        let config: String = options.iter().chain(&more).map(|name| format!("CONFIG_{name}=m\n")).collect();
        machine.file("boot/config-6.6.31", &config);
        machine.file("dev/dma_heap/linux,cma", "");
        machine
    }

    fn path(&self) -> PathBuf {
        self.0.path("")
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn video(&self, number: u32, name: &str, driver: &str) {
        let directory = format!("sys/class/video4linux/video{number}");
        self.file(&format!("{directory}/dev"), &format!("81:{number}\n"));
        self.file(&format!("{directory}/uevent"), &format!("DEVNAME=video{number}\n"));
        self.file(&format!("{directory}/name"), &format!("{name}\n"));
        fs::create_dir_all(self.path().join(&directory).join("device")).unwrap();
        symlink(format!("/drivers/{driver}"), self.path().join(&directory).join("device/driver")).unwrap();
        self.file(&format!("dev/video{number}"), "");
    }

    /// As sysfs has it: a link to a folder in that of the device.
    fn media(&self, number: u32, model: &str, driver: &str) {
        let device = format!("sys/devices/platform/{driver}.0");
        let own = format!("{device}/media{number}");
        self.file(&format!("{own}/dev"), &format!("239:{number}\n"));
        self.file(&format!("{own}/uevent"), &format!("DEVNAME=media{number}\n"));
        self.file(&format!("{own}/model"), &format!("{model}\n"));
        symlink(format!("/drivers/{driver}"), self.path().join(&device).join("driver")).unwrap();
        fs::create_dir_all(self.path().join("sys/bus/media/devices")).unwrap();
        let link = format!("sys/bus/media/devices/media{number}");
        symlink(format!("../../../devices/platform/{driver}.0/media{number}"), self.path().join(link))
            .unwrap();
        self.file(&format!("dev/media{number}"), "");
    }

    fn pi(&self, config: &str) {
        self.file("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0");
        self.file("boot/firmware/config.txt", config);
    }

    fn doctor(&self, more: &[&str]) -> Run {
        let root = self.path();
        let ended = self.0.run(&[&["doctor", "--root", root.to_str().unwrap()], more].concat());
        let output = String::from_utf8(ended.stdout).expect("an answer is text");
        Run { code: ended.code.unwrap_or(-1), output }
    }
}

#[test]
fn a_healthy_pi_gets_a_clean_bill() {
    let machine = Machine::new();
    machine.video(0, "unicam-image", "unicam");
    machine.media(1, "bcm2835-isp", "bcm2835-isp");
    machine.video(13, "bcm2835-isp-output0", "bcm2835-isp");
    machine.pi("# cameras\ncamera_auto_detect=1  # finds them\n");
    let run = machine.doctor(&[]);
    assert_eq!(run.code, 0, "{}", run.output);
    assert!(!run.output.contains("the CPU"), "{}", run.output);
    for part in
        ["unicam-image", "256 MiB", "128 MiB free", "linux,cma", "camera_auto_detect", "nothing stands"]
    {
        assert!(run.output.contains(part), "{part}: {}", run.output);
    }
}

#[test]
fn a_media_device_is_told_with_the_nodes_of_its_driver() {
    let machine = Machine::new();
    machine.media(0, "unicam", "unicam");
    machine.video(0, "unicam-image", "unicam");
    let run = machine.doctor(&[]);
    let line = run.output.lines().find(|line| line.contains("devices")).unwrap_or("");
    assert!(line.contains("unicam: unicam, unicam-image") && line.contains("/media0"), "{}", run.output);
}

/// Catches: pictures that the CPU makes, slowly, while an ISP stands by, and nobody knows why.
#[test]
fn an_isp_that_cannot_be_seen_is_told_and_why() {
    let machine = Machine::new();
    machine.video(0, "unicam-image", "unicam");
    machine.video(13, "bcm2835-isp-output0", "bcm2835-isp");
    let run = machine.doctor(&[]);
    assert!(run.output.contains("the CPU does its work"), "{}", run.output);
    assert!(run.output.contains("CONFIG_MEDIA_CONTROLLER"), "{}", run.output);
    machine.media(1, "bcm2835-isp", "bcm2835-isp");
    fs::remove_file(machine.path().join("dev/media1")).unwrap();
    let run = machine.doctor(&[]);
    assert!(run.output.contains("media1, which is not there"), "{}", run.output);
    assert!(run.output.contains("container"), "{}", run.output);
}

#[test]
fn without_a_camera_it_says_so_and_fails() {
    let run = Machine::new().doctor(&[]);
    assert_eq!(run.code, 1);
    assert!(run.output.contains("no camera") && run.output.contains("one problem"), "{}", run.output);
}

#[test]
fn an_isp_without_a_sensor_sends_one_to_the_cable() {
    let machine = Machine::new();
    machine.video(13, "bcm2835-isp-output0", "bcm2835-isp");
    machine.pi("dtparam=audio=on\n");
    let run = machine.doctor(&[]);
    assert_eq!(run.code, 1);
    assert!(
        run.output.contains("ribbon cable") && run.output.contains("announces no sensor"),
        "{}",
        run.output
    );
}

#[test]
fn the_old_firmware_camera_is_named() {
    let machine = Machine::new();
    machine.video(0, "unicam-image", "unicam");
    machine.pi("start_x=1\ndtoverlay=imx477,media-controller=0\n");
    let run = machine.doctor(&[]);
    assert!(run.code == 1 && run.output.contains("start_x=1"), "{}", run.output);
    assert!(run.output.contains("dtoverlay=imx477"), "{}", run.output);
}

#[test]
fn a_kernel_without_media_controller_is_a_problem_and_without_udmabuf_a_note() {
    let machine = Machine::new();
    machine.video(0, "Webcam", "uvcvideo");
    machine.file(
        "boot/config-6.6.31",
        "CONFIG_VIDEO_DEV=y\nCONFIG_VIDEO_V4L2_SUBDEV_API=y\n# CONFIG_UDMABUF is not set\n",
    );
    let run = machine.doctor(&[]);
    let line = |part: &str| run.output.lines().find(|line| line.contains(part)).unwrap_or("").to_owned();
    assert!(line("CONFIG_MEDIA_CONTROLLER").starts_with("PROBLEM"), "{}", run.output);
    assert!(line("CONFIG_UDMABUF").starts_with("note"), "{}", run.output);
}

#[test]
fn whoever_uses_a_camera_is_named() {
    let machine = Machine::new();
    machine.video(0, "Webcam", "uvcvideo");
    machine.file("proc/77/comm", "cheese\n");
    fs::create_dir_all(machine.path().join("proc/77/fd")).unwrap();
    symlink(machine.path().join("dev/video0"), machine.path().join("proc/77/fd/9")).unwrap();
    let run = machine.doctor(&[]);
    assert_eq!(run.code, 0, "in use is no fault: {}", run.output);
    assert!(run.output.contains("cheese (process 77) has"), "{}", run.output);
}

/// Catches: "nobody uses it" about a camera of which only root can tell.
#[test]
fn that_others_programs_cannot_be_seen_is_told() {
    let machine = Machine::new();
    machine.video(0, "Webcam", "uvcvideo");
    let hidden = "those of others you may not see";
    assert!(!machine.doctor(&[]).output.contains(hidden));
    machine.file("proc/77/comm", "cheese\n");
    let run = machine.doctor(&[]);
    assert!(run.code == 0 && run.output.contains(hidden), "{}", run.output);
}

#[test]
fn a_pi_without_a_heap_of_contiguous_memory_is_told() {
    let machine = Machine::new();
    machine.video(0, "unicam-image", "unicam");
    machine.pi("camera_auto_detect=1\n");
    fs::rename(machine.path().join("dev/dma_heap/linux,cma"), machine.path().join("dev/dma_heap/system"))
        .unwrap();
    let run = machine.doctor(&[]);
    let line = run.output.lines().find(|line| line.contains("heaps")).unwrap_or("");
    assert!(line.starts_with("note") && line.contains("lens shading"), "{}", run.output);
}

#[test]
fn the_json_says_the_same() {
    let machine = Machine::new();
    machine.video(0, "Webcam", "uvcvideo");
    let run = machine.doctor(&["--json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.output).expect("it is JSON");
    assert_eq!(answer["problems"], 0);
    let about: Vec<_> = answer["findings"].as_array().unwrap().iter().map(|f| f["about"].as_str()).collect();
    assert!(about.contains(&Some("devices")) && about.contains(&Some("kernel")), "{about:?}");
}

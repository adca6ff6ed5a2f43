//! What the simulated sensor sends, measured: colours, noise, black, flips, time.

use std::sync::LazyLock;
use std::time::Duration;

use pinhole_base::ErrorKind;
use pinhole_base::colour::ColourSpace;
use pinhole_base::colour::difference::{lab, linear};
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Transform};
use pinhole_imaging::packing::unpack_row;
use pinhole_imaging::{Isp, IspConfiguration, OutputFormat};
use pinhole_sim::model::{IMX219, IMX477, SensorMode, SensorModel};
use pinhole_sim::scene::{CHART, FrameSettings, Light, LightSchedule, Renderer, Scene, chart_patch_area};

static DESK: LazyLock<Scene> = LazyLock::new(Scene::desk);

const DARK: Light = Light { lux: 0.0, kelvin: 5000.0 };

fn settings(exposure_s: f64) -> FrameSettings {
    FrameSettings {
        exposure: Duration::from_secs_f64(exposure_s),
        analogue_gain: 1.0,
        digital_gain: 1.0,
        transform: Transform::IDENTITY,
        defocus: 0.0,
        sequence: 7,
        time: Duration::ZERO,
        seed: 3,
    }
}

/// A white surface comes to 80 % of the range.
fn exposed_for(model: &SensorModel, light: Light) -> FrameSettings {
    settings(model.ideal_exposure_lux_s(0.8) / light.lux)
}

struct Frame {
    format: RawFormat,
    stride_bytes: usize,
    bytes: Vec<u8>,
    mode: SensorMode,
}

fn take(model: &'static SensorModel, mode: usize, scene: &Scene, settings: &FrameSettings) -> Frame {
    take_mounted(0, model, mode, scene, settings)
}

fn take_mounted(
    rotation_degrees: u32,
    model: &'static SensorModel,
    mode: usize,
    scene: &Scene,
    settings: &FrameSettings,
) -> Frame {
    let mode = model.modes[mode];
    let order = settings.transform.apply_to(model.order);
    let format = RawFormat::bayer(order, mode.bits[0], Packing::Csi2);
    let stride_bytes = format.row_bytes(mode.size.width) as usize + 16;
    let mut bytes = vec![0xee; stride_bytes * mode.size.height as usize];
    let mut renderer = Renderer::new(model, &mode, rotation_degrees, scene);
    renderer.render(settings, format, stride_bytes, &mut bytes).expect("the shapes fit");
    Frame { format, stride_bytes, bytes, mode }
}

impl Frame {
    fn rows(&self) -> Vec<Vec<u16>> {
        let row = |bytes: &[u8]| {
            let mut samples = vec![0; self.mode.size.width as usize];
            unpack_row(self.format, bytes, &mut samples);
            samples
        };
        self.bytes.chunks_exact(self.stride_bytes).map(row).collect()
    }

    /// Developed with the model's ideal parameters for that light.
    fn developed(&self, model: &SensorModel, kelvin: f64) -> Vec<u8> {
        let size = self.mode.size.cast();
        let output = OutputFormat {
            format: PixelFormat::Rgb24,
            size,
            stride_bytes: size.width * 3,
            colour_space: ColourSpace::SRGB,
        };
        let mut isp = Isp::new(&IspConfiguration {
            input: self.format,
            size: self.mode.size,
            stride_bytes: self.stride_bytes as u32,
            crop: Rect::from_size(self.mode.size),
            outputs: [Some(output), None],
        })
        .expect("the shapes fit");
        let mut rgb = vec![0; (output.stride_bytes * size.height) as usize];
        let parameters = model.ideal_parameters(&self.mode, kelvin);
        isp.process(&self.bytes, &parameters, &mut [Some(&mut rgb), None], None).expect("it fits");
        rgb
    }
}

fn mean_and_variance(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance)
}

/// Linear mean of a patch of the chart in a developed frame.
fn patch_mean(rgb: &[u8], mode: &SensorMode, model: &SensorModel, index: usize) -> [f64; 3] {
    let area = chart_patch_area(index, model).mapped(mode.crop, Rect::from_size(mode.size));
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for y in area.y..area.bottom() as i32 {
        for x in area.x..area.right() as i32 {
            let start = (y as usize * mode.size.width as usize + x as usize) * 3;
            for (sum, &value) in sum.iter_mut().zip(&rgb[start..start + 3]) {
                *sum += linear(f64::from(value) / 255.0);
            }
            count += 1.0;
        }
    }
    sum.map(|sum| sum / count)
}

#[test]
fn the_chart_has_its_published_colours_under_warm_and_cool_light() {
    for (model, mode) in [(&IMX219, 2), (&IMX477, 1)] {
        for kelvin in [2850.0, 4200.0, 6500.0] {
            let light = Light { lux: 500.0, kelvin };
            let scene = DESK.clone().with_light(LightSchedule::Constant(light));
            let frame = take(model, mode, &scene, &exposed_for(model, light));
            let rgb = frame.developed(model, kelvin);
            for (index, patch) in CHART.iter().enumerate() {
                let seen = patch_mean(&rgb, &frame.mode, model, index).map(|value| value / 0.8);
                let (seen, meant) = (lab(seen), lab(patch.linear()));
                let error = seen.iter().zip(meant).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                assert!(
                    error < 1.0,
                    "{} at {kelvin} K, {}: {seen:?} not {meant:?}, ΔE {error:.2}",
                    model.name,
                    patch.name
                );
            }
        }
    }
}

#[test]
fn a_dark_frame_is_black_level_and_read_noise() {
    let scene = DESK.clone().with_light(LightSchedule::Constant(DARK));
    for (model, mode, black) in [(&IMX219, 3, 64.0), (&IMX477, 3, 64.0)] {
        let frame = take(model, mode, &scene, &settings(0.01));
        let samples = frame.rows().into_iter().flatten().map(f64::from);
        let (mean, variance) = mean_and_variance(samples);
        assert!((mean - black).abs() < 0.1, "{}: {mean}", model.name);
        assert!((0.05..2.0).contains(&variance), "{}: {variance}", model.name);
    }
}

#[test]
fn noise_grows_with_light_and_gain_as_counting_electrons_makes_it() {
    let model = &IMX219;
    let light = Light { lux: 500.0, kelvin: 5500.0 };
    let scene = DESK.clone().with_light(LightSchedule::Constant(light));
    for gain in [1.0, 4.0] {
        // Two frames that differ in nothing but their noise.
        let take = |seed| {
            let exposed = exposed_for(model, light);
            let exposure = exposed.exposure.div_f64(gain);
            let settings = FrameSettings { exposure, analogue_gain: gain, seed, ..exposed };
            take(model, 2, &scene, &settings)
        };
        let (a, b) = (take(1), take(2));
        let mode = a.mode;
        let area = chart_patch_area(19, model).mapped(mode.crop, Rect::from_size(mode.size));
        let (a, b) = (a.rows(), b.rows());
        let green = |rows: &[Vec<u16>]| {
            let columns = || area.x as usize..area.right() as usize;
            (area.y as usize..area.bottom() as usize)
                .flat_map(|y| columns().filter(move |x| (x + y) % 2 == 1).map(move |x| (x, y)))
                .map(|(x, y)| f64::from(rows[y][x]))
                .collect::<Vec<_>>()
        };
        let (a, b) = (green(&a), green(&b));
        let (mean, _) = mean_and_variance(a.iter().copied());
        let (_, variance) = mean_and_variance(a.iter().zip(&b).map(|(a, b)| a - b));
        let codes_per_electron = 959.0 / 4700.0 * gain;
        // Four pixels are averaged; rounding adds a twelfth.
        let shot = (mean - 64.0) * codes_per_electron / 4.0;
        let read = (2.1 * codes_per_electron).powi(2) / 4.0 + 0.25 + 1.0 / 12.0;
        let expected = shot + read;
        let measured = variance / 2.0;
        assert!((measured / expected - 1.0).abs() < 0.15, "gain {gain}: {measured} not {expected}");
    }
}

#[test]
fn equal_seeds_give_equal_frames_and_others_do_not() {
    let take = |seed| take(&IMX219, 3, &DESK, &FrameSettings { seed, ..settings(0.01) }).bytes;
    assert!(take(5) == take(5));
    assert!(take(5) != take(6));
}

#[test]
fn flips_mirror_the_picture_and_change_the_order() {
    let light = LightSchedule::Constant(Light { lux: 2000.0, kelvin: 5500.0 });
    let scene = DESK.clone().with_light(light);
    let upright = take(&IMX219, 3, &scene, &settings(0.005)).rows();
    for (hflip, vflip, order) in
        [(true, false, BayerOrder::Grbg), (false, true, BayerOrder::Gbrg), (true, true, BayerOrder::Bggr)]
    {
        let transform = Transform { hflip, vflip };
        let frame = take(&IMX219, 3, &scene, &FrameSettings { transform, ..settings(0.005) });
        assert_eq!(frame.format.order, Some(order));
        let flipped = frame.rows();
        let (height, width) = (upright.len(), upright[0].len());
        let mut difference = 0.0;
        for (y, row) in upright.iter().enumerate() {
            for (x, &sample) in row.iter().enumerate() {
                let x = if hflip { width - 1 - x } else { x };
                let y = if vflip { height - 1 - y } else { y };
                difference += (f64::from(sample) - f64::from(flipped[y][x])).abs();
            }
        }
        // Only the noise differs.
        assert!(difference / ((width * height) as f64) < 20.0, "{transform:?}: {difference}");
    }
}

/// Mean brightness of squares of pixels, side by side and row after row.
fn squares(frame: &Frame, side: usize) -> Vec<f64> {
    let rows = frame.rows();
    let (across, down) = (rows[0].len() / side, rows.len() / side);
    let sum = |i: usize, j: usize| -> f64 {
        let row = |row: &Vec<u16>| row[i * side..][..side].iter().map(|&s| f64::from(s)).sum::<f64>();
        rows[j * side..][..side].iter().map(row).sum()
    };
    let mean = |at: usize| sum(at % across, at / across) / (side * side) as f64;
    (0..across * down).map(mean).collect()
}

#[test]
fn a_sensor_mounted_upside_down_shows_the_scene_so_until_it_mirrors_it() {
    let settings = settings(0.01);
    let turned = FrameSettings { transform: Transform::ROTATE_180, ..settings };
    let upright = squares(&take(&IMX219, 3, &DESK, &settings), 32);
    let upside_down = take_mounted(180, &IMX219, 3, &DESK, &settings);
    assert_eq!(upside_down.format.order, Some(BayerOrder::Rggb), "the sensor's mosaic stays");
    let difference = |a: &[f64]| {
        let sum: f64 = std::iter::zip(a, &upright).map(|(a, b)| (a - b).abs()).sum();
        sum / upright.len() as f64
    };
    let mut reversed = squares(&upside_down, 32);
    assert!(difference(&reversed) > 20.0, "upside down it looks different: {}", difference(&reversed));
    reversed.reverse();
    assert!(difference(&reversed) < 3.0, "only noise and the mosaic differ: {}", difference(&reversed));
    let mended = squares(&take_mounted(180, &IMX219, 3, &DESK, &turned), 32);
    assert!(difference(&mended) < 3.0, "mirrored both ways it is upright: {}", difference(&mended));
}

#[test]
fn light_beyond_the_full_well_gives_the_highest_code() {
    let frame = take(&IMX477, 3, &DESK, &settings(100.0));
    let saturated = frame.rows().into_iter().flatten().filter(|&sample| sample == 1023).count();
    assert!(saturated as u64 > frame.mode.size.area() * 9 / 10);
}

#[test]
fn bytes_between_rows_stay_untouched() {
    let frame = take(&IMX219, 3, &DESK, &settings(0.01));
    let row = frame.format.row_bytes(frame.mode.size.width) as usize;
    assert!(
        frame.bytes.chunks_exact(frame.stride_bytes).all(|bytes| bytes[row..].iter().all(|&b| b == 0xee))
    );
}

#[test]
fn time_moves_the_ball_and_the_sequence_the_counter() {
    let take = |millis, sequence| {
        let time = Duration::from_millis(millis);
        take(&IMX219, 2, &DESK, &FrameSettings { time, sequence, ..settings(0.04) })
    };
    let mode = IMX219.modes[2];
    // Noise follows the sequence number, so compare well above it.
    let differs = |a: &Frame, b: &Frame, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        let (a, b) = (a.rows(), b.rows());
        let far = |y: usize| columns.clone().filter(|&x| a[y][x].abs_diff(b[y][x]) > 80).count();
        rows.map(far).sum::<usize>()
    };
    let (left, right) =
        (0..mode.size.width as usize / 2, mode.size.width as usize / 2..mode.size.width as usize);
    let lower = mode.size.height as usize / 2..mode.size.height as usize;
    let upper = 0..mode.size.height as usize / 2;
    let (still, later, next) = (take(0, 1), take(250, 1), take(0, 8));
    assert!(differs(&still, &later, lower.clone(), right.clone()) > 1000, "the ball");
    assert!(differs(&still, &later, upper, left.clone()) > 100, "the second hand");
    assert!(differs(&still, &next, lower.clone(), right) > 100, "the counter");
    assert_eq!(differs(&still, &later, lower, left), 0, "what stands still");
}

#[test]
fn another_order_or_too_small_a_buffer_is_an_error() {
    let mode = IMX219.modes[3];
    let mut renderer = Renderer::new(&IMX219, &mode, 0, &DESK);
    let mut render = |order, stride_bytes: usize, length| {
        let format = RawFormat::bayer(order, 10, Packing::Csi2);
        let result = renderer.render(&settings(0.01), format, stride_bytes, &mut vec![0; length]);
        result.map_err(|error| error.kind())
    };
    assert_eq!(render(BayerOrder::Bggr, 800, 800 * 480), Err(ErrorKind::InvalidArgument));
    assert_eq!(render(BayerOrder::Rggb, 799, 800 * 480), Err(ErrorKind::InvalidArgument));
    assert_eq!(render(BayerOrder::Rggb, 800, 800 * 480 - 1), Err(ErrorKind::InvalidArgument));
    assert_eq!(render(BayerOrder::Rggb, 800, 800 * 480), Ok(()));
}

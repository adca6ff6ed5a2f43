//! Times the whole chain on one thread: `cargo run --release --example throughput`.

use std::time::Instant;

use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_imaging::parameters::{
    ColourMatrix, DefectCorrection, Denoise, GammaCurve, LensShading, Sharpen,
};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat, Statistics};

const WIDTH: u32 = 3280;
const HEIGHT: u32 = 2464;

fn output(format: PixelFormat, width: u32, height: u32) -> OutputFormat {
    let stride_bytes = format.row_bytes(width).expect("not compressed");
    OutputFormat { format, size: Size::new(width, height), stride_bytes, colour_space: ColourSpace::SYCC }
}

fn parameters() -> IspParameters {
    let matrix = Matrix3([[2.0, -0.7, -0.3], [-0.4, 2.1, -0.7], [-0.1, -0.8, 1.9]]);
    IspParameters {
        black_level: [4096; 3],
        red_gain: 1.8,
        blue_gain: 1.5,
        lens_shading: Some(LensShading {
            columns: 53,
            rows: 40,
            cell_pixels: (64.0, 64.0),
            gains: std::array::from_fn(|_| vec![1.25; 53 * 40]),
        }),
        colour_matrix: Some(ColourMatrix { matrix, offsets: [0.0; 3] }),
        gamma: Some(GammaCurve::srgb()),
        ..IspParameters::default()
    }
}

fn main() {
    let input = RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Csi2);
    let stride_bytes = input.row_bytes(WIDTH);
    let raw: Vec<u8> =
        (0..stride_bytes * HEIGHT).map(|i| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
    let corrected = IspParameters {
        defects: DefectCorrection::Normal,
        denoise: Denoise { constant: 0.0, slope: 3.6, strength: 0.5 },
        sharpen: Sharpen { threshold: 1.0, strength: 0.5, limit: 20.0 },
        ..parameters()
    };
    for (name, parameters, full, small, measured) in [
        ("full size", parameters(), true, false, false),
        ("full size, statistics", parameters(), true, false, true),
        ("1080p, statistics", parameters(), false, true, true),
        ("both, statistics, denoise, sharpen", corrected, true, true, true),
        ("statistics alone", parameters(), false, false, true),
    ] {
        let outputs = [
            full.then(|| output(PixelFormat::Yuv420, WIDTH, HEIGHT)),
            small.then(|| output(PixelFormat::Nv12, 1920, 1080)),
        ];
        let size = Size::new(WIDTH, HEIGHT);
        let crop = Rect::from_size(size);
        let configuration = IspConfiguration { input, size, stride_bytes, crop, outputs };
        let mut isp = Isp::new(&configuration).expect("the shapes fit");
        let mut buffers = outputs.map(|output| {
            output.map(|o| vec![0; o.format.planes(o.stride_bytes, o.size.height).bytes() as usize])
        });
        let mut statistics = Statistics::default();
        let rounds = 5;
        let mut best = f64::MAX;
        for _ in 0..rounds {
            let start = Instant::now();
            let mut views = buffers.each_mut().map(|buffer| buffer.as_deref_mut());
            isp.process(&raw, &parameters, &mut views, measured.then_some(&mut statistics)).expect("it fits");
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{name}: {:.1} ms, {:.0} MP/s", best * 1e3, f64::from(WIDTH * HEIGHT) / best / 1e6);
    }
}

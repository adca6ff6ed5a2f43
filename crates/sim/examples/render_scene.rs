//! Renders the built-in scene, or your own pictures, as a sensor sees it, develops the frame
//! with the ideal parameters and writes a PNG:
//!
//! `cargo run --release -p pinhole-sim --example render_scene -- picture.png [imx219|imx477]
//! [mode] [folder or picture]`

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Transform};
use pinhole_imaging::parameters::{Denoise, Sharpen};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};
use pinhole_sim::model::{SensorMode, SensorModel};
use pinhole_sim::scene::{FrameSettings, Light, Renderer, Scene};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |i: usize| arguments.get(i).map(String::as_str);
    let path = argument(0).ok_or("say where to write the picture")?;
    let model = SensorModel::by_name(argument(1).unwrap_or("imx477")).ok_or("there is no such sensor")?;
    let mode =
        model.modes.get(argument(2).unwrap_or("0").parse::<usize>()?).ok_or("there is no such mode")?;
    let scene = argument(3).map_or_else(|| Ok(Scene::desk()), |folder| Scene::pictures(Path::new(folder)))?;
    let rgb = picture(model, mode, &scene)?;
    let file = BufWriter::new(File::create(path)?);
    let mut encoder = png::Encoder::new(file, mode.size.width, mode.size.height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb)?;
    Ok(writer.finish()?)
}

fn picture(model: &'static SensorModel, mode: &SensorMode, scene: &Scene) -> Result<Vec<u8>, Box<dyn Error>> {
    let input = RawFormat::bayer(model.order, mode.bits[0], Packing::Csi2);
    let stride_bytes = input.row_bytes(mode.size.width);
    let mut raw = vec![0; (stride_bytes * mode.size.height) as usize];
    let mut renderer = Renderer::new(model, mode, 0, scene);
    let settings = settings(model);
    for frame in ["first", "next"] {
        let start = Instant::now();
        renderer.render(&settings, input, stride_bytes as usize, &mut raw)?;
        eprintln!("{frame} frame: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    let size = mode.size.cast();
    let format = PixelFormat::Rgb24;
    let colour_space = ColourSpace::SRGB;
    let output = OutputFormat { format, size, stride_bytes: size.width * 3, colour_space };
    let crop = Rect::from_size(mode.size);
    let mut isp = Isp::new(&IspConfiguration {
        input,
        size: mode.size,
        stride_bytes,
        crop,
        outputs: [Some(output), None],
    })?;
    let mut rgb = vec![0; (output.stride_bytes * size.height) as usize];
    isp.process(&raw, &parameters(model, mode), &mut [Some(&mut rgb), None], None)?;
    Ok(rgb)
}

/// An exposure under which a white surface comes to 95 % of the range.
fn settings(model: &SensorModel) -> FrameSettings {
    let seconds = model.ideal_exposure_lux_s(0.95) / Light::DAYLIT_ROOM.lux;
    FrameSettings {
        exposure: Duration::from_secs_f64(seconds),
        analogue_gain: 1.0,
        digital_gain: 1.0,
        transform: Transform::IDENTITY,
        defocus: 0.0,
        sequence: 42,
        time: Duration::from_millis(1400),
        seed: 1,
    }
}

/// Those that undo what the sensor and its lens did, with a little noise taken out and a
/// little sharpness put in.
fn parameters(model: &SensorModel, mode: &SensorMode) -> IspParameters {
    IspParameters {
        denoise: Denoise { constant: 0.0, slope: 2.8, strength: 0.6 },
        sharpen: Sharpen { threshold: 1.0, strength: 0.6, limit: 16.0 },
        ..model.ideal_parameters(mode, Light::DAYLIT_ROOM.kelvin)
    }
}

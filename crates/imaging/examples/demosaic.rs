//! Interpolates a mosaic and nothing else: what `tests/quality.py` looks at.
//!
//! ```sh
//! cargo run --release -p pinhole-imaging --example demosaic -- directional 512 384 < mosaic > picture
//! ```
//!
//! The mosaic has 16 bits a sample, the low byte first, and red at the top left; so has the
//! picture, with red, green and blue in turn.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_imaging::parameters::Demosaic;
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};
use std::io::{Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, width, height] = arguments.as_slice() else {
        return Err("usage: demosaic linear|malvar|directional WIDTH HEIGHT < MOSAIC > PICTURE".into());
    };
    let demosaic = match method.as_str() {
        "linear" => Demosaic::Linear,
        "malvar" => Demosaic::Malvar,
        "directional" => Demosaic::Directional,
        other => return Err(format!("{other} is no way to interpolate").into()),
    };
    let (width, height) = (width.parse()?, height.parse()?);
    let mut mosaic = Vec::new();
    std::io::stdin().read_to_end(&mut mosaic)?;
    let picture = interpolate(demosaic, width, height, &mosaic)?;
    Ok(std::io::stdout().write_all(&picture)?)
}

fn interpolate(demosaic: Demosaic, width: u32, height: u32, mosaic: &[u8]) -> pinhole_base::Result<Vec<u8>> {
    let output = OutputFormat {
        format: PixelFormat::Rgb48,
        size: Size::new(width, height),
        stride_bytes: 6 * width,
        colour_space: ColourSpace::SRGB,
    };
    let configuration = IspConfiguration {
        input: RawFormat { order: Some(BayerOrder::Rggb), bits: 16, packing: Packing::Unpacked },
        size: Size::new(width, height),
        stride_bytes: 2 * width,
        crop: Rect::from_size(Size::new(width, height)),
        outputs: [Some(output), None],
    };
    let mut picture = vec![0; 6 * width as usize * height as usize];
    let parameters = IspParameters { demosaic, ..IspParameters::default() };
    let mut isp = Isp::new(&configuration)?;
    isp.process(mosaic, &parameters, &mut [Some(&mut picture), None], None)?;
    Ok(picture)
}

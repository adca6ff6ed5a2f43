//! What `cargo xtask bench imaging` runs: `bench_imaging NAME|all ROUNDS`, where NAME
//! is that of a chain. Prints seconds of the quickest round, and heap allocations, one name and number a line; `all` also the seconds of
//! each chain with each of the machine's vectors, as `full@AVX2`.

use std::hint::black_box;
use std::num::NonZero;
use std::time::Instant;

use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_imaging::packing::{pack_row, unpack_row};
use pinhole_imaging::parameters::{ColourMatrix, Demosaic, GammaCurve, GreenEqualisation, LensShading};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, Level, OutputFormat, Statistics};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const WIDTH: u32 = 3280;
const HEIGHT: u32 = 2464;
/// Rows of a strip: so few that some are made without the machine doing something else between.
const STRIP: u32 = HEIGHT / 8;
const RAW10: RawFormat = RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Csi2);

fn parameters(demosaic: Demosaic) -> IspParameters {
    let matrix = Matrix3([[2.0, -0.7, -0.3], [-0.4, 2.1, -0.7], [-0.1, -0.8, 1.9]]);
    let gain = |i: usize| {
        let (x, y) = ((i % 53) as f32 / 26.0 - 1.0, (i / 53) as f32 / 19.5 - 1.0);
        1.0 + 0.6 * (x * x + y * y)
    };
    IspParameters {
        black_level: [4096; 3],
        red_gain: 1.8,
        blue_gain: 1.5,
        lens_shading: Some(LensShading {
            columns: 53,
            rows: 40,
            cell_pixels: (64.0, 64.0),
            gains: std::array::from_fn(|_| (0..53 * 40).map(gain).collect()),
        }),
        colour_matrix: Some(ColourMatrix { matrix, offsets: [0.0; 3] }),
        gamma: Some(GammaCurve::srgb()),
        demosaic,
        ..IspParameters::default()
    }
}

/// A smooth scene with noise.
fn scene(height: u32) -> Vec<u8> {
    let stride_bytes = RAW10.row_bytes(WIDTH) as usize;
    let (mut raw, mut row) = (vec![0; stride_bytes * height as usize], vec![0; WIDTH as usize]);
    let mut chance = 1u32;
    for (y, bytes) in raw.chunks_exact_mut(stride_bytes).enumerate() {
        for (x, sample) in row.iter_mut().enumerate() {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let light = 200.0 + 60.0 * (x as f32 * 0.01).sin() + 60.0 * (y as f32 * 0.013).cos();
            *sample = light as u16 + (chance >> 28) as u16;
        }
        pack_row(RAW10, &row, bytes);
    }
    raw
}

/// A picture that is made again and again into the same buffer.
struct Studio {
    isp: Isp,
    raw: Vec<u8>,
    parameters: IspParameters,
    picture: Vec<u8>,
    statistics: Statistics,
}

/// What is measured.
struct Chain {
    name: &'static str,
    demosaic: Demosaic,
    format: PixelFormat,
    threads: usize,
}

const CHAINS: [Chain; 5] = [
    Chain { name: "full", demosaic: Demosaic::Malvar, format: PixelFormat::Nv12, threads: 1 },
    Chain { name: "full_rgb", demosaic: Demosaic::Malvar, format: PixelFormat::Rgb24, threads: 1 },
    Chain { name: "fast", demosaic: Demosaic::Linear, format: PixelFormat::Nv12, threads: 1 },
    Chain { name: "hq", demosaic: Demosaic::Directional, format: PixelFormat::Nv12, threads: 1 },
    Chain { name: "two_threads", demosaic: Demosaic::Malvar, format: PixelFormat::Nv12, threads: 2 },
];

/// What is measured by name alone: the first chain with a stage more.
const STAGES: [Chain; 3] = [
    Chain { name: "greens", ..CHAINS[0] },
    Chain { name: "contrast", ..CHAINS[0] },
    Chain { name: "chroma", ..CHAINS[0] },
];

impl Chain {
    fn parameters(&self) -> IspParameters {
        let mut parameters = parameters(self.demosaic);
        match self.name {
            "greens" => parameters.green_equalisation = Some(GreenEqualisation { offset: 500, slope: 0.02 }),
            "contrast" => parameters.toning.contrast = 1.2,
            "chroma" => parameters.chroma_denoise = 0.5,
            _ => {}
        }
        parameters
    }
}

impl Studio {
    fn new(chain: &Chain, height: u32, level: Level) -> Self {
        let &Chain { format, threads, .. } = chain;
        let size = Size::new(WIDTH, height);
        let stride_bytes = format.row_bytes(WIDTH).expect("not compressed");
        let output =
            OutputFormat { format, size: size.cast(), stride_bytes, colour_space: ColourSpace::SYCC };
        let configuration = IspConfiguration {
            input: RAW10,
            size,
            stride_bytes: RAW10.row_bytes(WIDTH),
            crop: Rect::from_size(size),
            outputs: [Some(output), None],
        };
        let threads = NonZero::new(threads).expect("not 0");
        let mut studio = Self {
            isp: Isp::at_level(&configuration, threads, level).expect("the shapes fit"),
            raw: scene(height),
            parameters: chain.parameters(),
            picture: vec![0; format.planes(stride_bytes, height).bytes() as usize],
            statistics: Statistics::default(),
        };
        studio.process();
        studio
    }

    fn process(&mut self) {
        let outputs = &mut [Some(&mut self.picture[..]), None];
        let statistics = Some(&mut self.statistics);
        self.isp.process(&self.raw, &self.parameters, outputs, statistics).expect("it fits");
    }

    #[inline(never)]
    fn measured_frames(&mut self, rounds: usize) -> f64 {
        quickest(rounds, || self.process())
    }
}

fn quickest(rounds: usize, mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

/// How much quicker two threads make frames than one: the median of pairs of frames, one after the
/// other, since the machine changes its speed.
fn two_threads_over_one(chain: &Chain, rounds: usize) -> f64 {
    let [mut one, mut two] =
        [1, 2].map(|threads| Studio::new(&Chain { threads, ..*chain }, HEIGHT, Level::best()));
    let mut ratios: Vec<f64> =
        (0..rounds.max(1)).map(|_| one.measured_frames(1) / two.measured_frames(1)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// What this thread has had of the processor.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Copies as many bytes as are read and written elsewhere, half of them each.
fn memcpy(rounds: usize, traffic: usize) -> f64 {
    let (from, mut to) = (vec![1u8; traffic / 2], vec![2u8; traffic / 2]);
    quickest(rounds, || black_box(&mut to).copy_from_slice(black_box(&from)))
}

fn unpack10(rounds: usize) {
    let (width, height) = (4056usize, 3040usize);
    let stride_bytes = RAW10.row_bytes(width as u32) as usize;
    let raw: Vec<u8> = (0..stride_bytes * height).map(|i| (i * 31 % 251) as u8).collect();
    let mut samples = vec![0u16; width * height];
    let seconds = quickest(rounds, || {
        for (row, samples) in raw.chunks_exact(stride_bytes).zip(samples.chunks_exact_mut(width)) {
            unpack_row(RAW10, row, samples);
        }
        black_box(&mut samples);
    });
    println!("unpack10 {seconds}");
    println!("unpack10_memcpy {}", memcpy(rounds, raw.len() + 2 * samples.len()));
}

/// Seconds of the processor for a strip with each of the machine's vectors, by turns.
fn compare_levels(chain: &Chain, rounds: usize) {
    let levels = Level::all().filter(|level| !matches!(level, Level::Portable));
    let mut studios: Vec<_> =
        levels.map(|level| (level, Studio::new(chain, STRIP, level), f64::INFINITY)).collect();
    for _ in 0..rounds * (HEIGHT / STRIP) as usize {
        for (_, studio, quickest) in &mut studios {
            let start = processor_seconds();
            studio.process();
            *quickest = quickest.min(processor_seconds() - start);
        }
    }
    for (level, _, quickest) in studios {
        println!("{}@{level} {quickest}", chain.name);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let what = arguments.get(1).map_or("all", String::as_str);
    let rounds = arguments.get(2).and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    eprintln!("vectors: {}", Level::best());
    let stages = STAGES.iter().filter(|chain| what == chain.name);
    for chain in CHAINS.iter().filter(|chain| what == "all" || what == chain.name).chain(stages) {
        let mut studio = Studio::new(chain, HEIGHT, Level::best());
        let region = Region::new(ALLOCATOR);
        println!("{} {}", chain.name, studio.measured_frames(rounds));
        if chain.threads == 2 {
            let change = region.change();
            println!("allocations {}", (change.allocations + change.reallocations) as f64 / rounds as f64);
            println!("two_threads_over_one {}", two_threads_over_one(chain, rounds));
        } else if what == "all" {
            compare_levels(chain, rounds);
        }
        if chain.name == "full" && what == "all" {
            println!("full_memcpy {}", memcpy(rounds, studio.raw.len() + studio.picture.len()));
        }
    }
    if what == "all" {
        unpack10(rounds);
    }
}

//! What `cargo xtask bench imaging` runs for single steps: `bench_steps ROUNDS`. Prints seconds of the
//! quickest round, one name and number a line, and those of a memcpy that reads and writes as many
//! bytes.

use std::hint::black_box;
use std::time::Instant;

use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::Size;
use pinhole_imaging::steps::{demosaic16, halve8, halve16};

const WIDTH: usize = 3280;
const HEIGHT: usize = 2464;
const SIZE: (u32, u32) = (WIDTH as u32, HEIGHT as u32);

/// Seconds of the quickest round, and of that of a memcpy of as many bytes; they take turns.
fn measure(name: &str, rounds: usize, traffic: usize, mut work: impl FnMut()) {
    let (from, mut to) = (vec![1u8; traffic / 2], vec![2u8; traffic / 2]);
    let mut quickest = [f64::INFINITY; 2];
    for _ in 0..rounds {
        let start = Instant::now();
        work();
        quickest[0] = quickest[0].min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        quickest[1] = quickest[1].min(start.elapsed().as_secs_f64());
    }
    println!("{name} {}", quickest[0]);
    println!("{name}_memcpy {}", quickest[1]);
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    let count = WIDTH * HEIGHT;
    let words: Vec<u16> = (0..count).map(|i| (i * 40_503) as u16).collect();
    let bytes: Vec<u8> = words.iter().map(|word| (word >> 8) as u8).collect();
    let (mut rgb, mut halved_words, mut halved) =
        (vec![1; 6 * count], vec![1; count / 4], vec![1; count / 4]);
    measure("demosaic16", rounds, 8 * count, || {
        let size = Size::new(SIZE.0, SIZE.1);
        demosaic16(&words, WIDTH, size, BayerOrder::Rggb, &mut rgb, 6 * WIDTH).expect("it fits");
    });
    measure("halve8", rounds, count + count / 4, || {
        halve8(&bytes, WIDTH, Size::new(SIZE.0, SIZE.1), &mut halved, WIDTH / 2).expect("it fits");
    });
    measure("halve16", rounds, 2 * (count + count / 4), || {
        halve16(&words, WIDTH, Size::new(SIZE.0, SIZE.1), &mut halved_words, WIDTH / 2).expect("it fits");
    });
}

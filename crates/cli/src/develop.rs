//! `pinhole develop`: pictures from raw files, one or whole folders.

use crate::arguments::DevelopArguments;
use crate::console;
use crate::ending::{Ending, Failure};
use crate::interrupt::Interrupt;
use crate::output::Kind;
use crate::progress::Progress;
use crate::raw_file;
use crate::sink::Out;
use pinhole::develop::{self, Adjustments, Pixels};
use pinhole::files::atomic::Durability;
use pinhole::files::{jpeg, png, ppm, tiff};
use pinhole::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Develops all files, one after another; what fails is told, and the rest goes on.
pub(crate) fn run(arguments: &DevelopArguments) -> Result<Ending, Failure> {
    let interrupt = Interrupt::listen()?;
    let adjustments = arguments.adjustments();
    adjustments.check().map_err(Failure::Usage)?;
    let inputs = inputs(&arguments.inputs)?;
    let jobs = plan(&inputs, arguments).map_err(Failure::Usage)?;
    let mut progress = Progress::new("file", jobs.len() as u64);
    let mut failed = 0;
    for (done, job) in jobs.iter().enumerate() {
        if interrupt.is_asked() {
            drop(progress);
            console::say(&format!("interrupted: {done} of {} files are done", jobs.len()));
            return Ok(Ending::Interrupted);
        }
        progress.show(done as u64);
        if let Err(error) = job.run(&adjustments, arguments) {
            if jobs.len() == 1 {
                return Err(error.into());
            }
            console::say(&format!("error: {error}"));
            failed += 1;
        }
    }
    drop(progress);
    console::say(&format!("{} of {} files developed", jobs.len() - failed, jobs.len()));
    Ok(if failed == 0 { Ending::Done } else { Ending::Unwell })
}

/// The files that were named, and those in folders that were named, in order.
fn inputs(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut inputs = Vec::new();
    for path in named {
        if !path.is_dir() {
            inputs.push(path.clone());
            continue;
        }
        let failed = |error| Error::from_io(&error, "reading the folder").at(path.display().to_string());
        let mut found = Vec::new();
        for entry in path.read_dir().map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if Kind::of_path(&path) == Some(Kind::Dng) {
                found.push(path);
            }
        }
        if found.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "reading the folder")
                .because("no file in it ends in .dng")
                .at(path.display().to_string()));
        }
        found.sort();
        inputs.append(&mut found);
    }
    Ok(inputs)
}

/// A file to develop, and where to.
struct Job {
    input: PathBuf,
    output: PathBuf,
    kind: Kind,
    pixels: Pixels,
}

fn refused(place: &Path, reason: &str, hint: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "developing")
        .at(place.display().to_string())
        .because(reason)
        .hint(hint)
}

/// What a kind of file holds.
fn pixels(kind: Kind, is_deep: bool) -> Result<Pixels> {
    match (kind, is_deep) {
        (Kind::Jpeg, false) => Ok(Pixels::Yuv420),
        (_, false) => Ok(Pixels::Rgb),
        (Kind::Png | Kind::Tiff, true) => Ok(Pixels::Rgb48),
        _ => Err(Error::new(ErrorKind::InvalidArgument, "developing")
            .because("such files have 8 bits a colour")
            .hint("write 16 bits into .png or .tif")),
    }
}

/// Where each file goes: to the output itself, or into the folder that it names.
fn plan(inputs: &[PathBuf], arguments: &DevelopArguments) -> Result<Vec<Job>> {
    let output = &arguments.output;
    if !output.is_dir() {
        let [input] = inputs else {
            return Err(refused(output, "several files need a folder to go to", "make it first"));
        };
        let kind = match Kind::of_path(output) {
            Some(kind @ (Kind::Jpeg | Kind::Png | Kind::Tiff | Kind::Ppm)) => kind,
            _ => {
                return Err(refused(
                    output,
                    "its suffix is not that of a picture",
                    "end it in .jpg, .png, .tif or .ppm",
                ));
            }
        };
        let pixels =
            pixels(kind, arguments.is_deep()).map_err(|error| error.at(output.display().to_string()))?;
        return Ok(vec![Job { input: input.clone(), output: output.clone(), kind, pixels }]);
    }
    let (kind, suffix) = arguments.format.kind();
    let pixels = pixels(kind, arguments.is_deep()).map_err(|error| error.at(output.display().to_string()))?;
    let mut taken = BTreeSet::new();
    let mut jobs = Vec::new();
    for input in inputs {
        let name = input.file_stem().ok_or_else(|| refused(input, "it has no file name", "name a file"))?;
        let output = output.join(name).with_extension(suffix);
        if !taken.insert(output.clone()) {
            return Err(refused(&output, "two of the files would become it", "develop them one by one"));
        }
        jobs.push(Job { input: input.clone(), output, kind, pixels });
    }
    Ok(jobs)
}

impl Job {
    fn run(&self, adjustments: &Adjustments, arguments: &DevelopArguments) -> Result<()> {
        let image = raw_file::read(&self.input)?;
        let place = |error: Error| error.at(self.input.display().to_string());
        let developed = develop::develop(&image, adjustments, self.pixels).map_err(place)?;
        let (picture, metadata) = (developed.picture(), develop::metadata(&image));
        let mut out = Out::open(&self.output)?;
        let written = match self.kind {
            Kind::Jpeg => {
                let (quality, thumbnail) = (arguments.quality, arguments.thumbnail.0);
                jpeg::write_with_thumbnail(&mut out, &picture, quality, &metadata, thumbnail)
            }
            Kind::Png => png::write(&mut out, &picture, &metadata),
            Kind::Tiff => tiff::write(&mut out, &picture, &metadata),
            _ => ppm::write(&mut out, &picture),
        };
        written.map_err(|error| out.placed(error))?;
        out.finish(Durability::OnDisk)
    }
}

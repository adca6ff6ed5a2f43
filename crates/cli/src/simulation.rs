//! Simulated cameras, as the command line describes them, and finding the camera to use.

mod faults;

use crate::arguments::{CameraOptions, Pace};
use crate::console;
use crate::ending::Failure;
use crate::parsing;
use faults::FaultRequest;
use pinhole::sim::model::{LensModel, SensorModel};
use pinhole::sim::scene::{Light, LightSchedule, Scene};
use pinhole::sim::{CameraConfig, Clock, FaultPlan, SimulatorConfig};
use pinhole::{Camera, Cameras, Driver, Result};
use std::path::PathBuf;

/// What one `--simulate` asks for. Light, scene and seed are the world's: the last one counts.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedCamera {
    camera: CameraConfig,
    lux: Option<f64>,
    kelvin: Option<f64>,
    scene: Option<PathBuf>,
    seed: Option<u64>,
    faults: Vec<FaultRequest>,
}

impl SimulatedCamera {
    /// Reads `sensor=imx219,lux=100,…`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let camera = CameraConfig::imx219();
        let mut wanted =
            Self { camera, lux: None, kelvin: None, scene: None, seed: None, faults: Vec::new() };
        for (key, value) in parsing::parts(text) {
            wanted.set(key, value)?;
        }
        Ok(wanted)
    }

    fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), String> {
        match key {
            "sensor" => self.set_sensor(value),
            "lens" => self.set_lens(value),
            "embedded" => switch(key, value).map(|embedded| self.camera.embedded = embedded),
            "rotation" => rotation(value).map(|degrees| self.camera.rotation_degrees = degrees),
            "lux" => within(key, value, 0.001, 200_000.0).map(|lux| self.lux = Some(lux)),
            "kelvin" => within(key, value, 1000.0, 25_000.0).map(|kelvin| self.kelvin = Some(kelvin)),
            "scene" => parsing::value(key, value, "a folder of pictures, or one picture")
                .map(|scene| self.scene = Some(scene)),
            "seed" => parsing::value(key, value, "a whole number").map(|seed| self.seed = Some(seed)),
            "fault" => FaultRequest::parse(value.unwrap_or("")).map(|fault| self.faults.push(fault)),
            _ => Err(format!(
                "`{key}` is unknown; there are sensor, lens, embedded, rotation, lux, kelvin, scene, seed, fault"
            )),
        }
    }

    fn set_sensor(&mut self, name: Option<&str>) -> Result<(), String> {
        let found = name.and_then(SensorModel::by_name);
        let known = || SensorModel::ALL.iter().map(|model| model.name).collect::<Vec<_>>().join(" and ");
        self.camera.sensor = found.ok_or_else(|| format!("sensor: {} can be simulated", known()))?;
        Ok(())
    }

    fn set_lens(&mut self, name: Option<&str>) -> Result<(), String> {
        let found = name.and_then(LensModel::by_name);
        let known = || LensModel::ALL.iter().map(|model| model.name).collect::<Vec<_>>().join(" and ");
        self.camera.lens = Some(found.ok_or_else(|| format!("lens: {} can be simulated", known()))?);
        Ok(())
    }
}

fn switch(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(format!("`{key}` is on or off")),
    }
}

fn rotation(value: Option<&str>) -> Result<u32, String> {
    match value {
        Some("0") => Ok(0),
        Some("180") => Ok(180),
        _ => Err("`rotation` is 0 or 180: how the sensor is mounted".to_owned()),
    }
}

fn within(key: &str, value: Option<&str>, low: f64, high: f64) -> Result<f64, String> {
    let wanted = format!("a number from {low} to {high}");
    let number: f64 = parsing::value(key, value, &wanted)?;
    let fits = (low..=high).contains(&number);
    fits.then_some(number).ok_or_else(|| format!("`{key}={number}`: {wanted} is needed"))
}

/// The cameras that the options name; simulated ones with time that passes so.
///
/// # Errors
/// The scene cannot be read, or the world makes no sense.
pub(crate) fn cameras(options: &CameraOptions, pace: Pace) -> Result<Cameras, Failure> {
    if options.simulate.is_empty() {
        let found = Cameras::open()?;
        found.failures().iter().for_each(|error| console::say(&format!("left out: {error}")));
        if pace == Pace::Real || !found.iter().all(|entry| entry.info().simulated) {
            return Ok(found);
        }
    }
    let config = world(&options.simulate, pace)?;
    Cameras::simulated(config).map_err(Failure::of_planning)
}

fn world(wanted: &[SimulatedCamera], pace: Pace) -> Result<SimulatorConfig> {
    let mut config = SimulatorConfig::default();
    if pace == Pace::Fast {
        config.clock = Clock::Virtual;
    }
    if !wanted.is_empty() {
        config.cameras = wanted.iter().map(|wanted| wanted.camera).collect();
    }
    let last = |of: fn(&SimulatedCamera) -> Option<f64>| wanted.iter().filter_map(of).next_back();
    let light = Light {
        lux: last(|wanted| wanted.lux).unwrap_or(Light::DAYLIT_ROOM.lux),
        kelvin: last(|wanted| wanted.kelvin).unwrap_or(Light::DAYLIT_ROOM.kelvin),
    };
    let scene = match wanted.iter().filter_map(|wanted| wanted.scene.as_ref()).next_back() {
        Some(path) => Scene::pictures(path)?,
        None => config.scene,
    };
    config.scene = scene.with_light(LightSchedule::Constant(light));
    config.seed = wanted.iter().filter_map(|wanted| wanted.seed).next_back().unwrap_or(config.seed);
    config.faults = plan(wanted);
    Ok(config)
}

fn plan(wanted: &[SimulatedCamera]) -> FaultPlan {
    let mut plan = FaultPlan::default();
    for (camera, wanted) in wanted.iter().enumerate() {
        for fault in &wanted.faults {
            fault.add_to(&mut plan, camera);
        }
    }
    plan
}

/// Acquires the camera that the options name, and says so if there is no light in it. Simulated
/// time passes so.
///
/// # Errors
/// There is none of that name, or it is in use.
pub(crate) fn acquire(options: &CameraOptions, pace: Pace) -> Result<Camera, Failure> {
    let cameras = cameras(options, pace)?;
    let entry = match &options.camera {
        Some(name) => cameras.get(name),
        None => cameras.first(),
    };
    let entry = entry?;
    if entry.info().simulated && options.simulate.is_empty() {
        say_simulated(&entry.info().model);
    }
    let mut camera = entry.acquire()?;
    if pace == Pace::Fast && camera.info().simulated {
        // The camera's time stands still while the command works, so that no frame is missed.
        camera.set_driver(Driver::Caller);
    }
    Ok(camera)
}

/// Tells that there is no light in these pictures.
pub(crate) fn say_simulated(model: &str) {
    console::say(&format!("no camera hardware found; using a simulated {model}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_what_was_asked_for() {
        let cameras =
            ["sensor=imx477,embedded=off,lens=dw9807,lux=5,seed=7", "sensor=imx219,lux=50,fault=stuck-isp@3"];
        let cameras = cameras.map(|text| SimulatedCamera::parse(text).unwrap());
        let config = world(&cameras, Pace::Fast).unwrap();
        assert_eq!((config.cameras[0].sensor.name, config.cameras[0].embedded), ("imx477", false));
        assert_eq!(
            config.cameras.iter().map(|camera| camera.lens.is_some()).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!((config.cameras[1].sensor.name, config.cameras[1].embedded), ("imx219", true));
        let light = Light { lux: 50.0, ..Light::DAYLIT_ROOM };
        assert_eq!(config.scene.light(), &LightSchedule::Constant(light));
        assert_eq!((config.seed, config.clock), (7, Clock::Virtual));
        assert_eq!(config.faults.scheduled[0].camera, 1);
    }

    #[test]
    fn nonsense_is_refused_with_what_there_is() {
        for (text, word) in [
            ("sensor=imx708", "imx219 and imx477"),
            ("lux=dark", "a number from"),
            ("lux=-1", "a number from"),
            ("kelvin=inf", "a number from"),
            ("lens", "dw9807 can be"),
            ("lens=glass", "dw9807 can be"),
            ("embedded=maybe", "on or off"),
            ("colour=red", "`colour` is unknown"),
            ("seed", "needs a value"),
            ("fault=rain@3", "lost-image"),
        ] {
            let reason = SimulatedCamera::parse(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }
}

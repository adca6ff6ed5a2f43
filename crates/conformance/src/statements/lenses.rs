//! Lenses with a motor: what is written to them, and what frames say of them.

use crate::bench::{Bench, requests};
use crate::rig::{Rig, Setup, Verdict};
use crate::run::Run;
use pinhole::sim::model::DW9807;
use pinhole::sim::{Call, Fault, Happening, Target};
use pinhole::{Camera, DropCause, Request, Role, Timestamp, control};

/// The lens of every camera here; statements are put to simulated ones.
fn bench(rig: &dyn Rig) -> Verdict<Bench> {
    let bench = rig.bench(Setup { lens: true, log: true, ..Setup::default() })?;
    bench.hardware()?;
    Ok(bench)
}

/// When the lens was told where to go, in its driver's steps, as the hardware has it.
fn moves(bench: &Bench) -> Verdict<Vec<(Timestamp, u32)>> {
    let log = bench.hardware()?.log();
    let moves = log.iter().filter_map(|entry| match entry.what {
        Happening::LensMoved(code) => Some((entry.time, code)),
        _ => None,
    });
    Ok(moves.collect())
}

fn start(bench: &Bench, mut camera: Camera) -> Run {
    let requests = requests(&mut camera, 3);
    let run = bench.start(camera);
    run.queue_all(requests);
    run
}

fn position(request: &Request) -> f32 {
    request.metadata().get(control::LENS_POSITION).expect("frames tell of the lens")
}

/// Lets the next request ask for a position.
fn ask(run: &mut Run, dioptres: f32) {
    let mut request = run.complete();
    request.reuse(true);
    request.controls_mut().set(control::LENS_POSITION, dioptres);
    run.queue(request);
}

/// Holds what a frame says against when the lens was told what.
fn check(request: &Request, moves: &[(Timestamp, u32)]) {
    let began =
        Timestamp(request.metadata().get(control::SENSOR_TIMESTAMP).expect("frames are timed") as u64);
    let newest = moves.iter().rposition(|(at, _)| *at <= began).expect("it was told at the start");
    let (at, code) = moves[newest];
    let (told, true_dioptres) = (position(request), DW9807.dioptres(f64::from(code)));
    assert!((f64::from(told) - true_dioptres).abs() < 1e-3, "told {told}, was sent to {true_dioptres}");
    if request.metadata().get(control::LENS_MOVING) == Some(false) {
        let before = newest.checked_sub(1).map_or(0, |before| moves[before].1);
        let travel_ms = f64::from(before.abs_diff(code)) / DW9807.codes_per_ms;
        let since_ms = began.since(at).as_secs_f64() * 1e3;
        assert!(since_ms >= travel_ms, "it was moving: sent {since_ms} ms before for {travel_ms} ms");
    }
}

/// Catches: a position that is reported for the frame of the request that asked for it, which
/// began before; a lens that is said to stand while it moves.
pub fn lens_frames_tell_where_it_was(rig: &dyn Rig) -> Verdict {
    let bench = bench(rig)?;
    let mut run = start(&bench, bench.configured(&[Role::Raw, Role::Video]));
    let mut stood = 0;
    for dioptres in [2.0, 0.0, 7.5, 15.0, 1.0, 2.0] {
        ask(&mut run, dioptres);
        for _ in 0..9 {
            let mut request = run.complete();
            check(&request, &moves(&bench)?);
            stood += u32::from(request.metadata().get(control::LENS_MOVING) == Some(false));
            request.reuse(true);
            run.queue(request);
        }
        let stands = bench.hardware()?.lens_dioptres(0).expect("the camera is known");
        assert_eq!(stands, Some(f64::from(dioptres)), "it did not get there");
    }
    assert!(stood > 6, "it is said to move all the time: it stood in {stood} frames");
    Ok(())
}

/// Catches: a call for every frame, be it to write, to read or to ask; one for every request that
/// asks for what is so already.
pub fn lens_only_changes_are_written(rig: &dyn Rig) -> Verdict {
    let bench = bench(rig)?;
    let mut run = start(&bench, bench.configured(&[Role::Video]));
    let hardware = bench.hardware()?;
    let calls = || hardware.counters().lens_calls;
    let at_start = calls();
    run.rounds(6, |_| {});
    assert_eq!(calls(), at_start, "the lens was called though nobody moves it");
    assert_eq!(moves(&bench)?.len(), 1, "it is told once, at the start");
    for _ in 0..12 {
        ask(&mut run, 3.0);
    }
    run.rounds(6, |_| {});
    assert_eq!(calls(), at_start + 1, "one move is one call");
    assert_eq!(moves(&bench)?.len(), 2, "the same was written again");
    Ok(())
}

/// Catches: limits that are told but not kept, and nonsense that reaches the motor.
pub fn lens_positions_are_held_to_the_limits_told(rig: &dyn Rig) -> Verdict {
    let bench = bench(rig)?;
    let camera = bench.configured(&[Role::Video]);
    let told = camera.info().controls.iter().find(|limits| limits.id == control::LENS_POSITION.id());
    let limits = *told.expect("a lens that moves is among the controls");
    let (least, most) = limits.minimum.zip(limits.maximum).expect("its limits are told");
    let mut run = start(&bench, camera);
    let shown = |run: &mut Run, dioptres: f32| {
        ask(run, dioptres);
        run.rounds(5, |_| {});
        let mut last = 0.0;
        run.rounds(1, |request| last = position(request));
        f64::from(last)
    };
    assert_eq!(limits.default, Some(shown(&mut run, f32::NAN)), "it starts elsewhere, or takes nonsense");
    assert_eq!(shown(&mut run, 32.0), most);
    assert_eq!(shown(&mut run, 0.0), least);
    Ok(())
}

/// Catches: a lens that has to be moved after the start, while pictures are taken.
pub fn lens_starts_where_it_is_told(rig: &dyn Rig) -> Verdict {
    let bench = bench(rig)?;
    let mut camera = bench.configured(&[Role::Video]);
    camera.controls_mut().set(control::LENS_POSITION, 2.0);
    let mut run = start(&bench, camera);
    assert_eq!(position(&run.complete()), 2.0);
    assert_eq!(moves(&bench)?.len(), 1, "it was sent elsewhere first");
    Ok(())
}

/// Catches: a request that is lost with its lens's move; a failure that nobody hears of; a move
/// that is believed, or never tried again.
pub fn lens_a_refused_move_costs_no_request(rig: &dyn Rig) -> Verdict {
    let bench = bench(rig)?;
    let mut run = start(&bench, bench.configured(&[Role::Video]));
    run.rounds(5, |_| {});
    bench.inject(0, Fault::FailCall { call: Call::SetControls, target: Some(Target::Lens), errno: 5 })?;
    ask(&mut run, 4.0);
    for _ in 0..8 {
        let mut request = run.complete();
        check(&request, &moves(&bench)?);
        request.reuse(true);
        run.queue(request);
    }
    assert_eq!(bench.backstage.failed_calls(), 1, "nothing was to be refused");
    assert_eq!(position(&run.complete()), 4.0, "it was not tried again");
    assert_eq!(run.stop().drops.of(DropCause::Refused), 1, "nobody was told");
    Ok(())
}

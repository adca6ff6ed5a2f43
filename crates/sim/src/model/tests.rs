use super::*;
use pinhole_base::colour::Matrix3;
use pinhole_base::colour::light::xyz_of_temperature;
use proptest::prelude::*;

#[test]
fn modes_lie_inside_the_active_area_and_match_their_binning() {
    for model in SensorModel::ALL {
        for mode in model.modes {
            assert!(model.active_area.contains(mode.crop), "{} {mode:?}", model.name);
            assert_eq!(mode.size.width * mode.binning.0, mode.crop.width);
            assert_eq!(mode.size.height * mode.binning.1, mode.crop.height);
            assert!(mode.frame_length.min_lines >= mode.size.height);
            assert!(mode.frame_length.default_lines >= mode.frame_length.min_lines);
        }
    }
}

#[test]
fn the_imx219_runs_its_full_mode_at_fifteen_frames_a_second() {
    let mode = &IMX219.modes[0];
    let frame_ns = IMX219.line_ns(mode.line_length_pixels) * f64::from(mode.frame_length.default_lines);
    assert!((1e9 / frame_ns - 15.0).abs() < 0.01);
}

#[test]
fn gain_codes_give_themselves_back() {
    for model in SensorModel::ALL {
        for code in 0..=model.gain.max_code {
            assert_eq!(model.gain.code(model.gain.factor(code)), code, "{}", model.name);
        }
    }
    assert!((IMX219.gain.factor(232) - 10.666).abs() < 1e-3);
}

#[test]
fn responses_keep_white_white_and_are_never_negative() {
    for model in SensorModel::ALL {
        for matrix in [model.colour.warm, model.colour.cool] {
            for row in matrix.0 {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{} {row:?}", model.name);
                assert!(row.iter().all(|&v| v >= 0.0));
            }
        }
    }
}

#[test]
fn the_colour_matrix_takes_the_light_itself_to_the_white_response() {
    for model in SensorModel::ALL {
        for kelvin in [2850.0, 5000.0, 6500.0] {
            let camera = model.colour_matrix(kelvin).apply(xyz_of_temperature(kelvin));
            for (got, want) in camera.iter().zip(model.colour.white_at(kelvin)) {
                assert!((got - want).abs() < 1e-3, "{} {kelvin} {camera:?}", model.name);
            }
        }
    }
}

#[test]
fn shading_is_one_at_the_centre_and_grows_outwards() {
    let table = IMX219.ideal_lens_shading(&IMX219.modes[0], 17, 13);
    assert!(table[6 * 17 + 8].iter().all(|gain| (gain - 1.0).abs() < 1e-9));
    assert!(table[0].iter().all(|&gain| gain > 1.8));
}

proptest! {
    #[test]
    fn ideal_gains_and_matrix_undo_the_response(kelvin in 2500.0..8500.0f64, rgb in prop::array::uniform3(0.0..1.0f64)) {
        for model in SensorModel::ALL {
            let white = model.colour.white_at(kelvin);
            let raw = Matrix3::diagonal(white).times(&model.colour.matrix(kelvin)).apply(rgb);
            let [red, blue] = model.ideal_gains(kelvin);
            let seen = model.ideal_ccm(kelvin).apply([raw[0] * red, raw[1], raw[2] * blue]);
            for (a, b) in seen.iter().zip(rgb) {
                prop_assert!((a - b).abs() < 1e-9);
            }
        }
    }
}

//! Lights: their colours, temperatures, and how colours are taken from one to another.

use super::Matrix3;

/// Temperature of standard illuminant A: incandescent lamps.
pub const ILLUMINANT_A_K: f64 = 2856.0;
/// Temperature of D65: daylight, and the white of sRGB.
pub const D65_K: f64 = 6504.0;

/// From linear sRGB to CIE XYZ, white D65 at Y = 1 (IEC 61966-2-1).
pub const SRGB_TO_XYZ: Matrix3 = Matrix3([
    [0.412_390_8, 0.357_584_3, 0.180_480_8],
    [0.212_639_0, 0.715_168_7, 0.072_192_3],
    [0.019_330_8, 0.119_194_8, 0.950_532_2],
]);

/// CIE XYZ of D50, the white of ICC's and DNG's connection space (ICC.1:2010, 7.2.16).
pub const D50_XYZ: [f64; 3] = [0.9642, 1.0, 0.8249];

/// CIE XYZ (Y = 1) of a light of that colour temperature, 1,667 to 25,000 K: a glowing body's up to
/// 4,000 K (B. Kim and others, US patent 7,024,034), daylight above (CIE 15).
pub fn xyz_of_temperature(kelvin: f64) -> [f64; 3] {
    let kelvin = kelvin.clamp(1_667.0, 25_000.0);
    let t = 1e3 / kelvin;
    let [x, y] = if kelvin < 4_000.0 { planckian(t) } else { daylight(t) };
    [x / y, 1.0, (1.0 - x - y) / y]
}

fn planckian(t: f64) -> [f64; 2] {
    let x = ((-0.266_123_9 * t - 0.234_358_9) * t + 0.877_695_6) * t + 0.179_910;
    let y = if t > 1e3 / 2_222.0 {
        ((-1.106_381_4 * x - 1.348_110_2) * x + 2.185_558_32) * x - 0.202_196_83
    } else {
        ((-0.954_947_6 * x - 1.374_185_93) * x + 2.091_370_15) * x - 0.167_488_67
    };
    [x, y]
}

fn daylight(t: f64) -> [f64; 2] {
    let x = if t >= 1e3 / 7_000.0 {
        ((-4.607 * t + 2.9678) * t + 0.09911) * t + 0.244_063
    } else {
        ((-2.0064 * t + 1.9018) * t + 0.24748) * t + 0.237_040
    };
    [x, (-3.0 * x + 2.870) * x - 0.275]
}

/// Correlated colour temperature of a light, 1,700 to 25,000 K (C. McCamy, "Correlated color
/// temperature as an explicit function of chromaticity coordinates", 1992). `None` where it has
/// none.
pub fn temperature_of([x, y, z]: [f64; 3]) -> Option<f64> {
    let sum = x + y + z;
    let n = (x / sum - 0.3320) / (0.1858 - y / sum);
    let kelvin = ((449.0 * n + 3525.0) * n + 6823.3) * n + 5520.33;
    kelvin.is_finite().then(|| kelvin.clamp(1_700.0, 25_000.0))
}

/// From XYZ under a light to XYZ under sRGB's white. `None` where the light is none.
pub fn adaptation(light: [f64; 3]) -> Option<Matrix3> {
    adaptation_to(SRGB_TO_XYZ.apply([1.0; 3]), light)
}

/// From XYZ under a light to XYZ under the light `wanted`: Bradford's transform (ICC.1:2010, annex
/// E). `None` where one is no light.
pub fn adaptation_to(wanted: [f64; 3], light: [f64; 3]) -> Option<Matrix3> {
    const BRADFORD: Matrix3 =
        Matrix3([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]);
    let (from, to) = (BRADFORD.apply(light), BRADFORD.apply(wanted));
    let gains = Matrix3::diagonal([to[0] / from[0], to[1] / from[1], to[2] / from[2]]);
    Some(BRADFORD.inverse()?.times(&gains).times(&BRADFORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_lights_have_their_colours() {
        let near = |kelvin: f64, wanted: [f64; 2], tolerance: f64| {
            let [x, y, z] = xyz_of_temperature(kelvin);
            let got = [x / (x + y + z), y / (x + y + z)];
            let good = got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < tolerance);
            assert!(good, "{kelvin} K: {got:?}, not {wanted:?}");
        };
        near(D65_K, [0.3127, 0.3290], 0.0005);
        near(5003.0, [0.3457, 0.3585], 0.0005);
        near(ILLUMINANT_A_K, [0.4476, 0.4074], 0.001);
    }

    #[test]
    fn temperatures_come_back() {
        for kelvin in [2500.0, 3500.0, 4500.0, 6500.0, 9000.0] {
            let got = temperature_of(xyz_of_temperature(kelvin)).unwrap();
            assert!((got / kelvin - 1.0).abs() < 0.02, "{kelvin} K: {got}");
        }
    }

    #[test]
    fn adaptation_makes_the_light_white() {
        let light = xyz_of_temperature(ILLUMINANT_A_K);
        let adapted = adaptation(light).unwrap().apply(light);
        for (got, wanted) in adapted.iter().zip(SRGB_TO_XYZ.apply([1.0; 3])) {
            assert!((got - wanted).abs() < 1e-9, "{adapted:?}");
        }
    }
}

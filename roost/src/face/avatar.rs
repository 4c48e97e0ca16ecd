//! Pictures drawn from a number: the avatar of an account that has not chosen one.

/// Cells across; the right half mirrors the left.
const CELLS: u32 = 5;
const CELL_PIXELS: u32 = 32;
const SIDE: u32 = CELLS * CELL_PIXELS;

/// Draws an account's avatar: a mirrored pattern of 5 x 5 cells on a pale ground, a PNG of 160 x 160 pixels.
pub(super) fn of(account: u64) -> Result<Vec<u8>, png::EncodingError> {
    let seed = mix(account);
    let (ink, ground) = colours(seed);
    let cell_is_set = |x: u32, y: u32| (seed >> (16 + y * 3 + x.min(CELLS - 1 - x))) & 1 == 1;
    let mut pixels = Vec::with_capacity((SIDE * SIDE * 3) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            pixels.extend(if cell_is_set(x / CELL_PIXELS, y / CELL_PIXELS) { ink } else { ground });
        }
    }
    encode(SIDE, SIDE, &pixels)
}

/// Draws the header of an account that has not chosen one: one pixel of grey.
pub(super) fn blank() -> Result<Vec<u8>, png::EncodingError> {
    encode(1, 1, &[0xd8, 0xde, 0xe8])
}

/// Encodes rows of RGB pixels as a PNG.
pub(crate) fn encode(width: u32, height: u32, rgb: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(rgb)?;
    Ok(bytes)
}

/// A strong colour and its pale companion, by the seed's hue.
fn colours(seed: u64) -> ([u8; 3], [u8; 3]) {
    let hue = (seed % 360) as f32;
    (hsl(hue, 0.55, 0.42), hsl(hue, 0.45, 0.90))
}

/// Converts HSL to RGB (CSS Color Module Level 4, section 7.1).
pub(crate) fn hsl(hue: f32, saturation: f32, lightness: f32) -> [u8; 3] {
    let part = |n: f32| {
        let k = (n + hue / 30.0) % 12.0;
        let a = saturation * lightness.min(1.0 - lightness);
        ((lightness - a * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)) * 255.0).round() as u8
    };
    [part(0.0), part(8.0), part(4.0)]
}

fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_stable_and_differ() {
        let one = of(1).expect("drawn");
        assert_eq!(one, of(1).expect("drawn"));
        assert_ne!(one, of(2).expect("drawn"));
        assert!(one.starts_with(b"\x89PNG") && one.len() < 4_000);
    }
}

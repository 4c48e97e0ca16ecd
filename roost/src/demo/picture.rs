//! Avatars of the demo's people: a bird on a coloured ground, drawn here, different for each.

use crate::face::{encode, hsl};

const SIDE: i32 = 200;

/// Draws a bird before a sun: a PNG of 200 x 200 pixels, by hue (degrees) and a seed for its pose.
pub(super) fn draw(hue: u16, seed: u64) -> Result<Vec<u8>, png::EncodingError> {
    let hue = f32::from(hue);
    let [sky, sun, body, wing, beak] =
        [hsl(hue, 0.5, 0.86), hsl(hue + 40.0, 0.7, 0.75), hsl(hue, 0.5, 0.38), hsl(hue, 0.5, 0.28), hsl(hue + 180.0, 0.7, 0.5)];
    let lean = (seed % 17) as f32 - 8.0;
    let sun_at = (50.0 + (seed / 17 % 90) as f32, 55.0 + (seed / 1_530 % 20) as f32);
    let mut pixels = Vec::with_capacity((SIDE * SIDE * 3) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (x, y) = (x as f32, y as f32);
            let inside = |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0;
            let colour = if inside(146.0 + lean, 84.0, 4.0, 4.0) {
                sky
            } else if x > 160.0 + lean && x < 184.0 + lean && (y - 92.0).abs() < (184.0 + lean - x) * 0.4 {
                beak
            } else if inside(88.0, 128.0, 40.0, 22.0) {
                wing
            } else if inside(140.0 + lean, 88.0, 26.0, 25.0) || inside(100.0, 126.0, 58.0, 40.0) {
                body
            } else if inside(sun_at.0, sun_at.1, 34.0, 34.0) {
                sun
            } else {
                sky
            };
            pixels.extend(colour);
        }
    }
    encode(SIDE as u32, SIDE as u32, &pixels)
}

//! The picture by which apps and other sites show this server: birds on a wire before a low sun, in the colours of the pages.

use std::sync::LazyLock;

use super::avatar::encode;

/// The size that previews are shown in.
const WIDTH: u32 = 1_200;
const HEIGHT: u32 = 630;

const SKY_TOP: [f32; 3] = [154.0, 52.0, 18.0];
const SKY_LOW: [f32; 3] = [253.0, 186.0, 116.0];
const SUN: [u8; 3] = [255, 237, 213];
const INK: [u8; 3] = [35, 21, 10];

/// Where birds sit, and which way each looks.
const BIRDS: [(f32, f32); 4] = [(330.0, 1.0), (450.0, 1.0), (700.0, -1.0), (880.0, 1.0)];

/// The picture as a PNG; nothing if it cannot be drawn, which the log says.
pub(super) fn picture() -> Option<&'static [u8]> {
    static DRAWN: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
        let pixels: Vec<u8> = (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| colour(x as f32, y as f32))).collect();
        encode(WIDTH, HEIGHT, &pixels).inspect_err(|error| tracing::error!(%error, "cannot draw the thumbnail")).ok()
    });
    DRAWN.as_deref()
}

fn colour(x: f32, y: f32) -> [u8; 3] {
    // The wire hangs between the edges.
    let wire = |x: f32| 400.0 + 30.0 * (1.0 - ((x - 600.0) / 600.0).powi(2));
    if (y - wire(x)).abs() < 3.0 || BIRDS.iter().any(|(at, looks)| bird((x - at) * looks, y - wire(*at))) {
        return INK;
    }
    if (x - 600.0).hypot(y - 470.0) < 190.0 {
        return SUN;
    }
    let share = y / HEIGHT as f32;
    let mut mixed = [0; 3];
    for ((mixed, top), low) in mixed.iter_mut().zip(SKY_TOP).zip(SKY_LOW) {
        *mixed = (top + (low - top) * share) as u8;
    }
    mixed
}

/// Whether a bird that sits at the origin and looks to the right covers a point.
fn bird(x: f32, y: f32) -> bool {
    let inside = |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0;
    let body = inside(0.0, -30.0, 26.0, 32.0);
    let head = inside(12.0, -66.0, 17.0, 16.0);
    let beak = (27.0..42.0).contains(&x) && (y + 65.0).abs() < (42.0 - x) * 0.35;
    let tail = (-34.0..-8.0).contains(&x) && (y - (-8.0 - x * 0.9) - 4.0).abs() < 8.0;
    body || head || beak || tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_small_png_with_birds_in_it() {
        let png = picture().expect("drawn");
        assert!(png.starts_with(b"\x89PNG") && png.len() < 100_000, "{} bytes", png.len());
        assert_eq!((colour(330.0, 385.0), colour(600.0, 500.0)), (INK, SUN));
    }
}

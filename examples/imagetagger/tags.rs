//! What can be said of an image by looking at its bytes and at its pixels.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use serde::Serialize;

/// Most pixels that are decoded, each up to 8 bytes of memory: few bytes can stand for very many.
const PIXELS_MAX: u64 = 25_000_000;
/// Least share of the pixels that a colour needs to be named.
const SHARE_MIN: f32 = 0.05;

#[derive(Serialize)]
pub(crate) struct Report {
    format: &'static str,
    width: u32,
    height: u32,
    tags: Vec<Tag>,
}

#[derive(Serialize)]
struct Tag {
    label: &'static str,
    /// Part of the picture that it is true of, from 0 to 1.
    share: f32,
}

/// Why there is nothing to say.
#[derive(Debug)]
pub(crate) enum BadImage {
    Format,
    TooLarge,
    Broken,
}

impl std::fmt::Display for BadImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Format => f.write_str("this is no JPEG, PNG or WebP"),
            Self::TooLarge => write!(f, "it has more than {PIXELS_MAX} pixels"),
            Self::Broken => f.write_str("the image is broken"),
        }
    }
}

/// Decodes an image and measures it. What the sender calls it does not count: its bytes do.
pub(crate) fn report(bytes: &[u8]) -> Result<Report, BadImage> {
    let reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| BadImage::Broken)?;
    let format = match reader.format() {
        Some(ImageFormat::Jpeg) => "JPEG",
        Some(ImageFormat::Png) => "PNG",
        Some(ImageFormat::WebP) => "WebP",
        _ => return Err(BadImage::Format),
    };
    let mut decoder = reader.into_decoder().map_err(|_| BadImage::Broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(BadImage::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|_| BadImage::Broken)?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    let mut tags = colours(&image);
    let shape = match width.cmp(&height) {
        _ if width.abs_diff(height) * 20 <= width.max(height) => "square",
        std::cmp::Ordering::Less => "portrait",
        _ => "landscape",
    };
    tags.push(Tag { label: shape, share: 1.0 });
    if orientation != Orientation::NoTransforms {
        tags.push(Tag { label: "was turned", share: 1.0 });
    }
    Ok(Report { format, width, height, tags })
}

/// The colours that cover most, and how light it is on the whole.
fn colours(image: &DynamicImage) -> Vec<Tag> {
    // Few pixels are enough to count by.
    let small = image.thumbnail(96, 96).into_rgba8();
    let all = small.pixels().len().max(1) as f32;
    let mut counts: Vec<(&'static str, u32)> = Vec::new();
    let mut light = 0.0;
    for pixel in small.pixels() {
        let (label, lightness) = name(pixel.0);
        light += lightness;
        match counts.iter_mut().find(|(own, _)| *own == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let share = |count: u32| (count as f32 / all * 1000.0).round() / 1000.0;
    let named = counts.into_iter().map(|(label, count)| Tag { label, share: share(count) });
    let mut tags: Vec<_> = named.filter(|tag| tag.share >= SHARE_MIN).collect();
    match light / all {
        dark if dark < 0.25 => tags.push(Tag { label: "dark", share: 1.0 }),
        bright if bright > 0.75 => tags.push(Tag { label: "bright", share: 1.0 }),
        _ => {}
    }
    tags
}

/// A word for a colour by hue, saturation and lightness, and its lightness from 0 to 1.
fn name([red, green, blue, alpha]: [u8; 4]) -> (&'static str, f32) {
    let part = |byte: u8| f32::from(byte) / 255.0;
    let (red, green, blue) = (part(red), part(green), part(blue));
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let (lightness, range) = ((most + least) / 2.0, most - least);
    let saturation = if range == 0.0 { 0.0 } else { range / (1.0 - (2.0 * lightness - 1.0).abs()) };
    if alpha < 128 {
        return ("transparent", lightness);
    }
    let label = match () {
        () if lightness < 0.12 => "black",
        () if lightness > 0.93 => "white",
        () if saturation < 0.15 => "grey",
        () => {
            let hue = 60.0
                * match most {
                    most if most == red => ((green - blue) / range).rem_euclid(6.0),
                    most if most == green => (blue - red) / range + 2.0,
                    _ => (red - green) / range + 4.0,
                };
            match hue {
                15.0..45.0 if lightness < 0.45 => "brown",
                15.0..45.0 => "orange",
                45.0..70.0 => "yellow",
                70.0..165.0 => "green",
                165.0..200.0 => "cyan",
                200.0..260.0 => "blue",
                260.0..300.0 => "purple",
                300.0..345.0 => "pink",
                _ => "red",
            }
        }
    };
    (label, lightness)
}

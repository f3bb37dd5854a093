//! The tagger: what it says of pictures whose pixels are known.

#[path = "../../../imagetagger/workers.rs"]
mod workers;

use std::io::Cursor;
use std::time::Duration;

use dunlin::client::Client;
use dunlin::client::multipart::{Form, Part};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use tokio::time::timeout;

use self::workers::Workers;
use super::{Started, page};

/// Red above, blue in the lower quarter.
fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let pixel = |_, y| if y < height * 3 / 4 { Rgb([220, 20, 20]) } else { Rgb([20, 40, 220]) };
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(width, height, pixel).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

async fn tags(client: &Client, bytes: Vec<u8>) -> (u16, Value) {
    let form = Form::new().part("file", Part::bytes(bytes).file_name("a.png"));
    let response =
        client.post("/tags").accept("application/json").multipart(form).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn share(told: &Value, label: &str) -> Option<f64> {
    let tags = told["tags"].as_array().unwrap();
    tags.iter().find(|tag| tag["label"] == label)?["share"].as_f64()
}

#[tokio::test]
async fn pictures_are_measured() {
    let tagger = Started::new("imagetagger", &[]);
    let client = tagger.client();
    for (format, name) in
        [(ImageFormat::Png, "PNG"), (ImageFormat::Jpeg, "JPEG"), (ImageFormat::WebP, "WebP")]
    {
        let (status, told) = tags(&client, picture(400, 200, format)).await;
        assert_eq!((status, &told["format"]), (200, &name.into()), "{told}");
        assert_eq!((&told["width"], &told["height"]), (&400.into(), &200.into()));
        let near =
            |label, right: f64| share(&told, label).is_some_and(|is| (is - right).abs() < 0.03);
        assert!(near("red", 0.75) && near("blue", 0.25), "{told}");
        assert_eq!(share(&told, "landscape"), Some(1.0));
    }
    let (_, tall) = tags(&client, picture(20, 90, ImageFormat::Png)).await;
    assert_eq!(share(&tall, "portrait"), Some(1.0));
    assert_eq!(tall["tags"][0]["label"], "red", "what covers most comes first");
    assert!(page(&client, "/").await.1.contains("type=\"file\""));
    // Many at once: each gets its own answer.
    let mut many = tokio::task::JoinSet::new();
    for n in 1..=16 {
        let client = client.clone();
        many.spawn(async move { (n, tags(&client, picture(n * 10, 30, ImageFormat::Png)).await) });
    }
    while let Some(one) = many.join_next().await {
        let (n, (status, told)) = one.unwrap();
        assert_eq!((status, &told["width"]), (200, &Value::from(n * 10)));
    }
    assert!(tagger.program.terminate().success());
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let tagger = Started::new("imagetagger", &[]);
    let client = tagger.client();
    let whole = picture(64, 64, ImageFormat::Png);
    let (status, told) = tags(&client, b"GIF89a, or so it says".to_vec()).await;
    assert_eq!((status, &told["detail"]), (415, &"this is no JPEG, PNG or WebP".into()));
    assert_eq!(tags(&client, whole[..whole.len() / 2].to_vec()).await.0, 415);
    // Its head promises 50,000 by 50,000 pixels.
    let mut bomb = whole;
    bomb[16..20].copy_from_slice(&50_000u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&50_000u32.to_be_bytes());
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(tags(&client, bomb).await.0, 413);
    assert_eq!(tags(&client, vec![0; (5 << 20) + 1]).await.0, 413);
    let empty = client.post("/tags").multipart(Form::new().text("x", "y")).send().await.unwrap();
    assert_eq!(empty.status(), 400);
    assert_eq!(client.post("/tags").body("x").send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn work_past_the_queue_is_refused_and_a_panic_told_to_who_waits_for_it() {
    let workers = Workers::new(1, 1);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let mut first = Box::pin(workers.run(move || held.recv().is_err()));
    let mut second = Box::pin(workers.run(|| 2));
    // Asked once, each has its place.
    assert!(timeout(Duration::ZERO, &mut first).await.is_err());
    assert!(timeout(Duration::ZERO, &mut second).await.is_err());
    assert_eq!(workers.run(|| 3).await, None);
    drop(release);
    assert_eq!(first.await, Some(true));
    assert_eq!(second.await, Some(2));
    let others = workers.clone();
    let panics = tokio::spawn(async move { others.run(|| panic!("on purpose")).await });
    assert!(panics.await.is_err_and(|error| error.is_panic()));
    assert_eq!(workers.run(|| 3).await, Some(3));
}

/// Of PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & !(crc & 1).wrapping_sub(1))
        })
    })
}

//! The pages in a browser: their scripts work, and no console complains.

use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::json;

use super::Started;
use super::common::browser::Browser;

#[tokio::test]
async fn pages_work_in_a_browser() {
    let Some(mut browser) = Browser::start().await else { return };
    let shortify = Started::new("shortify", &[]);
    let page = browser.open(&shortify.url).await;
    browser.wait_for(&page, "document.activeElement.id", json!("url")).await;
    browser.type_text(&page, "https://example.com/long").await;
    browser.press(&page, "Enter", 13, "\r").await;
    let link = "document.querySelector('#answer a')?.textContent.startsWith(location.origin)";
    browser.wait_for(&page, link, json!(true)).await;
    pictures(&mut browser, &page, "shortify").await;

    let polls = Started::new("polls", &[]);
    let page = browser.open(&format!("{}/poll/1", polls.url)).await;
    browser.wait_for(&page, "document.forms.length", json!(1)).await;
    pictures(&mut browser, &page, "poll").await;
    browser.value(&page, "document.querySelector('[value=\"1\"]').click()").await;
    browser.value(&page, "document.forms[0].requestSubmit()").await;
    browser.wait_for(&page, "document.querySelector('meter')?.value", json!(1)).await;
    pictures(&mut browser, &page, "results").await;

    let blog = Started::new("blog", &[]);
    let page = browser.open(&blog.url).await;
    browser.wait_for(&page, "document.activeElement.id", json!("name")).await;
    pictures(&mut browser, &page, "login").await;
    let password = blog.said.iter().find_map(|line| line.rsplit_once("password ")).unwrap().1;
    browser.type_text(&page, "ada").await;
    browser.press(&page, "Tab", 9, "").await;
    browser.type_text(&page, password).await;
    browser.press(&page, "Enter", 13, "\r").await;
    browser.wait_for(&page, "document.title", json!("Posts · Blog")).await;
    browser.go(&page, &format!("{}/create", blog.url)).await;
    browser.wait_for(&page, "document.activeElement.id", json!("body")).await;
    browser.type_text(&page, "Seen from the sea wall: 200 dunlin, turning as one.").await;
    browser.value(&page, "document.querySelector('.card').requestSubmit()").await;
    browser.wait_for(&page, "document.querySelectorAll('article').length", json!(1)).await;
    pictures(&mut browser, &page, "posts").await;
    browser.value(&page, "document.querySelector('header form').requestSubmit()").await;
    browser.wait_for(&page, "location.pathname", json!("/login")).await;

    let tagger = Started::new("imagetagger", &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.png");
    let pixel = |x: u32, y: u32| {
        if y < 120 { Rgb([90, 160, (x / 2) as u8 + 100]) } else { Rgb([140, 90, 40]) }
    };
    RgbImage::from_fn(300, 200, pixel).save_with_format(&file, ImageFormat::Png).unwrap();
    let page = browser.open(&tagger.url).await;
    browser.wait_for(&page, "document.readyState", json!("complete")).await;
    browser.choose(&page, "#file", &file).await;
    let tag =
        "[...document.querySelectorAll('#tags li')].some(tag => tag.textContent == 'landscape')";
    browser.wait_for(&page, tag, json!(true)).await;
    pictures(&mut browser, &page, "imagetagger").await;
    assert_eq!(browser.errors().await, Vec::<String>::new());
}

/// Pictures to be looked at, on a phone and on a desktop, light and dark, in the folder that `PICTURES` names.
async fn pictures(browser: &mut Browser, page: &str, name: &str) {
    let Some(folder) = std::env::var_os("PICTURES").map(PathBuf::from) else { return };
    for (screen, width, height) in [("phone", 390, 700), ("desktop", 1100, 700)] {
        for scheme in ["light", "dark"] {
            browser.screen(page, width, height, scheme).await;
            let wide = "document.documentElement.scrollWidth > innerWidth";
            assert_eq!(browser.value(page, wide).await, json!(false), "{name} on a {screen}");
            let file = Path::new(&folder).join(format!("{name}-{screen}-{scheme}.png"));
            std::fs::write(file, browser.picture(page).await).unwrap();
        }
    }
}

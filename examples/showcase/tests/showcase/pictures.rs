//! Pictures of the pages, to be looked at: phone and desktop, light and dark.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::Board;
use crate::common::browser::Browser;
use crate::pages::sign_in;

/// Written to the directory that `PICTURES` names.
#[tokio::test]
#[ignore = "takes pictures: PICTURES=DIR cargo test -p dunlin-examples pictures -- --ignored"]
async fn pictures() {
    let Some(mut browser) = Browser::start().await else { return };
    let folder = PathBuf::from(std::env::var_os("PICTURES").unwrap_or_else(|| "pictures".into()));
    std::fs::create_dir_all(&folder).unwrap();
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let page = browser.open(&format!("{}/sign-in", board.url)).await;
    let mut shots = vec![("sign-in", "/sign-in"), ("error", "/none")];
    take(&mut browser, &page, &board, &folder, &shots).await;
    let script = include_str!("pictures.js");
    browser.wait_for(&page, "document.readyState", json!("complete")).await;
    assert_eq!(browser.value(&page, script).await, json!("done"));
    for name in ["Grace", "Linus"] {
        sign_in(&mut browser, &board.url, name).await;
    }
    shots = vec![("board", "/"), ("files", "/files"), ("log", "/log"), ("unlock", "/admin/unlock")];
    take(&mut browser, &page, &board, &folder, &shots).await;
    let key = json!(Board::admin_key(data.path()));
    let unlock = format!(
        "fetch('/admin/unlock', {{ method: 'POST', body: new URLSearchParams({{ key: {key} }}) }}).then(() => 1)"
    );
    browser.value(&page, &unlock).await;
    // Something to plot.
    for round in 1..=20 {
        let asks = format!(
            "Promise.all(Array.from({{ length: {} }}, () => fetch('/log'))).then(() => 1)",
            10 + round * 7 % 40
        );
        browser.value(&page, &asks).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    shots = vec![("numbers", "/numbers"), ("admin", "/admin/")];
    take(&mut browser, &page, &board, &folder, &shots).await;
}

async fn take(
    browser: &mut Browser,
    page: &str,
    board: &Board,
    folder: &std::path::Path,
    shots: &[(&str, &str)],
) {
    for (name, path) in shots {
        for (screen, width, height) in [("phone", 390, 844), ("desktop", 1280, 800)] {
            for scheme in ["light", "dark"] {
                browser.screen(page, width, height, scheme).await;
                browser.go(page, &format!("{}{path}", board.url)).await;
                browser.wait_for(page, "document.readyState", json!("complete")).await;
                tokio::time::sleep(Duration::from_millis(700)).await;
                let picture = browser.picture(page).await;
                std::fs::write(folder.join(format!("{name}-{screen}-{scheme}.png")), picture)
                    .unwrap();
            }
        }
    }
}

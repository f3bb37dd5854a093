//! In a browser, as people do: where Chromium is not there, each test says so and passes.

use serde_json::json;

use crate::Board;
use crate::common::browser::Browser;

const LINK: &str = "document.getElementById('link')?.textContent ?? ''";
const NOTES: &str =
    "Array.from(document.querySelectorAll('.note .text'), note => note.textContent)";

/// Signs in by the form, with the keyboard alone.
pub(crate) async fn sign_in(browser: &mut Browser, url: &str, name: &str) -> String {
    let page = browser.open_elsewhere(url).await;
    let at_name = "document.activeElement?.id === 'name' && location.pathname === '/sign-in'";
    browser.wait_for(&page, at_name, json!(true)).await;
    browser.type_text(&page, name).await;
    browser.press(&page, "Enter", 13, "\r").await;
    browser.wait_for(&page, LINK, json!("live")).await;
    page
}

async fn write(browser: &mut Browser, page: &str, text: &str) {
    browser.value(page, "document.getElementById('text').focus()").await;
    browser.type_text(page, text).await;
    browser.value(page, "document.getElementById('compose').requestSubmit()").await;
}

#[tokio::test]
async fn a_note_of_one_page_is_seen_in_another() {
    let Some(mut browser) = Browser::start().await else { return };
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let ada = sign_in(&mut browser, &board.url, "Ada").await;
    let other = sign_in(&mut browser, &board.url, "Ben").await;
    let people = "Array.from(document.querySelectorAll('#people .chip'), chip => chip.textContent)";
    for page in [&ada, &other] {
        browser.wait_for(page, people, json!(["Ada", "Ben"])).await;
    }
    browser.value(&ada, "document.getElementById('text').focus()").await;
    browser.type_text(&ada, "a").await;
    let writing = "document.getElementById('writing').textContent";
    browser.wait_for(&other, writing, json!("Ada is writing…")).await;
    browser.value(&ada, "document.getElementById('text').value = ''").await;

    let text = "<img src=x onerror=alert(1)> & \u{1f426}";
    write(&mut browser, &ada, text).await;
    for page in [&other, &ada] {
        browser.wait_for(page, NOTES, json!([text])).await;
    }
    assert_eq!(browser.value(&ada, "document.getElementById('text').value").await, json!(""));

    // Moved by keyboard: the focus stays on the note wherever it goes.
    browser.value(&other, "document.querySelector('[data-does=right]').focus()").await;
    browser.press(&other, "Enter", 13, "\r").await;
    let doing = "document.querySelectorAll('[data-lane=doing] .note').length";
    for page in [&ada, &other] {
        browser.wait_for(page, doing, json!(1)).await;
    }
    let focus = "document.activeElement.dataset.does";
    browser.wait_for(&other, focus, json!("right")).await;

    browser.value(&ada, "document.querySelector('[data-does=edit]').click()").await;
    browser.value(&ada, "document.querySelector('.note textarea').select()").await;
    browser.type_text(&ada, "changed").await;
    browser.value(&ada, "document.querySelector('.note form').requestSubmit()").await;
    for page in [&other, &ada] {
        browser.wait_for(page, NOTES, json!(["changed"])).await;
    }
    browser.value(&other, "document.querySelector('[data-does=remove]').click()").await;
    for page in [&other, &ada] {
        browser.wait_for(page, NOTES, json!([])).await;
    }
    assert_eq!(browser.errors().await, [""; 0]);
}

#[tokio::test]
async fn an_upload_shows_how_far_it_is() {
    let Some(mut browser) = Browser::start().await else { return };
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let page = sign_in(&mut browser, &board.url, "Ada").await;
    let file = data.path().join("sea.bin");
    std::fs::write(&file, vec![7; 3 << 20]).unwrap();
    browser.go(&page, &format!("{}/files", board.url)).await;
    browser.wait_for(&page, "document.title", json!("Files · Team board")).await;
    browser.wait_for(&page, LINK, json!("live")).await;
    browser.slow_uploads(&page, 1 << 20).await;
    browser.choose(&page, "#file", &file).await;
    let moving = "(bar => bar !== null && bar.value > 0 && bar.value < 1)\
                  (document.querySelector('progress'))";
    browser.wait_for(&page, moving, json!(true)).await;
    let files = "Array.from(document.querySelectorAll('#files tr'), \
                 row => [row.querySelector('a').textContent, row.querySelector('.number').textContent])";
    browser.wait_for(&page, files, json!([["sea.bin", "3.0 MiB"]])).await;
    browser.wait_for(&page, "document.querySelector('progress')", json!(null)).await;
    // What the page links to is what was sent.
    let fetched = "fetch(document.querySelector('#files a').href).then(r => r.arrayBuffer()).then(b => b.byteLength)";
    assert_eq!(browser.value(&page, fetched).await, json!(3 << 20));
    browser.value(&page, "document.querySelector('#files button').click()").await;
    browser.wait_for(&page, files, json!([])).await;
    assert_eq!(browser.errors().await, [""; 0]);
}

#[tokio::test]
async fn pages_find_a_server_again_that_was_lost() {
    let Some(mut browser) = Browser::start().await else { return };
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let (url, port) = (board.url.clone(), board.port().to_owned());
    let page = sign_in(&mut browser, &url, "Ada").await;
    let log = sign_in(&mut browser, &url, "Ben").await;
    browser.go(&log, &format!("{url}/log")).await;
    browser.wait_for(&log, "document.title", json!("Log · Team board")).await;
    browser.wait_for(&log, LINK, json!("live")).await;
    write(&mut browser, &page, "before").await;
    browser.wait_for(&page, NOTES, json!(["before"])).await;
    assert_eq!(browser.errors().await, [""; 0]);

    // Killed, not ended: nobody is told.
    drop(board);
    for page in [&page, &log] {
        browser.wait_for(page, LINK, json!("reconnecting")).await;
    }
    write(&mut browser, &page, "meanwhile").await;
    let refused = "document.getElementById('refused').hidden";
    browser.wait_for(&page, refused, json!(false)).await;
    // What was typed is still there.
    let typed = "document.getElementById('text').value";
    assert_eq!(browser.value(&page, typed).await, json!("meanwhile"));

    let board = Board::with(data.path(), &["--port", &port]);
    for page in [&page, &log] {
        browser.wait_for(page, LINK, json!("live")).await;
    }
    browser.value(&page, "document.getElementById('compose').requestSubmit()").await;
    browser.wait_for(&page, NOTES, json!(["meanwhile", "before"])).await;
    let wrote = "document.getElementById('entries').textContent.includes('Ada wrote a note')";
    browser.wait_for(&log, wrote, json!(true)).await;
    // A browser says of each try that nobody was there, and nothing else went wrong.
    for error in browser.errors().await {
        assert!(error.contains("ERR_CONNECTION") || error.contains("ERR_INCOMPLETE"), "{error}");
    }

    // Other keys: the cookie is worth nothing any more.
    drop(board);
    std::fs::remove_file(data.path().join("cookie.key")).unwrap();
    let _board = Board::with(data.path(), &["--port", &port]);
    for page in [&page, &log] {
        browser.wait_for(page, "location.pathname", json!("/sign-in")).await;
    }
}

#[tokio::test]
async fn every_page_is_drawn_without_a_word_in_the_console() {
    let Some(mut browser) = Browser::start().await else { return };
    let data = tempfile::tempdir().unwrap();
    let board = Board::start(data.path());
    let page = sign_in(&mut browser, &board.url, "Ada").await;
    browser.go(&page, &format!("{}/numbers", board.url)).await;
    let drawn = "document.querySelectorAll('#plot-open path.line').length";
    browser.wait_for(&page, drawn, json!(2)).await;
    let label = "document.querySelector('#plot-open svg').getAttribute('aria-label')";
    let label = browser.value(&page, label).await;
    assert!(label.as_str().unwrap().starts_with("Connections and live pages, now: "), "{label}");

    browser.go(&page, &format!("{}/admin/", board.url)).await;
    browser.wait_for(&page, "document.activeElement?.id", json!("key")).await;
    browser.type_text(&page, &Board::admin_key(data.path())).await;
    browser.press(&page, "Enter", 13, "\r").await;
    browser.wait_for(&page, "location.pathname", json!("/admin/")).await;
    browser.wait_for(&page, "document.title", json!("Admin · Team board")).await;
    // Every field has a label, every button a name.
    let nameless = "Array.from(document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a'))
        .filter(e => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).map(e => e.outerHTML)";
    for path in ["/", "/files", "/log", "/numbers", "/admin/"] {
        browser.go(&page, &format!("{}{path}", board.url)).await;
        browser.wait_for(&page, "location.pathname", json!(path)).await;
        browser.wait_for(&page, "document.readyState", json!("complete")).await;
        assert_eq!(browser.value(&page, nameless).await, json!([]), "{path}");
        // Nothing is wider than a phone.
        browser.screen(&page, 390, 844, "light").await;
        let width = "document.documentElement.scrollWidth";
        browser.wait_for(&page, width, json!(390)).await;
    }
    assert_eq!(browser.errors().await, [""; 0]);
}

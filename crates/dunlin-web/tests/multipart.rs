//! Multipart bodies and forms, in the app.
#![cfg(feature = "multipart")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use common::{build, posted, shown};
use dunlin_core::{Body, BodyError, Service};
use dunlin_multipart::{Form as Writer, Multipart as Bodies, Part as Written};
use dunlin_web::{
    App, Form, FormData, FormLimits, FormValue, HttpError, Multipart, MultipartLimits, Result,
    UploadedFile, post,
};

const BOUNDARY: &str = "multipart/form-data; boundary=b";

fn field(name: &str, rest: &str, body: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n{body}\r\n")
}

/// Name, file name and length of each part, with its parts in brackets.
async fn list(mut multipart: Multipart) -> Result<String> {
    let mut told = Vec::new();
    while let Some(mut part) = multipart.next_part().await? {
        if part.name() == Some("skipped") {
            continue;
        }
        if part.content_type().is_some_and(|media| media.kind() == "multipart") {
            let mut inner = part.nested()?;
            let mut names = Vec::new();
            while let Some(part) = inner.next_part().await? {
                names.push(part.text().await?);
            }
            assert!(inner.next_part().await?.is_none());
            told.push(format!("[{}]", names.join(",")));
            continue;
        }
        let mut len = 0;
        while let Some(chunk) = part.chunk().await? {
            len += chunk.len();
        }
        assert!(part.chunk().await?.is_none());
        let name = part.name().unwrap_or("-");
        told.push(format!("{name} {} {len}", part.file_name().unwrap_or("-")));
    }
    assert!(multipart.next_part().await?.is_none());
    Ok(told.join("; "))
}

#[tokio::test]
async fn parts_come_one_by_one_and_may_be_passed_over() {
    let app = build(App::new().add_post("/", list));
    let form = Writer::new()
        .text("a", "1")
        .text("skipped", "x".repeat(1000))
        .part("f", Written::bytes(vec![7; 9000]).file_name("C:\\x\\sea.png"))
        .text("", "");
    let content_type = form.content_type();
    let wire = form.into_body().unwrap().into_vec().await.unwrap();
    for chunk in [1, 7, wire.len()] {
        let (mut sender, body) = Body::channel(usize::MAX);
        for piece in wire.chunks(chunk) {
            sender.push(Bytes::copy_from_slice(piece)).unwrap();
        }
        sender.finish();
        let req = posted("/", content_type.to_str().unwrap(), body);
        assert_eq!(shown(app.call(req).await).await, "200 a - 1; f sea.png 9000;  - 0");
    }
}

#[tokio::test]
async fn nested_parts_are_read_where_they_stand() {
    let app = build(App::new().add_post("/", list));
    let inner = || Bodies::mixed().part(Written::text("one")).part(Written::text("two"));
    let mail = Bodies::mixed()
        .part(Written::bytes("x"))
        .nested(inner())
        .part(Written::bytes("yy").file_name("last"));
    let content_type = mail.content_type();
    let req = posted("/", content_type.to_str().unwrap(), mail.into_body().unwrap());
    assert_eq!(shown(app.call(req).await).await, "200 - - 1; [one,two]; - last 2");

    /// Leaves the nested parts in the middle.
    async fn half(mut multipart: Multipart) -> Result<String> {
        let part = multipart.next_part().await?.ok_or_else(HttpError::bad_request)?;
        part.nested()?.next_part().await?;
        let next = multipart.next_part().await?.ok_or_else(HttpError::bad_request)?;
        Ok(next.text().await?)
    }
    let app = build(App::new().add_post("/", half));
    let mail = Bodies::mixed().nested(inner()).part(Written::text("behind"));
    let content_type = mail.content_type();
    let req = posted("/", content_type.to_str().unwrap(), mail.into_body().unwrap());
    assert_eq!(shown(app.call(req).await).await, "200 behind");
}

#[tokio::test]
async fn what_is_no_multipart_body_is_told_with_its_status() {
    let app =
        build(
            App::new().routes([
                post("/", list),
                post("/few", list)
                    .middleware(MultipartLimits::default().max_parts(1).max_total_bytes(300)),
            ]),
        );
    let send = async |target: &str, content_type: &str, body: Body| {
        shown(app.call(posted(target, content_type, body)).await).await
    };
    let one = field("a", "", "1");
    for (content_type, body, status, words) in [
        ("text/plain", one.clone(), "415", "not multipart"),
        ("multipart/form-data", one.clone(), "400", "boundary"),
        (BOUNDARY, String::new(), "400", "before its closing delimiter"),
        (BOUNDARY, one.clone(), "400", "`--b--`"),
        (BOUNDARY, one.replace("form-data", "file"), "400", "part 0"),
    ] {
        let text = send("/", content_type, body.into()).await;
        assert!(text.starts_with(status) && text.contains(words), "{text}");
    }
    let text = send("/few", BOUNDARY, format!("{one}{one}--b--").into()).await;
    assert!(text.starts_with("413") && text.contains("more than 1 parts"), "{text}");
    let text = send("/few", BOUNDARY, field("a", "", &"x".repeat(300)).into()).await;
    assert!(text.starts_with("413") && text.contains("300 bytes"), "{text}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_that_stays() {
    async fn stubborn(mut multipart: Multipart) -> Result<String> {
        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(match multipart.next_part().await {
                Ok(Some(part)) => part.text().await.unwrap_or_else(|e| e.status().to_string()),
                Ok(None) => "end".to_owned(),
                Err(error) => error.status().to_string(),
            });
        }
        Ok(told.join(","))
    }
    let app = build(App::new().add_post("/", stubborn));
    let (mut sender, body) = Body::channel(usize::MAX);
    sender.push((field("a", "", "1") + &field("b", "", "2")).into()).unwrap();
    sender.fail(BodyError::Incomplete);
    let text = shown(app.call(posted("/", BOUNDARY, body)).await).await;
    assert_eq!(text, "200 1,400 Bad Request,400 Bad Request");
}

#[tokio::test]
async fn gathered_parts_are_bounded_and_text_has_a_charset() {
    async fn texts(mut multipart: Multipart) -> Result<String> {
        let mut all = Vec::new();
        while let Some(part) = multipart.next_part().await? {
            all.push(part.text().await?);
        }
        Ok(all.join(","))
    }
    let app = build(App::new().client_max_size(4).add_post("/", texts));
    let send = async |body: Vec<u8>| shown(app.call(posted("/", BOUNDARY, body)).await).await;
    let typed = |charset: &str| format!("\r\nContent-Type: text/plain; charset={charset}");
    let wire = field("a", &typed("shift_jis"), "@@") + &field("b", "", "é") + "--b--";
    let wire = String::into_bytes(wire);
    let at = wire.windows(2).position(|two| two == b"@@").unwrap();
    let wire = [&wire[..at], b"\x83\x86", &wire[at + 2..]].concat();
    assert_eq!(send(wire).await, "200 ユ,é");
    let text = send((field("a", "", "12345") + "--b--").into()).await;
    assert!(text.starts_with("413") && text.contains("`a` exceeds the limit of 4"), "{text}");
    let text = send((field("a", &typed("klingon"), "1") + "--b--").into()).await;
    assert!(text.starts_with("415") && text.contains("klingon"), "{text}");
}

#[derive(serde::Deserialize)]
struct Photo {
    title: String,
    year: Option<u16>,
    #[serde(default)]
    tag: Vec<String>,
    picture: Option<UploadedFile>,
    #[serde(default)]
    more: Vec<UploadedFile>,
}

async fn photo(Form(photo): Form<Photo>) -> Result<String> {
    let mut told = format!("{} {:?} {}", photo.title, photo.year, photo.tag.join("+"));
    for file in photo.picture.iter().chain(&photo.more) {
        let bytes = file.bytes().await?;
        assert_eq!(bytes.len() as u64, file.len());
        let media = file.content_type();
        told +=
            &format!("; {} {} {} {}", file.name(), file.file_name(), media.essence(), file.len());
    }
    Ok(told)
}

#[tokio::test]
async fn a_form_is_a_value_by_either_encoding() {
    let app = build(App::new().add_post("/", photo));
    let png = "; filename=\"a/b.png\"\r\nContent-Type: image/png";
    let none = "; filename=\"\"\r\nContent-Type: application/octet-stream";
    let urlencoded = "application/x-www-form-urlencoded";
    for (content_type, body, told) in [
        (urlencoded, "title=a+b&year=1999&tag=x&tag=y".to_owned(), "200 a b Some(1999) x+y"),
        (urlencoded, "title=&year=".to_owned(), "200  None"),
        (
            BOUNDARY,
            field("title", "", "a b")
                + &field("year", "", "1999")
                + &field("tag", "", "x")
                + &field("tag", "", "y"),
            "200 a b Some(1999) x+y",
        ),
        (BOUNDARY, field("title", "", "") + &field("year", "", ""), "200  None"),
        (
            BOUNDARY,
            field("title", "", "t")
                + &field("picture", png, "12345")
                + &field("more", none, "")
                + &field("other", none, ""),
            "200 t None ; picture b.png image/png 5",
        ),
        (
            BOUNDARY,
            field("picture", none, "")
                + &field("title", "", "t")
                + &field("more", png, "1")
                + &field("more", none, "22"),
            "200 t None ; more b.png image/png 1; more  application/octet-stream 2",
        ),
    ] {
        let body = if content_type == BOUNDARY { body + "--b--" } else { body };
        let text = shown(app.call(posted("/", content_type, body.clone())).await).await;
        assert_eq!(text.trim_end(), told, "{body}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_400_and_names_its_field() {
    async fn needs(Form(_): Form<Needs>) {}

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "read by the deserialiser alone")]
    struct Needs {
        year: u16,
        file: UploadedFile,
    }
    let app = build(App::new().add_post("/", needs));
    let file = field("file", "; filename=x", "1");
    let year = field("year", "", "1");
    for (body, words) in [
        (year.clone(), "missing field `file`"),
        (year.clone() + &field("file", "", "1"), "file: a file is expected and text was sent"),
        (
            year.clone() + &field("file", "; filename=\"\"", ""),
            "file: a file is expected and none was chosen",
        ),
        (year.clone() + &file + &file, "file: one value is expected and there are 2"),
        (field("year", "", "x") + &file, "year: `x` is not a u16"),
        (field("year", "; filename=x", "1") + &file, "year: text is expected and a file was sent"),
    ] {
        let text = shown(app.call(posted("/", BOUNDARY, body + "--b--")).await).await;
        assert!(text.starts_with("400") && text.contains(words), "{text}");
    }
    let text = shown(app.call(posted("/", "text/plain", "")).await).await;
    assert!(text.starts_with("415") && text.contains("multipart/form-data"), "{text}");
}

#[test]
fn files_come_from_forms_alone() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "read by the deserialiser alone")]
    struct Has {
        file: UploadedFile,
    }
    for json in ["{\"file\":null}", "{\"file\":\"a\"}", "{\"file\":{}}"] {
        let error = serde_json::from_str::<Has>(json).unwrap_err();
        assert!(error.to_string().contains("a file of a multipart form"), "{error}");
    }
}

#[tokio::test]
async fn forms_keep_order_and_read_their_charset() {
    async fn pairs(form: FormData) -> String {
        let shown = |(name, value): (&str, &FormValue)| match value {
            FormValue::Text(text) => format!("{name}={text}"),
            FormValue::File(file) => format!("{name}:{}", file.len()),
            _ => unreachable!(),
        };
        form.iter().map(shown).collect::<Vec<_>>().join(" ")
    }
    async fn list(Form(pairs): Form<Vec<(String, String)>>) -> String {
        pairs.into_iter().map(|(name, value)| name + "=" + &value).collect::<Vec<_>>().join(" ")
    }
    let app = build(App::new().add_post("/", pairs).add_post("/list", list));
    let wire =
        field("b", "", "1") + &field("a", "; filename=x", "22") + &field("b", "", "3") + "--b--";
    assert_eq!(shown(app.call(posted("/", BOUNDARY, wire)).await).await, "200 b=1 a:2 b=3");
    let wire = field("b", "", "1") + &field("a", "", "2") + &field("b", "", "3") + "--b--";
    assert_eq!(shown(app.call(posted("/list", BOUNDARY, wire)).await).await, "200 b=1 a=2 b=3");

    let charset = |name: &str, value: &[u8]| {
        let wire = field("_charset_", "", name) + &field("a", "", "@") + "--b--";
        let at = wire.find('@').unwrap();
        [&wire.as_bytes()[..at], value, &wire.as_bytes()[at + 1..]].concat()
    };
    let send = async |wire: Vec<u8>| shown(app.call(posted("/", BOUNDARY, wire)).await).await;
    assert_eq!(send(charset("iso-8859-1", b"\xe9")).await, "200 a=é");
    assert!(send(charset("utf-8", b"\xe9")).await.starts_with("415 415"));
    assert!(send(charset("klingon", b"1")).await.starts_with("415 415"));
    for bad in ["", &"x".repeat(32)] {
        let text = send(charset(bad, b"1")).await;
        assert!(text.starts_with("400") && text.contains("_charset_"), "{text}");
    }
}

#[tokio::test]
async fn forms_are_bounded_in_all_that_a_peer_chooses() {
    async fn take(form: FormData) -> String {
        form.len().to_string()
    }
    let app = build(
        App::new().client_max_size(400).routes([
            post("/", take),
            post("/large", take).client_max_size(4000),
            post("/own", take).middleware(
                FormLimits::default()
                    .max_total_bytes(1000)
                    .max_fields(2)
                    .max_field_bytes(3)
                    .max_file_bytes(5),
            ),
        ]),
    );
    let send = async |target: &str, content_type: &str, body: String| {
        shown(app.call(posted(target, content_type, body)).await).await
    };
    let file = |len: usize| field("f", "; filename=x", &"x".repeat(len)) + "--b--";
    let text = send("/", BOUNDARY, file(400)).await;
    assert!(
        text.starts_with("413") && text.contains("the form exceeds the limit of 400"),
        "{text}"
    );
    assert_eq!(send("/large", BOUNDARY, file(400)).await, "200 1");
    assert_eq!(send("/own", BOUNDARY, file(5)).await, "200 1");
    for (body, words) in [
        (file(6), "the file in field `f` exceeds the limit of 5 bytes"),
        (field("a", "", "1234") + "--b--", "the field `a` exceeds the limit of 3 bytes"),
        (field("a", "", "1").repeat(3) + "--b--", "more than 2 fields"),
        (file(1000), "the form exceeds the limit of 1000 bytes"),
    ] {
        let text = send("/own", BOUNDARY, body).await;
        assert!(text.starts_with("413") && text.contains(words), "{text}");
    }
    let urlencoded = "application/x-www-form-urlencoded";
    assert_eq!(send("/own", urlencoded, "a=1&b=2".into()).await, "200 2");
    assert!(send("/own", urlencoded, "a=1&b=2&c=3".into()).await.starts_with("413"));
    assert!(send("/own", urlencoded, "x".repeat(1001)).await.starts_with("413"));
    assert!(send("/", "text/plain", "x".into()).await.starts_with("415"));
}

#[tokio::test]
async fn a_declared_length_past_the_limit_is_413_before_anything_is_read() {
    async fn take(_: FormData) {}
    let app = build(App::new().add_post("/", take));
    let (mut sender, body) = Body::channel_with_len(1024, Some(1024 * 1024 + 1));
    let answer = shown(app.call(posted("/", BOUNDARY, body)).await).await;
    assert!(answer.starts_with("413"), "{answer}");
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(
        matches!(sender.poll_wanted(&mut cx), std::task::Poll::Ready(Err(_))),
        "none was asked"
    );
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Deleting is left to another thread.
async fn emptied(dir: &Path) {
    for _ in 0..1000 {
        if files_in(dir).is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("left: {:?}", files_in(dir));
}

/// An app whose forms keep 1,000 bytes in memory.
fn spooling(dir: &Path, kept: &Path) -> dunlin_web::BuiltApp {
    let kept: Arc<Path> = kept.into();
    let take = move |form: FormData| {
        let kept = Arc::clone(&kept);
        async move {
            let mut told = Vec::new();
            for (_, value) in form {
                let FormValue::File(file) = value else { continue };
                let bytes = file.bytes().await?;
                assert!(bytes.iter().all(|byte| *byte == b'x'));
                let on_disk = file.path().is_some();
                told.push(format!("{} {on_disk}", bytes.len()));
                match file.name() {
                    "keep" => file.persist(&*kept).await?,
                    "body" => {
                        let body = file.into_body();
                        assert_eq!(body.exact_len(), Some(bytes.len() as u64));
                        assert_eq!(body.bytes().await?, bytes);
                    }
                    _ => {}
                }
            }
            Ok::<_, HttpError>(told.join(", "))
        }
    };
    let limits = FormLimits::default().memory_bytes(1000).temp_dir(dir).max_total_bytes(10 << 20);
    build(App::new().routes([post("/", take).middleware(limits)]))
}

#[tokio::test]
async fn files_past_the_memory_of_a_form_are_on_disk_until_they_are_dropped() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = target.path().join("kept");
    let app = spooling(dir.path(), &kept);
    let send = async |files: &[(&str, usize)]| {
        let parts = files.iter().map(|(name, len)| field(name, "; filename=f", &"x".repeat(*len)));
        let wire = parts.collect::<String>() + "--b--";
        shown(app.call(posted("/", BOUNDARY, wire)).await).await
    };
    assert_eq!(
        send(&[("a", 600), ("b", 400), ("c", 1), ("d", 0)]).await,
        "200 600 false, 400 false, 1 true, 0 false"
    );
    emptied(dir.path()).await;
    assert_eq!(
        send(&[("a", 1001), ("body", 300_000), ("body", 5), ("keep", 700_000)]).await,
        "200 1001 true, 300000 true, 5 false, 700000 true"
    );
    emptied(dir.path()).await;
    assert_eq!(std::fs::metadata(&kept).unwrap().len(), 700_000);
    assert_eq!(send(&[("keep", 3)]).await, "200 3 false");
    assert_eq!(std::fs::read(&kept).unwrap(), b"xxx");
}

#[tokio::test]
async fn a_form_that_fails_or_is_dropped_leaves_no_file() {
    let (dir, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let app = spooling(dir.path(), target.path());
    let begun = field("f", "; filename=f", &"x".repeat(300_000));
    let answer = shown(app.call(posted("/", BOUNDARY, begun.clone())).await).await;
    assert!(answer.starts_with("400"), "{answer}");
    emptied(dir.path()).await;

    let (mut sender, body) = Body::channel(usize::MAX);
    sender.push(begun.into()).unwrap();
    let call = app.call(posted("/", BOUNDARY, body));
    let waits = tokio::time::timeout(std::time::Duration::from_millis(200), call).await;
    assert!(waits.is_err(), "the rest has not come");
    emptied(dir.path()).await;

    let missing = spooling(&dir.path().join("missing"), target.path());
    let wire = field("f", "; filename=f", &"x".repeat(2000)) + "--b--";
    let answer = shown(missing.call(posted("/", BOUNDARY, wire)).await).await;
    assert!(answer.starts_with("500") && !answer.contains("missing"), "{answer}");
}

/// A route that takes large files takes no more text for that.
#[tokio::test]
async fn text_is_bounded_together_where_files_may_be_large() {
    async fn take(form: FormData) -> String {
        form.len().to_string()
    }
    async fn own(Form(pairs): Form<Vec<(String, String)>>) -> String {
        pairs.len().to_string()
    }
    let app = build(App::new().client_max_size(1 << 30).routes([
        post("/", take),
        post("/form", own),
        post("/small", take).middleware(FormLimits::default().max_text_bytes(20)),
    ]));
    let send = async |target: &str, content_type: &str, body: String| {
        shown(app.call(posted(target, content_type, body)).await).await
    };
    let text = |len: usize, times: usize| field("a", "", &"x".repeat(len)).repeat(times) + "--b--";
    assert_eq!(send("/", BOUNDARY, text(1 << 20, 9)).await, "200 9");
    let large = field("f", "; filename=x", &"x".repeat(12 << 20)) + "--b--";
    assert_eq!(send("/", BOUNDARY, large).await, "200 1", "files go to disk");
    let urlencoded = "application/x-www-form-urlencoded";
    for (target, content_type, body, limit) in [
        ("/", BOUNDARY, text(1 << 20, 11), 10 << 20),
        ("/", urlencoded, "a=".to_owned() + &"x".repeat(10 << 20), 10 << 20),
        ("/form", urlencoded, "a=".to_owned() + &"x".repeat(10 << 20), 10 << 20),
        ("/small", BOUNDARY, text(10, 2), 20),
        ("/small", BOUNDARY, text(20, 1), 20),
        ("/small", BOUNDARY, field("f", "; filename=012345678901234567890", "") + "--b--", 20),
    ] {
        let answer = send(target, content_type, body).await;
        let words = format!("the fields of the form exceed the limit of {limit} bytes together");
        assert!(answer.starts_with("413") && answer.contains(&words), "{target} {answer}");
    }
    assert_eq!(send("/small", BOUNDARY, text(9, 2)).await, "200 2");
    assert_eq!(send("/form", urlencoded, "a=1&b=2".to_owned()).await, "200 2");
}

#[tokio::test]
async fn fields_of_either_encoding_are_counted_before_they_are_kept() {
    async fn own(Form(pairs): Form<Vec<(String, String)>>) -> String {
        pairs.len().to_string()
    }
    let app = build(App::new().routes([
        post("/", own),
        post("/two", own).middleware(FormLimits::default().max_fields(2)),
    ]));
    let send = async |target: &str, body: String| {
        let urlencoded = "application/x-www-form-urlencoded";
        shown(app.call(posted(target, urlencoded, body)).await).await
    };
    assert_eq!(send("/", "a&".repeat(1000) + "&&&").await, "200 1000", "nothing is no field");
    assert_eq!(send("/two", "a=1&b=2".to_owned()).await, "200 2");
    // Half a million of them would take fifty times the memory of their body.
    for (target, body, limit) in [
        ("/", "a&".repeat(1001), 1000),
        ("/", "a&".repeat(500_000), 1000),
        ("/two", "a&b&c".to_owned(), 2),
    ] {
        let answer = send(target, body).await;
        let words = format!("the form has more than {limit} fields");
        assert!(answer.starts_with("413") && answer.contains(&words), "{target} {answer}");
    }
}

//! Cases in the manner of the IETF's http-state working group: what a response sets, and what the
//! next request then sends.
//!
//! `tests/http_state/*.txt` hold one group each, cases apart by an empty line:
//!
//! ```text
//! path0003 a comment
//! Set-Cookie: a=b; Path=/cookie-parser-result
//! Location: /cookie-parser-result/x
//! Cookie: a=b
//! ```
//!
//! As in the group's own data, responses come from `http://home.example.org:8888/cookie-parser`, the
//! next request goes to `Location` (by default `/cookie-parser-result`), and a case without `Cookie`
//! expects none. `URL` names another place for the response to come from. The group's data has no
//! licence that lets it be copied here; `the_data_of_the_ietf_agrees` runs a checkout of it.

use std::path::Path;
use std::{env, fs};

use dunlin_client::cookies::{CookieJar, CookieStore, SameSiteContext, SetCookie};
use url::Url;

/// Cases of github.com/abarth/http-state with another outcome here, by reason.
const CHANGED: &[(&str, &[&str])] = &[
    (
        "RFC 6265 ignored a pair without `=` or without a name, and RFC 6265bis §5.6 step 3 takes it \
         for a cookie without a name",
        &[
            "0004",
            "0021",
            "0023",
            "0024",
            "0025",
            "0026",
            "0027",
            "0028",
            "chromium0009",
            "chromium0010",
            "chromium0012",
            "mozilla0012",
            "mozilla0014",
            "mozilla0015",
            "mozilla0016",
            "mozilla0017",
            "name0017",
            "name0023",
            "name0025",
            "name0028",
            "name0031",
            "name0032",
            "name0033",
        ],
    ),
    (
        "RFC 6265 ignored an empty `Domain`, and by RFC 6265bis §5.7 step 7 the last one counts, so \
         that the cookie is of the host alone",
        &["optional-domain0042"],
    ),
    ("its date was in the future when the case was written", &["0002", "comma0006", "comma0007"]),
    (
        "it is disabled there, since browsers did not agree with RFC 6265 either: the first two \
         expect a control character to end a value, which now refuses the cookie, the last that \
         paths are compared decoded",
        &["disabled-chromium0022", "disabled-chromium0023", "disabled-path0029"],
    ),
];

#[test]
fn every_case_is_met() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http_state");
    let mut cases = 0;
    let mut failures = Vec::new();
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        if file.file_stem().is_some_and(|stem| stem == "dates") {
            continue;
        }
        let text = fs::read(&file).unwrap();
        for case in Case::all(&text) {
            cases += 1;
            failures.extend(case.failure());
        }
    }
    assert!(failures.is_empty(), "{} of {cases} fail:\n{}", failures.len(), failures.join("\n"));
    assert!(cases >= 120, "{cases} cases");
}

#[test]
fn every_date_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http_state/dates.txt");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut dates = 0;
    for line in lines {
        let (date, expected) = line.split_once(" => ").expect(line);
        assert_eq!(read_date(date), expected, "{date}");
        dates += 1;
    }
    assert!(dates >= 40, "{dates} dates");
}

/// `HTTP_STATE` names the checkout: `git clone https://github.com/abarth/http-state`.
#[test]
#[ignore = "needs a checkout of the IETF's data"]
fn the_data_of_the_ietf_agrees() {
    let data = Path::new(&env::var_os("HTTP_STATE").expect("HTTP_STATE")).join("tests/data");
    let mut failures = Vec::new();
    let mut cases = 0;
    for file in fs::read_dir(data.join("parser")).unwrap() {
        let path = file.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let Some(name) = file.strip_suffix("-test") else { continue };
        let expected = fs::read(path.with_file_name(format!("{name}-expected"))).unwrap();
        let block = [name.as_bytes(), b"\n", &fs::read(&path).unwrap(), b"\n", &expected].concat();
        let failure = Case::parse(&block).failure();
        cases += 1;
        match CHANGED.iter().find(|(_, names)| names.contains(&name)) {
            Some((reason, _)) if failure.is_none() => {
                failures.push(format!("{name} is met, although {reason}"));
            }
            Some(_) => {}
            None => failures.extend(failure),
        }
    }
    failures.sort();
    assert!(failures.is_empty(), "{} of {cases} fail:\n{}", failures.len(), failures.join("\n"));

    for file in ["examples.json", "bsd-examples.json"] {
        let text = fs::read_to_string(data.join("dates").join(file)).unwrap();
        // One of the two files opens with its licence.
        let json: serde_json::Value =
            serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
        for case in json.as_array().unwrap() {
            let expected = case["expected"].as_str().unwrap_or("none");
            assert_eq!(read_date(case["test"].as_str().unwrap()), expected, "{case}");
        }
    }
}

/// A response and the request after it.
struct Case<'a> {
    name: String,
    url: Url,
    set_cookies: Vec<&'a [u8]>,
    location: Option<String>,
    /// Empty for no field.
    cookie: &'a [u8],
}

impl<'a> Case<'a> {
    fn all(text: &'a [u8]) -> Vec<Self> {
        let mut cases = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end =
                rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |at| at + 2);
            let (block, after) = rest.split_at(end);
            if !block.starts_with(b"#") {
                cases.push(Self::parse(block));
            }
            rest = after;
        }
        cases
    }

    fn parse(block: &'a [u8]) -> Self {
        let mut lines = block.split(|&byte| byte == b'\n');
        let name = String::from_utf8(lines.next().unwrap().to_vec()).unwrap();
        let name = name.split(' ').next().unwrap().to_owned();
        let url = format!("http://home.example.org:8888/cookie-parser?{name}").parse().unwrap();
        let mut case = Self { name, url, set_cookies: Vec::new(), location: None, cookie: b"" };
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                assert!(line.trim_ascii().is_empty(), "{}: {line:?}", case.name);
                continue;
            };
            let value = &line[colon + 1..];
            let value = value.strip_prefix(b" ").unwrap_or(value);
            let text = || String::from_utf8(value.to_vec()).unwrap();
            match &line[..colon] {
                b"URL" => case.url = text().parse().unwrap(),
                b"Set-Cookie" => case.set_cookies.push(value),
                b"Location" => case.location = Some(text()),
                b"Cookie" => case.cookie = value,
                other => panic!("{}: {other:?}", case.name),
            }
        }
        case
    }

    fn failure(&self) -> Option<String> {
        let context = SameSiteContext::SameSite;
        let jar = CookieJar::new();
        jar.store(&mut self.set_cookies.iter().copied(), &self.url, context);
        let next = match &self.location {
            Some(location) => self.url.join(location).unwrap(),
            None => self.url.join(&format!("/cookie-parser-result?{}", self.name)).unwrap(),
        };
        let sent = jar.header(&next, context);
        let sent = sent.as_ref().map_or(&b""[..], |value| value.as_bytes());
        (sent != self.cookie).then(|| {
            let text = String::from_utf8_lossy;
            format!("{}: sent {:?}, expected {:?}", self.name, text(sent), text(self.cookie))
        })
    }
}

fn read_date(date: &str) -> String {
    let field = format!("a=b; Expires={date}");
    let time = SetCookie::parse(field.as_bytes()).ok().and_then(|set| set.expires_at());
    // The crate writes no dates before 1970, of which the data has none.
    time.map_or_else(|| "none".to_owned(), httpdate::fmt_http_date)
}

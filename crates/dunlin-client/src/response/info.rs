//! What fields say, read.

use http::HeaderValue;

use super::Response;
use crate::cookies::SetCookie;
use crate::url::Url;

/// One link of a `Link` field (RFC 8288).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// Where it leads, resolved against the response's URL.
    pub url: Url,
    /// Relation types, in lower case.
    pub rel: Vec<String>,
    /// All parameters as they are named, `rel` among them.
    pub params: Vec<(String, String)>,
}

impl Response {
    /// The cookies that the response sets, as far as they can be read.
    pub fn cookies(&self) -> Vec<SetCookie> {
        let lines = self.headers().get_all("set-cookie");
        lines.filter_map(|line| SetCookie::parse(line).ok()).collect()
    }

    /// The name of the file that `Content-Disposition` suggests (RFC 6266): its last segment alone, so
    /// that it names no other directory.
    pub fn file_name(&self) -> Option<String> {
        let value = HeaderValue::from_bytes(self.headers().get("content-disposition")?).ok()?;
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut params = Params(text.split_once(';')?.1);
        let mut plain = None;
        let mut extended = None;
        while let Some((name, value)) = params.next_param() {
            match name.as_str() {
                "filename" => plain = plain.or(Some(value)),
                "filename*" => extended = extended.or_else(|| decode_extended(&value)),
                _ => {}
            }
        }
        let name = extended.or(plain)?;
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
        let is_name = !matches!(last, "" | "." | "..") && !last.chars().any(char::is_control);
        is_name.then(|| last.to_owned())
    }

    /// The links of the response's `Link` fields that can be read, in order.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for value in self.headers().get_all("link") {
            let Ok(mut rest) = std::str::from_utf8(value) else { continue };
            while let Some((target, params)) = next_link(&mut rest) {
                let Ok(url) = self.url.join(target) else { continue };
                let mut params = Params(params);
                let mut all = Vec::new();
                while let Some(param) = params.next_param() {
                    all.push(param);
                }
                let rel = all.iter().find(|(name, _)| name == "rel");
                let rel = rel.map_or_else(Vec::new, |(_, value)| {
                    value.split_ascii_whitespace().map(str::to_ascii_lowercase).collect()
                });
                links.push(Link { url, rel, params: all });
            }
        }
        links
    }
}

/// `UTF-8''percent%20encoded` (RFC 8187).
fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(encoded).collect();
    let encoding = encoding_rs::Encoding::for_label(charset.as_bytes())?;
    Some(encoding.decode(&bytes).0.into_owned())
}

/// Takes the next `<target>; params` off the front of a list.
fn next_link<'v>(rest: &mut &'v str) -> Option<(&'v str, &'v str)> {
    let start = rest.find('<')?;
    let (target, behind) = rest[start + 1..].split_once('>')?;
    let mut quoted = false;
    let mut escaped = false;
    let end = behind
        .find(|c: char| {
            if std::mem::take(&mut escaped) {
                return false;
            }
            match c {
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' => return !quoted,
                _ => {}
            }
            false
        })
        .unwrap_or(behind.len());
    *rest = behind[end..].strip_prefix(',').unwrap_or_default();
    Some((target, &behind[..end]))
}

/// Parameters of a field value: `; name=token; name="quoted"`.
struct Params<'v>(&'v str);

impl Params<'_> {
    /// The next, its name in lower case.
    fn next_param(&mut self) -> Option<(String, String)> {
        let rest = self.0.trim_start_matches([';', ' ', '\t']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['=', ';']).unwrap_or(rest.len());
        let name = rest[..end].trim().to_ascii_lowercase();
        let Some(value) = rest[end..].strip_prefix('=') else {
            self.0 = &rest[end..];
            return Some((name, String::new()));
        };
        let value = value.trim_start();
        let Some(quoted) = value.strip_prefix('"') else {
            let end = value.find(';').unwrap_or(value.len());
            self.0 = &value[end..];
            return Some((name, value[..end].trim().to_owned()));
        };
        let mut text = String::new();
        let mut chars = quoted.char_indices();
        self.0 = "";
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                '"' => {
                    self.0 = &quoted[at + 1..];
                    break;
                }
                c => text.push(c),
            }
        }
        Some((name, text))
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::{Body, ResponseHead};
    use http::HeaderName;

    use super::*;

    fn with(name: &'static str, value: &'static str) -> Response {
        let mut head = ResponseHead::default();
        head.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        Response::from_parts(head, Body::empty(), Url::parse("http://a.test/b/c").unwrap())
    }

    #[test]
    fn links_are_resolved_and_their_parameters_read() {
        let links = with(
            "link",
            "<d?page=2>; rel=\"next Last\"; title=\"a, \\\"b\\\"; c\" , </e>;rel=prev, <http://[>; rel=x, <f>",
        )
        .links();
        let urls: Vec<_> = links.iter().map(|link| link.url.as_str()).collect();
        assert_eq!(urls, ["http://a.test/b/d?page=2", "http://a.test/e", "http://a.test/b/f"]);
        assert_eq!(links[0].rel, ["next", "last"]);
        assert_eq!(links[0].params[1], ("title".into(), "a, \"b\"; c".into()));
        assert_eq!(links[1].rel, ["prev"]);
    }

    #[test]
    fn a_suggested_file_name_names_no_directory() {
        for (value, name) in [
            ("attachment; filename=\"a b.txt\"", Some("a b.txt")),
            ("attachment; filename=x; filename*=UTF-8''caf%C3%A9.txt", Some("caf\u{e9}.txt")),
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename*=UTF-8''..%2F..", None),
            ("attachment; filename=\"C:\\\\dir\\\\x.exe\"", Some("x.exe")),
            ("attachment", None),
            ("inline; filename=\"open", Some("open")),
        ] {
            assert_eq!(with("content-disposition", value).file_name().as_deref(), name, "{value}");
        }
    }
}

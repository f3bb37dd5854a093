//! The page that lists a directory.

use dunlin_core::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::escape::html;
use crate::respond::Html;

/// A page with a link for each name. Names are escaped in text and links, and no script of theirs would
/// run if they were not.
pub(super) fn page(path: &str, names: &[String], more: bool) -> Response {
    let title = html(&format!("Index of /{path}")).into_owned();
    let mut page = format!(
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n"
    );
    let mut line = |link: &str, text: &str| {
        page.push_str("<li><a href=\"");
        page.push_str(link);
        page.push_str("\">");
        page.push_str(&html(text));
        page.push_str("</a></li>\n");
    };
    if !path.is_empty() {
        line("../", "../");
    }
    for name in names {
        let (plain, slash) = match name.strip_suffix('/') {
            Some(plain) => (plain, "/"),
            None => (&**name, ""),
        };
        // Behind `./`, so that no name is read as a scheme.
        line(&format!("./{}{slash}", utf8_percent_encode(plain, NON_ALPHANUMERIC)), name);
    }
    page.push_str("</ul>\n");
    if more {
        page.push_str("<p>There are more.</p>\n");
    }
    page.push_str("</body>\n</html>\n");
    let policy = HeaderValue::from_static("default-src 'none'");
    Html(page).into_response().with_header(CONTENT_SECURITY_POLICY, policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let names =
            ["<script>alert(1)</script>".to_owned(), "a\"b&c'/".to_owned(), "x:y".to_owned()];
        let response = page("\"><img>", &names, true);
        let text = std::str::from_utf8(response.body().as_whole().unwrap()).unwrap();
        assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
        assert!(text.contains("href=\"./%3Cscript%3Ealert%281%29%3C%2Fscript%3E\""), "{text}");
        assert!(text.contains("href=\"./a%22b%26c%27/\">a&quot;b&amp;c&#39;/</a>"), "{text}");
        assert!(text.contains("href=\"./x%3Ay\"") && text.contains("There are more"), "{text}");
    }
}

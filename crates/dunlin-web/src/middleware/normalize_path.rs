//! `NormalizePath`: slashes that are too many, missing, or one too much.

use dunlin_core::{BoxFuture, IntoResponse, Request, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use super::{Middleware, Next};

/// Redirects a path that no route has to the one that is meant: with a slash more at its end, one fewer, or
/// with runs of slashes made one.
///
/// ```
/// use dunlin_web::{App, NormalizePath};
///
/// let app = App::new()
///     .middleware(NormalizePath::new())
///     .add_get("/notes/", || async { "notes" });
/// // `/notes`, `//notes/` and `/notes//?page=2` are answered with 308.
/// # app.build().unwrap();
/// ```
///
/// | what | default |
/// | --- | --- |
/// | a slash at the end | added; [`remove_slash`](Self::remove_slash) takes it off, [`keep_slash`](Self::keep_slash) leaves it |
/// | [`merge_slashes`](Self::merge_slashes) | yes |
/// | [`status`](Self::status) | 308, which keeps the method and the body |
///
/// It acts only where the answer would be 404 or 405, and only if the other path has a route for the method:
/// tried are the merged path, the one with the other end, and both together. The query is kept. The path of a
/// redirect begins with one slash, and its backslashes are escaped, so that no browser takes it for another
/// host's.
#[derive(Clone, Copy, Debug)]
pub struct NormalizePath {
    end: End,
    merge: bool,
    status: StatusCode,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Append,
    Remove,
    Keep,
}

impl NormalizePath {
    /// With the defaults.
    pub fn new() -> Self {
        Self { end: End::Append, merge: true, status: StatusCode::PERMANENT_REDIRECT }
    }

    /// Takes the slash at the end off, instead of adding one.
    #[must_use]
    pub fn remove_slash(self) -> Self {
        Self { end: End::Remove, ..self }
    }

    /// Leaves the end as it is.
    #[must_use]
    pub fn keep_slash(self) -> Self {
        Self { end: End::Keep, ..self }
    }

    /// Whether runs of slashes become one. Default: yes.
    #[must_use]
    pub fn merge_slashes(self, merge: bool) -> Self {
        Self { merge, ..self }
    }

    /// The status of redirects. Default: 308.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Other spellings of a path, the likeliest first.
    fn candidates(self, path: &str) -> impl Iterator<Item = String> {
        let turned = move |path: &str| match self.end {
            End::Append if !path.ends_with('/') => Some(format!("{path}/")),
            End::Remove if path.len() > 1 => {
                path.strip_suffix('/').filter(|path| !path.is_empty()).map(str::to_owned)
            }
            _ => None,
        };
        let merged = self.merge.then(|| merged(path));
        let both = merged.as_deref().and_then(turned);
        let path = path.to_owned();
        let ended = turned(&path);
        [merged, ended, both].into_iter().flatten().filter(move |other| *other != path)
    }
}

/// The path with runs of slashes made one.
fn merged(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

/// A reference to the path on the same host, whatever the path: `//x` and `/\x` would lead to another.
fn location(path: &str, query: Option<&str>) -> String {
    let path = path.trim_start_matches('/').replace('\\', "%5C");
    match query {
        Some(query) => format!("/{path}?{query}"),
        None => format!("/{path}"),
    }
}

impl Default for NormalizePath {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for NormalizePath {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        if next.is_miss() && req.path().starts_with('/') {
            for path in self.candidates(req.path()) {
                if next.finds(&req, &path)
                    && let Ok(location) = HeaderValue::try_from(location(&path, req.query()))
                {
                    let response = self.status.into_response().with_header(LOCATION, location);
                    return Box::pin(std::future::ready(response));
                }
            }
        }
        Box::pin(next.run(req))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_merged_then_turned_then_both() {
        let all = |settings: NormalizePath, path| settings.candidates(path).collect::<Vec<_>>();
        let append = NormalizePath::new();
        assert_eq!(all(append, "/a//b"), ["/a/b", "/a//b/", "/a/b/"]);
        assert_eq!(all(append, "/a"), ["/a/", "/a/"]);
        assert_eq!(all(append, "/a/"), [""; 0]);
        let remove = append.remove_slash();
        assert_eq!(all(remove, "/a//"), ["/a/", "/a/", "/a"]);
        assert_eq!(all(remove, "/"), [""; 0]);
        assert_eq!(all(remove.merge_slashes(false), "//"), ["/"]);
        assert_eq!(all(append.keep_slash(), "//a//"), ["/a/"]);
    }

    #[test]
    fn a_location_never_leads_to_another_host() {
        for path in
            ["//evil.example/", "/\\evil.example/", "///\\/evil.example/", "/\\/evil.example"]
        {
            let location = location(path, Some("a=//b"));
            assert!(location.starts_with('/'), "{location}");
            assert!(!location.starts_with("//") && !location.contains('\\'), "{location}");
            assert!(location.ends_with("?a=//b"));
        }
    }
}

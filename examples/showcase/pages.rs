//! Pages: templates that escape, assets under versioned addresses, and errors in the same clothes.

use std::convert::Infallible;
use std::sync::Arc;

use dunlin::http::HeaderValue;
use dunlin::web::{
    Accepts, ErrorView, FromParts, Group, Html, OrError, Redirect, Result, Statics, Urls, get,
    group, problem_details,
};
use dunlin::{IntoResponse, Request, Response};
use minijinja::{Environment, Value, context};

use crate::auth::Session;
use crate::state::TEMPLATES;
use crate::uploads::{STORE_MAX, UPLOAD_MAX};

/// What the pages are made of, within the program: it runs from anywhere.
const SOURCES: [(&str, &str); 9] = [
    ("base.html", include_str!("templates/base.html")),
    ("board.html", include_str!("templates/board.html")),
    ("files.html", include_str!("templates/files.html")),
    ("log.html", include_str!("templates/log.html")),
    ("numbers.html", include_str!("templates/numbers.html")),
    ("admin.html", include_str!("templates/admin.html")),
    ("unlock.html", include_str!("templates/unlock.html")),
    ("sign-in.html", include_str!("templates/sign-in.html")),
    ("error.html", include_str!("templates/error.html")),
];
const ASSETS: [(&str, &str); 10] = [
    ("style.css", include_str!("static/style.css")),
    ("icon.svg", include_str!("static/icon.svg")),
    ("api.js", include_str!("static/api.js")),
    ("board.js", include_str!("static/board.js")),
    ("dom.js", include_str!("static/dom.js")),
    ("files.js", include_str!("static/files.js")),
    ("live.js", include_str!("static/live.js")),
    ("log.js", include_str!("static/log.js")),
    ("numbers.js", include_str!("static/numbers.js")),
    ("plot.js", include_str!("static/plot.js")),
];

pub(crate) struct Templates(Environment<'static>);

impl Templates {
    /// Reads all templates, so that a mistake in one ends the start and not a request.
    pub(crate) fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    fn render(&self, name: &str, values: Value) -> Result<String, minijinja::Error> {
        self.0.get_template(name)?.render(values)
    }
}

/// What every page needs of its request, whoever asks for it.
pub(crate) struct Look {
    templates: Arc<Templates>,
    urls: Urls,
    path: String,
    pub(crate) over_tls: bool,
}

impl FromParts for Look {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(Self {
            templates: Arc::clone(req.state(&TEMPLATES)),
            urls: Urls::from_parts(req).await?,
            path: req.path().to_owned(),
            over_tls: req.scheme() == "https",
        })
    }
}

/// A page for those who are signed in; others are led to where they can do so, and back afterwards.
pub(crate) struct Page {
    look: Look,
    pub(crate) session: Session,
}

impl FromParts for Page {
    type Rejection = Redirect;

    async fn from_parts(req: &mut Request) -> Result<Self, Redirect> {
        let Ok(look) = Look::from_parts(req).await;
        match Session::of(req) {
            Some(session) => Ok(Self { look, session }),
            None => Err(Redirect::see_other(format!("/sign-in?next={}", req.path()))),
        }
    }
}

impl Page {
    pub(crate) fn over_tls(&self) -> bool {
        self.look.over_tls
    }

    pub(crate) async fn show(&self, template: &str, values: Value) -> Result<Response> {
        show(&self.look, Some(&self.session), template, values).await
    }
}

/// Renders a template, `values` beside what `base.html` needs.
pub(crate) async fn show(
    look: &Look,
    session: Option<&Session>,
    template: &str,
    values: Value,
) -> Result<Response> {
    let script = template.replace(".html", ".js");
    let has_script = ASSETS.iter().any(|(name, _)| *name == script);
    let script = match has_script {
        true => Some(look.urls.static_url("assets", &script).await?),
        false => None,
    };
    let style = look.urls.static_url("assets", "style.css").await?;
    let base = context! { path => look.path, session, style, script };
    let page = look.templates.render(template, context! { ..values, ..base });
    let page = page.or_internal()?;
    // Who goes back after signing out must not see it from the cache.
    Ok(Html(page)
        .into_response()
        .with_header(dunlin::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

pub(crate) fn routes() -> Group {
    group("").routes([
        get("/", async |page: Page| page.show("board.html", context! {}).await).name("board"),
        get("/files", files),
        get("/log", async |page: Page| page.show("log.html", context! {}).await),
        get("/numbers", async |page: Page| page.show("numbers.html", context! {}).await),
    ])
}

async fn files(page: Page) -> Result<Response> {
    let values = context! { upload_max => UPLOAD_MAX, store_max => STORE_MAX };
    page.show("files.html", values).await
}

/// Modules name each other without versions, so they are asked for anew each time: 304 as a rule. What is
/// named with its version is kept for a year all the same.
pub(crate) fn assets() -> Statics {
    Statics::memory("/assets", ASSETS)
        .name("assets")
        .cache_control(HeaderValue::from_static("no-cache"))
}

/// Errors as a page for browsers, as a problem document for scripts, and as text for others.
pub(crate) fn errors(templates: Arc<Templates>) -> impl Fn(&ErrorView<'_>) -> Response {
    move |view| {
        if view.accepts() != Accepts::Html {
            return problem_details(view);
        }
        let status = view.status();
        let values = context! {
            status => status.as_u16(),
            title => status.canonical_reason(),
            message => view.error.message(),
            style => "/assets/style.css",
        };
        match templates.render("error.html", values) {
            Ok(page) => Html(page).into_response(),
            Err(_) => problem_details(view),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_escaped() {
        let templates = Templates::new().unwrap();
        let values = context! { status => 404, message => "<script>alert(1)</script>" };
        let page = templates.render("error.html", values).unwrap();
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(!page.contains("<script>alert"), "{page}");
    }
}

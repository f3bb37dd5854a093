use dunlin::BoxError;
use dunlin::web::{Html, OrError, Redirect, Result, State, StateKey, Statics};
use dunlin::{IntoResponse, Response};
use minijinja::{Environment, context};

use crate::auth::Session;

pub type Templates = Environment<'static>;

pub static TEMPLATES: StateKey<Templates> = StateKey::new("templates");

pub fn templates() -> Result<Templates, BoxError> {
    let mut templates = Environment::new();
    templates.add_template("board.html", include_str!("../templates/board.html"))?;
    templates.add_template("sign-in.html", include_str!("../templates/sign-in.html"))?;
    Ok(templates)
}

pub fn assets() -> Statics {
    Statics::memory("/assets", [("board.js", include_str!("../static/board.js"))])
}

pub async fn board(session: Option<Session>, templates: State<Templates>) -> Result<Response> {
    let Some(session) = session else {
        return Ok(Redirect::see_other("/sign-in").into_response());
    };
    Ok(render(&templates, "board.html", context! { name => session.name })?.into_response())
}

pub async fn sign_in(templates: State<Templates>) -> Result<Html<String>> {
    render(&templates, "sign-in.html", context! {})
}

fn render(templates: &Templates, name: &str, values: minijinja::Value) -> Result<Html<String>> {
    let page = templates.get_template(name).and_then(|template| template.render(values));
    Ok(Html(page.or_internal()?))
}

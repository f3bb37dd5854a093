//! `Urls`: URLs of named routes, beside an argument that takes the request.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use dunlin_core::{FromParts, Request, Scope, UrlError};

/// Makes URLs of named routes, as [`Request::url_for`] does, for handlers whose last argument takes
/// the request away.
///
/// ```
/// use dunlin_web::{App, Redirect, Result, Urls, resource};
///
/// async fn create(urls: Urls, body: String) -> Result<Redirect> {
///     let id = body.len().to_string();
///     Ok(Redirect::see_other(urls.url_for("note", [("id", &*id)])?))
/// }
/// async fn show() -> &'static str { "note" }
///
/// let app = App::new()
///     .add_post("/notes", create)
///     .routes([resource("/notes/{id}").get(show).name("note")]);
/// app.build().unwrap();
/// ```
#[derive(Clone)]
pub struct Urls(Option<Arc<dyn Scope>>);

impl Urls {
    /// The URL of a named route, its captures filled with `params`.
    ///
    /// # Errors
    ///
    /// [`UrlError`] where no route has that name, or the parts do not fit its pattern.
    pub fn url_for<'a>(
        &self,
        name: &str,
        params: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<String, UrlError> {
        let scope = self.0.as_ref().ok_or(UrlError::NotRouted)?;
        let params: Vec<_> = params.into_iter().collect();
        scope.url_for(name, &params).map_err(|source| UrlError::Unfit { name: name.into(), source })
    }

    /// The URL of a file of named [`Statics`](crate::Statics), with the version of its content: for example
    /// `/assets/app.js?v=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU`.
    ///
    /// The version is the SHA-256 of the content, remembered until size or time of the file change (for 4096
    /// files, then all are hashed anew). A file that is not there has a URL and no version. Of two names the nearer app's counts, as for routes.
    ///
    /// ```
    /// use dunlin_web::{App, Html, Result, Statics, Urls};
    ///
    /// async fn index(urls: Urls) -> Result<Html<String>> {
    ///     let script = urls.static_url("assets", "app.js").await?;
    ///     Ok(Html(format!("<script src=\"{script}\"></script>")))
    /// }
    ///
    /// let app = App::new()
    ///     .add_static(Statics::memory("/assets", [("app.js", "alert(1)")]).name("assets"))
    ///     .add_get("/", index);
    /// # app.build().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`url_for`](Self::url_for).
    #[cfg(feature = "files")]
    pub async fn static_url(&self, name: &str, file: &str) -> Result<String, UrlError> {
        let mut url = self.url_for(name, [("path", file)])?;
        let scope = self.0.as_ref().ok_or(UrlError::NotRouted)?;
        let ty = std::any::TypeId::of::<crate::statics::Files>();
        let files = scope.state(ty, Some(name));
        if let Some(files) = files.and_then(|any| any.downcast_ref::<crate::statics::Files>())
            && let Some(version) = files.version(file).await
        {
            url.push_str("?v=");
            url.push_str(&version);
        }
        Ok(url)
    }
}

impl FromParts for Urls {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(Self(req.scope().cloned()))
    }
}

impl fmt::Debug for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Urls")
    }
}

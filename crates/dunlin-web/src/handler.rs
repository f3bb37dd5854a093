//! Functions as handlers: arguments are taken from the request, the result becomes the response.

use std::marker::PhantomData;
use std::sync::Arc;

use dunlin_core::{
    BoxFuture, CheckError, FromParts, FromRequest, IntoResponse, Request, Response, RouteInfo,
};

use crate::error;

/// What a route calls.
///
/// Every `async fn` is one whose arguments implement [`FromParts`], up to twelve of them, and whose
/// last may implement [`FromRequest`] instead, which is what reads the body. Closures that return
/// an `async` block are, too. The result is anything that implements [`IntoResponse`].
///
/// ```
/// use dunlin_web::{App, Path, Query, Result};
/// use dunlin_core::Request;
///
/// #[derive(serde::Deserialize)]
/// struct Page { page: u32 }
///
/// async fn index() -> &'static str { "hello" }
/// async fn list(Path(user): Path<String>, Query(q): Query<Page>) -> String {
///     format!("{user}, page {}", q.page)
/// }
/// async fn echo(req: Request) -> Result { Ok(dunlin_core::Response::new(req.bytes().await?)) }
///
/// let app = App::new()
///     .add_get("/", index)
///     .add_get("/{user}/notes", list)
///     .add_post("/echo", echo)
///     .add_get("/closure", || async { "hi" });
/// app.build().unwrap();
/// ```
///
/// `Args` only tells implementations apart; nobody writes it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler: an argument, the result or the future does not fit",
    note = "a handler is an `async fn`, `Clone + Send + Sync + 'static`, with a `Send` future: nothing like `Rc` or a `MutexGuard` is kept across an `.await`",
    note = "its arguments implement `FromParts` (`Path<T>`, `Query<T>`, `State<T>`, …); the last alone may read the body (`Json<T>`, `Form<T>`, `String`, `Request`, …: `FromRequest`), and each `T` but that of `State` is `serde::Deserialize`",
    note = "its result implements `IntoResponse`: text, `Json<T>` of a `serde::Serialize`, `Response`, a `StatusCode`, a tuple of these, or a `Result` of them whose error is `HttpError` or implements `IntoResponse`"
)]
pub trait Handler<Args>: Clone + Send + Sync + 'static {
    /// Begins to handle a request. By value, since a function item has no bytes to copy.
    fn call(self, req: Request) -> impl Future<Output = Response> + Send + 'static;

    /// What the handler's arguments lack on a route: asked once, when the app is built.
    fn check(route: &RouteInfo<'_>) -> Vec<CheckError> {
        let _ = route;
        Vec::new()
    }
}

impl<F, Fut> Handler<()> for F
where
    F: FnOnce() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn call(self, req: Request) -> impl Future<Output = Response> + Send + 'static {
        // It asks for nothing of the request, so its future need not carry it.
        drop(req);
        async move { answer::<F>(self().await) }
    }
}

/// What a handler returns as a response; of a failure it is noted whose it is, for the log.
#[inline]
fn answer<F>(result: impl IntoResponse) -> Response {
    let mut response = result.into_response();
    if response.status().is_server_error() {
        error::handled_by(std::any::type_name::<F>(), &mut response);
    }
    response
}

macro_rules! handlers {
    ($($arg:ident)* | $last:ident) => {
        impl<F, Fut, Via, $($arg,)* $last> Handler<(Via, $($arg,)* $last)> for F
        where
            F: FnOnce($($arg,)* $last) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output: IntoResponse> + Send + 'static,
            Via: 'static,
            $($arg: FromParts + 'static,)*
            $last: FromRequest<Via> + 'static,
        {
            #[allow(non_snake_case, unused_mut)]
            async fn call(self, mut req: Request) -> Response {
                $(let $arg = match $arg::from_parts(&mut req).await {
                    Ok(arg) => arg,
                    Err(rejection) => return rejection.into_response(),
                };)*
                let $last = match $last::from_request(req).await {
                    Ok(arg) => arg,
                    Err(rejection) => return rejection.into_response(),
                };
                answer::<F>(self($($arg,)* $last).await)
            }

            fn check(route: &RouteInfo<'_>) -> Vec<CheckError> {
                [$($arg::check(route),)* $last::check(route)]
                    .into_iter()
                    .filter_map(std::result::Result::err)
                    .collect()
            }
        }
    };
}

handlers!(| A);
handlers!(A | B);
handlers!(A B | C);
handlers!(A B C | D);
handlers!(A B C D | E);
handlers!(A B C D E | G);
handlers!(A B C D E G | H);
handlers!(A B C D E G H | I);
handlers!(A B C D E G H I | J);
handlers!(A B C D E G H I J | K);
handlers!(A B C D E G H I J K | L);
handlers!(A B C D E G H I J K L | M);
handlers!(A B C D E G H I J K L M | N);

/// A handler behind a pointer, as routes keep it.
pub(crate) trait Erased: Send + Sync {
    /// Boxes the handler's future: the one allocation of a request.
    fn call(&self, req: Request) -> BoxFuture<'static, Response>;

    fn check(&self, route: &RouteInfo<'_>) -> Vec<CheckError>;

    /// The function's path, for tables and messages.
    fn name(&self) -> &'static str;
}

pub(crate) fn erase<A: 'static>(handler: impl Handler<A>) -> Arc<dyn Erased> {
    Arc::new(Eraser { handler, args: PhantomData })
}

struct Eraser<H, A> {
    handler: H,
    args: PhantomData<fn() -> A>,
}

impl<H: Handler<A>, A: 'static> Erased for Eraser<H, A> {
    fn call(&self, req: Request) -> BoxFuture<'static, Response> {
        Box::pin(self.handler.clone().call(req))
    }

    fn check(&self, route: &RouteInfo<'_>) -> Vec<CheckError> {
        H::check(route)
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<H>()
    }
}

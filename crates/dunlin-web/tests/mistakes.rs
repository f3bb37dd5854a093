//! Mistakes in an app: found when it is built, all at once, each with its place.

use dunlin_core::{CheckError, FromParts, IntoService, Request, RouteInfo, StateKey};
use dunlin_web::{App, BuildError, Path, State, get, group, resource};

static NUMBER: StateKey<u32> = StateKey::new("number");
static OTHER: StateKey<u32> = StateKey::new("other");
static TEXT: StateKey<String> = StateKey::new("text");

async fn ok() -> &'static str {
    "ok"
}

async fn needs_text(text: State<String>) -> String {
    text.clone()
}

async fn needs_number(number: State<u32>) -> String {
    number.to_string()
}

async fn takes_id(Path(id): Path<u32>) -> String {
    id.to_string()
}

fn mistakes(app: App) -> Vec<BuildError> {
    app.build().map(drop).map_or_else(|errors| errors.into_iter().collect(), |()| Vec::new())
}

/// The one mistake of an app, as text.
fn mistake(app: App) -> String {
    let all = mistakes(app);
    assert_eq!(all.len(), 1, "{all:?}");
    let at = all[0].location();
    assert!(at.file().ends_with("mistakes.rs"), "{at}");
    let text = all[0].to_string();
    assert!(text.starts_with(&at.to_string()), "{text}");
    text
}

#[track_caller]
fn assert_told(app: App, words: &[&str]) {
    let text = mistake(app);
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let line = line!();
    let app = App::new()
        .state(&NUMBER, 1)
        .state(&NUMBER, 2)
        .add_get("no-slash", ok)
        .add_get("/{open", ok)
        .add_get("/same", ok)
        .add_get("/same", ok)
        .add_get("/{id}/{n}", takes_id)
        .add_get("/text", needs_text)
        .routes([resource("/empty"), get("/named", ok).name("not a name")])
        .nest("/", App::new());
    let errors = app.build().unwrap_err();
    let lines: Vec<u32> = errors.iter().map(|error| error.location().line() - line).collect();
    for expected in [3, 4, 5, 7, 8, 9, 10, 11] {
        assert!(lines.contains(&expected), "{expected} is not in {lines:?}: {errors}");
    }
    let text = errors.to_string();
    assert!(text.starts_with(&format!("the app has {} mistakes:", lines.len())), "{text}");
    assert_eq!(format!("{errors:?}"), text, "what `main` and `unwrap` print reads as well");
}

#[test]
fn handlers_are_checked_against_their_routes() {
    assert_told(
        App::new().add_get("/x", takes_id),
        &["GET `/x`", "takes_id", "takes 1 capture by `Path`, and the pattern has 0"],
    );
    assert_told(App::new().add_post("/x", needs_text), &["POST `/x`", "needs_text", ".provides("]);
    let two = App::new().state(&NUMBER, 1).state(&OTHER, 2).add_get("/x", needs_number);
    assert_told(two, &["\"number\"", "\"other\"", "req.state(&KEY)"]);
    assert_told(App::new().fallback(needs_text), &["fallback", "needs_text"]);
    let nested = App::new().nest("/a/{b}", App::new().add_get("/{c}", takes_id));
    assert_told(nested, &["`/a/{b}/{c}`", "has 2"]);
    assert!(mistakes(App::new().state(&NUMBER, 1).add_get("/x", needs_number)).is_empty());
    assert!(mistakes(App::new().provides(&TEXT).add_get("/x", needs_text)).is_empty());
}

#[test]
fn the_syntax_of_other_routers_is_told_to_who_misses_a_capture() {
    for pattern in ["/:id", "/x/*rest", "/<id>"] {
        assert_told(
            App::new().add_get(pattern, takes_id),
            &[
                "the pattern has 0; captures are written `{name}`, and `{name:.*}` for the rest of a path",
            ],
        );
    }
    let plain = mistake(App::new().add_get("/x", takes_id));
    assert!(!plain.contains("are written"), "{plain}");
    for pattern in ["/{*rest}", "/{rest...}"] {
        assert_told(App::new().add_get(pattern, ok), &["write `{name:.*}`"]);
    }
}

#[test]
fn extractors_of_others_check_their_routes_too() {
    struct Odd;

    impl FromParts for Odd {
        type Rejection = std::convert::Infallible;

        fn check(route: &RouteInfo<'_>) -> Result<(), CheckError> {
            match route.captures().len() % 2 {
                1 => Ok(()),
                _ => Err(CheckError::Other("an odd number of captures is needed".into())),
            }
        }

        async fn from_parts(_: &mut Request) -> Result<Self, Self::Rejection> {
            Ok(Self)
        }
    }

    async fn odd(_: Odd, _: String) {}
    assert_told(App::new().add_post("/", odd), &["odd number"]);
    assert!(mistakes(App::new().add_post("/{a}", odd)).is_empty());
}

#[test]
fn patterns_and_methods_are_checked() {
    assert_told(App::new().add_get("/{a}/{a}", ok), &["`a`"]);
    assert_told(App::new().add_get(r"/{a:[}", ok), &["constraint"]);
    assert_told(App::new().group(group("api").add_get("/x", ok)), &["`api`", "begin it with `/`"]);
    assert_told(App::new().group(group("/api").add_get("x", ok)), &["`x`", "begin it with `/`"]);
    assert_told(App::new().add_route("get", "/", ok), &["`get`", "capitals"]);
    assert_told(App::new().add_route("G T", "/", ok), &["`G T`"]);
    assert_told(App::new().add_any("/", ok).add_get("/", ok), &["`*`"]);
    assert_told(App::new().routes([resource("/x")]), &["`/x`", ".get(..)"]);
    let in_child = App::new().add_get("/a/b", ok).nest("/a", App::new().add_get("/b", ok));
    assert_told(in_child, &["`/a/b`", "already"]);
}

#[test]
fn mounts_and_hosts_are_checked() {
    for prefix in ["", "/", "//", "admin"] {
        assert_told(App::new().nest(prefix, App::new()), &["no prefix"]);
    }
    assert_told(App::new().nest("/{t:.*}", App::new()), &["tail"]);
    let twice = App::new().nest("/a", App::new()).nest("/a/", App::new());
    assert_told(twice, &["`/a`"]);
    assert_told(App::new().host("http://a", App::new()), &["scheme"]);
    let nested = App::new().nest("/a", App::new().host("b.c", App::new()));
    assert_told(nested, &["`b.c`", "outermost"]);
}

#[test]
fn names_are_checked_app_by_app() {
    let named = |path: &str, name: &str| get(path, ok).name(name);
    assert_told(App::new().routes([named("/", "a b")]), &["`a b`"]);
    let twice = App::new().routes([named("/a", "n"), named("/b", "n")]);
    assert_told(twice, &["`n`", "`/a`"]);
    let shared = |name: &str| App::new().routes([resource("/x").get(ok).put(ok).name(name)]);
    assert_told(shared("x.y:z-1"), &["`x.y:z-1`", "identifiers"]);
    assert!(mistakes(shared("x.y:z-a")).is_empty());
    let fine =
        App::new().routes([named("/a", "n")]).nest("/c", App::new().routes([named("/b", "n")]));
    assert!(mistakes(fine).is_empty());
}

#[test]
fn a_key_has_one_value_in_one_app() {
    assert_told(
        App::new().state(&NUMBER, 1).state(&NUMBER, 2),
        &["`number`", "u32", "mistakes.rs", "remove one"],
    );
    let shadowed = App::new().state(&NUMBER, 1).nest("/a", App::new().state(&NUMBER, 2));
    assert!(mistakes(shadowed).is_empty());
}

#[test]
fn a_server_gets_the_same_errors() {
    assert!(App::new().add_get("x", ok).into_service().is_err());
    assert!(App::new().add_get("/x", ok).into_service().is_ok());
}

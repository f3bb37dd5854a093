//! Path and host patterns to values, and named patterns to URLs.
//!
//! Knows nothing of HTTP beyond its words: a method is a token, a path is text. Use it under a
//! server of your own, for the rules of a proxy, or wherever paths choose between things.
//!
//! ```
//! use dunlin_router::{Outcome, Router};
//!
//! let mut routes = Router::builder();
//! let show = routes.add_method("GET", r"/users/{id:\d+}", "show a user");
//! routes.name(show, "user");
//! let router = routes.build()?;
//!
//! let Outcome::Found(found) = router.find("GET", "/users/7") else { panic!("not found") };
//! assert_eq!((*found.value(), found.get("id")), ("show a user", Some("7")));
//! assert_eq!(router.url_for("user")?.param("id", 7).build()?, "/users/7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Patterns
//!
//! | pattern | matches | captures |
//! | --- | --- | --- |
//! | `/users/me` | that path alone, with that slash or lack of one at its end | |
//! | `/users/{id}` | one segment that is not empty | `id` |
//! | `/users/{id:\d+}` | one segment that the regex matches from end to end | `id` |
//! | `/img-{id}.{ext}` | literals around captures, any number in a segment | `id`, `ext` |
//! | `/files/{path:.*}` | all the rest, slashes included, even nothing | `path` |
//! | `/files/{path:.+}` | all the rest, at least one byte | `path` |
//!
//! Names are `[_A-Za-z][_A-Za-z0-9]*`, each once in a pattern. A regex may have braces. It sees one
//! segment, so one that could match `/` is refused when the table is built. In it `\d`, `\w` and `\s`
//! mean ASCII. Of several captures in a segment, the leftmost takes as much as it can.
//!
//! **Order.** At each point of a path, literals are tried first, then captures with a constraint or
//! a literal in their segment (in the order of registration), then free captures, then tails. The
//! order of registration matters nowhere else, and a dead end is backed out of: a path that some
//! pattern matches is always found.
//!
//! **Escapes.** A path is matched decoded, except that `%2F` and `%25` stay as they are: `/a%2Fb` is
//! one segment. Captures are ranges of the path as received; [`Match::decoded`] decodes them.
//! Patterns are read in the same way, so `/café` and `/caf%C3%A9` are one pattern.
//!
//! **Methods.** A pattern that matches without having the method does not end the search. If no
//! pattern has it, the outcome lists the methods of all that match. `GET` routes answer `HEAD`.
//!
//! # Mistakes
//!
//! Registration never fails. [`RouterBuilder::build`] reports every mistake at once, each with the
//! file and line that made it: malformed patterns, methods registered twice, patterns that an
//! earlier one hides.
//!
//! # Modules
//!
//! All private; their types are here. `pattern` parses, `constraint` decides what a regex becomes,
//! `tree` holds the patterns and walks paths, `params` and `methods` are what a walk collects.
//! `builder` checks, with `shadow` for what is never reached and `error` for the words; `router` and
//! `table` answer, `url` goes the other way, `host` chooses by host name, `escape` has the rules for
//! `%`.
//!
//! # Costs
//!
//! A walk enters each node of the tree at most once, and literals are merged in it, so its length
//! depends on the path, not on the number of routes. Only captures with a constraint or a literal behind
//! them are tried one after the other, where several patterns have such at the same place. It allocates nothing for up to four captures,
//! unless the path has a `%` (one buffer). The regex engine is entered for constraints that are
//! neither one repeated character class nor a choice of words, and for segments with several
//! captures of which one is constrained. No path, however hostile, takes more than linear time per
//! pattern that it resembles.
#![forbid(unsafe_code)]

mod builder;
mod constraint;
mod error;
mod escape;
mod host;
mod literals;
mod methods;
mod params;
mod pattern;
mod router;
mod shadow;
mod table;
mod tree;
mod url;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use builder::RouterBuilder;
pub use error::{BuildError, BuildErrors, PatternError};
pub use escape::{DecodeError, check_escapes, decode};
pub use host::{HostError, HostPattern, HostRouter, HostRouterBuilder};
pub use methods::Allow;
pub use params::Captures;
pub use pattern::Pattern;
pub use router::{Match, Outcome, RouteId, Router};
pub use table::Route;
pub use url::{UrlBuilder, UrlError};

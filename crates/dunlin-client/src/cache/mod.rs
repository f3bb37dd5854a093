//! A private HTTP cache (RFC 9111) as middleware, in memory or on disk.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use dunlin_client::cache::{Cache, CacheStatus, MemoryStore};
//! use dunlin_client::{Client, InProcess};
//! use dunlin_core::{Request, Response};
//! use http::HeaderValue;
//! use http::header::CACHE_CONTROL;
//!
//! let service = |_: Request| async {
//!     Response::new("dunlin").with_header(CACHE_CONTROL, HeaderValue::from_static("max-age=60"))
//! };
//! let cache = Cache::new(MemoryStore::new(16 * 1024 * 1024));
//! let client = Client::builder().with(cache).with(InProcess::new(service)).build()?;
//! for status in [CacheStatus::Miss, CacheStatus::Hit] {
//!     let response = client.get("http://a/bird").send().await?;
//!     assert_eq!(response.extensions().get(), Some(&status));
//!     assert_eq!(response.text().await?, "dunlin");
//! }
//! # Ok::<(), dunlin_client::Error>(()) }).unwrap();
//! ```
//!
//! # What is kept
//!
//! Responses to GET that their server and request allow, each once it has been read to its end; one
//! that is dropped before, or breaks off, is not. Partial content is not, nor what says `Vary: *`.
//! `Set-Cookie` is taken out: the cookies were set when the response came. What was under way while its
//! URL was changed by this client is not kept.
//!
//! A private cache is one person's, and a program may act for several people. So each `Authorization`
//! has responses of its own, each login that middleware behind the cache [adds](crate::Middleware::identity),
//! each [`TlsConfig`](crate::TlsConfig), and each `Cookie` where a response says `private`. Who is told
//! apart by other means needs a cache of their own, unless the server says `Vary`.
//!
//! # What is asked again
//!
//! A stored response is used while it is fresh: `max-age`, `Expires`, or a tenth of the time since
//! `Last-Modified`. After that it is validated by `ETag` and `Last-Modified`; a 304 makes it fresh
//! again. What was stored by a clock that was set back since is stale. `stale-while-revalidate` answers
//! at once and validates behind it, `stale-if-error` answers where the server fails. A request's
//! `no-store`, `no-cache`, `max-age`, `max-stale`, `min-fresh` and `only-if-cached` are kept to.
//! Successful requests by unsafe methods remove what is stored for their URL, and for `Location` and
//! `Content-Location` of the same origin.
//!
//! Requests with `Range` or conditions of their own pass by. The order matters: middleware before the
//! cache sees every request, middleware behind it those that are sent. Digest credentials and retries
//! go behind.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `layer` | the middleware: find, answer, validate, invalidate |
//! | `policy`, `control` | RFC 9111's rules, without I/O and clock |
//! | `entry` | a stored response |
//! | `shelf` | the stored responses of one URL |
//! | `tee` | what is read is kept |
//! | `store`, `memory`, `disk`, `lru` | where bytes are kept |

mod control;
mod disk;
mod entry;
mod layer;
mod lru;
mod memory;
mod policy;
mod shelf;
mod store;
mod tee;

pub use self::disk::DiskStore;
pub use self::layer::{Cache, CacheStatus};
pub use self::memory::MemoryStore;
pub use self::store::CacheStore;

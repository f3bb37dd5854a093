//! Routes: as they are written, as they are kept, and how a request takes one.

mod def;
mod dispatch;
mod endpoint;
mod group;
mod table;
#[cfg(feature = "websocket")]
mod upgraded;

pub use self::def::{RouteDef, any, delete, get, head, options, patch, post, put, resource, route};
pub use self::dispatch::Dispatch;
pub(crate) use self::dispatch::{Guard, Misses, Mounted, Table, Tables, Watched, missed};
pub(crate) use self::endpoint::{Endpoint, Hooks, OnError, Prepare};
pub use self::group::{Group, group};
pub(crate) use self::group::{Item, Place};
pub use self::table::{RouteView, Routes};

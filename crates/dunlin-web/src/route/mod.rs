//! Routes: as they are written, as they are kept, and how a request takes one.

mod def;
mod dispatch;
mod endpoint;
mod group;
mod guard;
mod table;
#[cfg(feature = "websocket")]
mod upgraded;
mod view;

pub use self::def::{RouteDef, any, delete, get, head, options, patch, post, put, resource, route};
pub use self::dispatch::Dispatch;
pub(crate) use self::dispatch::{Misses, Mounted, Stage, Table, Tables, Watched, missed};
pub(crate) use self::endpoint::{Alternative, Endpoint, Hooks, OnError, Prepare};
pub use self::group::{Group, group};
pub(crate) use self::group::{Item, Place};
pub use self::guard::{Guard, header_is, host_is};
pub use self::table::{RouteView, Routes};
pub use self::view::{View, view};

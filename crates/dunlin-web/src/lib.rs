//! Applications for Dunlin: routes, handlers, extractors, middleware, lifecycle signals.
#![forbid(unsafe_code)]

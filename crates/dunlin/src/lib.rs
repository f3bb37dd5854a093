//! HTTP server toolkit with simple routing, middleware and lifecycle signals, over a zero-copy HTTP/1.1 codec.
#![forbid(unsafe_code)]

//! Listeners, connection driver and graceful shutdown for Dunlin services.
#![forbid(unsafe_code)]

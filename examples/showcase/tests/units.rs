//! The unit tests in the showcase's own files. Cargo would run them as `test = true` of the example, and then
//! not build the program that the other tests start.
#![allow(dead_code, reason = "what only `main` uses")]

#[path = "../admin.rs"]
mod admin;
#[path = "../auth.rs"]
mod auth;
#[path = "../db.rs"]
mod db;
#[path = "../live.rs"]
mod live;
#[path = "../log.rs"]
mod log;
#[path = "../notes.rs"]
mod notes;
#[path = "../numbers.rs"]
mod numbers;
#[path = "../options.rs"]
mod options;
#[path = "../pages.rs"]
mod pages;
#[path = "../signed.rs"]
mod signed;
#[path = "../state.rs"]
mod state;
#[path = "../uploads.rs"]
mod uploads;

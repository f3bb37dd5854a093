//! The unit tests in the showcase's own files. Cargo would run them as `test = true` of the example, and then
//! not build the program that the other tests start.
#![allow(dead_code, reason = "what only `main` uses")]

#[path = "../showcase/admin.rs"]
mod admin;
#[path = "../showcase/auth.rs"]
mod auth;
#[path = "../showcase/db.rs"]
mod db;
#[path = "../showcase/live.rs"]
mod live;
#[path = "../showcase/log.rs"]
mod log;
#[path = "../showcase/notes.rs"]
mod notes;
#[path = "../showcase/numbers.rs"]
mod numbers;
#[path = "../showcase/options.rs"]
mod options;
#[path = "../showcase/pages.rs"]
mod pages;
#[path = "../showcase/signed.rs"]
mod signed;
#[path = "../showcase/state.rs"]
mod state;
#[path = "../showcase/uploads.rs"]
mod uploads;

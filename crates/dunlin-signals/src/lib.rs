//! Ordered asynchronous callbacks, frozen before use, and setup-and-teardown pairs.
#![forbid(unsafe_code)]

//! Path and host patterns to values, and named patterns to URLs; knows nothing of HTTP.
#![forbid(unsafe_code)]

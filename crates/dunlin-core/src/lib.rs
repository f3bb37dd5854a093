//! Vocabulary and traits of the Dunlin HTTP toolkit: messages, bodies, headers, services, extraction.
#![forbid(unsafe_code)]

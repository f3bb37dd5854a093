//! Multipart bodies without I/O (RFC 2046 §5.1, RFC 7578).

#![forbid(unsafe_code)]

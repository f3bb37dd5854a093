//! Cookies, as a client keeps them (RFC 6265bis).

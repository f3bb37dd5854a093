//! Zero-copy HTTP/1.1 codec without I/O: heads, bodies and connection state machines.

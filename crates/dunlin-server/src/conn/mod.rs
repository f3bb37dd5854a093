//! One connection: the driver that joins a socket, the codec and a service.
//!
//! | file | what it does |
//! | --- | --- |
//! | `h1` | the HTTP/1.1 driver, a hand-written future |
//! | `exchange` | one request's answer inside it |
//! | `input`, `output` | bytes read ahead and bytes not yet written, without a buffer while idle |
//! | `peer` | a peer that goes while a handler runs |
//! | `sendfile` | files that the kernel sends |
//! | `upgraded` | what a connection was handed over to, and how it learns of the shutdown |
//! | `wait` | what the connection waits for and for how long |

mod exchange;
mod h1;
mod input;
mod output;
mod pace;
mod peer;
mod sendfile;
mod upgraded;
mod wait;

pub(crate) use self::h1::Http1;

//! The test tools themselves, over apps of `dunlin-web`.
#![allow(missing_docs)]

mod client;
mod network;
mod server;
#[cfg(feature = "tls")]
mod tls;

use std::sync::{Arc, Mutex};

use dunlin_web::App;

/// What the steps of an app wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn write(&self, text: &'static str) {
        self.0.lock().unwrap().push(text);
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().join(" ")
    }

    /// An app with a step of each kind, and a route that says `hello`.
    fn app(&self) -> App {
        let step = |text| {
            let log = self.clone();
            move || log.write(text)
        };
        let (start, stop, clean) = (step("startup"), step("shutdown"), step("cleanup"));
        App::new()
            .on_startup(move |_| {
                start();
                async {}
            })
            .on_shutdown(move |_| {
                stop();
                async {}
            })
            .on_cleanup(move |_| {
                clean();
                async {}
            })
            .add_get("/", || async { "hello" })
    }
}

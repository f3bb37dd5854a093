//! The testbed as a process of its own, built as it is released.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A testbed that runs; it ends with this value.
pub(crate) struct Testbed {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Testbed {
    /// Builds it with the cargo that runs this, and starts it on a free port.
    pub(crate) fn start(args: &[&str]) -> io::Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--package", "dunlin-examples", "--example", "testbed"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()?;
        if !built.success() {
            return Err(io::Error::other("the testbed cannot be built"));
        }
        // This is target/release/deps/NAME-HASH.
        let mut program = env::current_exe()?;
        program.pop();
        program.set_file_name("examples/testbed");
        let mut child = Command::new(program).args(args).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().rsplit('/').next().and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| io::Error::other("the testbed tells no address"))?;
        Ok(Self { address, child })
    }

    /// Memory that it has resident, in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// CPU time that it has used so far, in seconds.
    pub(crate) fn cpu(&self) -> io::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.child.id()))?;
        let nanos = stat.split(' ').next().and_then(|text| text.parse::<f64>().ok());
        nanos.map(|nanos| nanos / 1e9).ok_or_else(|| io::Error::other("no schedstat"))
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

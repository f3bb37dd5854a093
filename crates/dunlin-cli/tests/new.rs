//! `dunlin new`: what it writes builds, passes its tests, serves, and ends well.

mod util;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use util::{fails, ok};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The directory that this test was built in, whose crates the project uses too.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dunlin")).parent().unwrap().parent().unwrap()
}

/// Runs cargo in the project: without network first, because all that it needs has been fetched for this test.
fn cargo(project: &Path, args: &[&str]) -> Output {
    let run = |more: &[&str]| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(project).args(args).args(more).env("CARGO_TARGET_DIR", target());
        command.output().unwrap()
    };
    let offline = run(&["--offline"]);
    if offline.status.success() { offline } else { run(&[]) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_builds_passes_its_tests_and_serves() {
    // At the same place each time, so that cargo need not begin anew.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    let project = dir.join("below/new-birds");
    let checkout = workspace();
    let out = ok(&["new", "--path", checkout.to_str().unwrap(), project.to_str().unwrap()]).await;
    assert!(out.stdout.contains("cargo test"), "{out:?}");
    assert_eq!(util::names(&project), [".gitignore", "Cargo.toml", "README.md", "src", "tests"]);
    // The same versions of everything, so that nothing is compiled that has been.
    let lock = checkout.join("Cargo.lock");
    if lock.exists() {
        std::fs::copy(lock, project.join("Cargo.lock")).unwrap();
    }

    let tested = cargo(&project, &["test", "--quiet"]);
    let told = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{told}{}", String::from_utf8_lossy(&tested.stderr));
    assert!(told.contains("3 passed"), "{told}");

    // Built with the tests beside `src/`.
    let mut child = tokio::process::Command::new(target().join("debug/new-birds"))
        .env("ADDRESS", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut banner = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut banner).await.unwrap();
    let url = banner.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let out = ok(&["get", &format!("{url}/hello/Ada")]).await;
    assert_eq!(out.stdout, r#"{"message":"Hello, Ada!"}"#);
    let pid = rustix::process::Pid::from_raw(child.id().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten_and_no_name_taken_that_cargo_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(dir.path().join("there")).unwrap();
    std::fs::write(dir.path().join("file"), "mine").unwrap();
    let out = fails(7, &["new", &at("there")]).await;
    assert!(out.stderr.contains("is there already"), "{out:?}");
    assert!(util::names(&dir.path().join("there")).is_empty());
    fails(7, &["new", &at("file")]).await;
    assert_eq!(std::fs::read_to_string(dir.path().join("file")).unwrap(), "mine");
    for name in ["fn", "1st", "dunlin", "a b", ".."] {
        let out = fails(2, &["new", &at(name)]).await;
        assert!(out.stderr.contains("name"), "{out:?}");
    }
    let out = fails(7, &["new", "--path", &at("there"), &at("birds")]).await;
    assert!(out.stderr.contains("no checkout of Dunlin"), "{out:?}");
    assert_eq!(util::names(dir.path()), ["file", "there"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn below_another_package_a_project_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("Cargo.toml"), "[workspace]\nmembers = []\n").unwrap();
    let project = dir.path().join("birds");
    let checkout = workspace();
    ok(&["new", "--path", checkout.to_str().unwrap(), project.to_str().unwrap()]).await;
    let read = cargo(&project, &["metadata", "--no-deps", "--format-version", "1"]);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

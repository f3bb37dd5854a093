//! Jars in files.

use std::fs;

use dunlin_client::cookies::{CookieJar, LoadError, SessionCookies, SetCookie};

fn jar() -> CookieJar {
    let jar = CookieJar::new();
    let url = "https://www.example.com/".parse().unwrap();
    for field in ["a=1", "b=2; Domain=example.com; Path=/x; Secure; HttpOnly; Max-Age=9999"] {
        jar.add(SetCookie::parse(field.as_bytes()).unwrap(), &url).unwrap();
    }
    jar
}

#[tokio::test]
async fn loading_replaces_what_the_jar_held() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jar.json");
    let saved = jar();
    saved.save(&path, SessionCookies::Keep).await.unwrap();

    let loaded = CookieJar::new();
    let url = "http://other.example/".parse().unwrap();
    loaded.add(SetCookie::new("gone", "1").unwrap(), &url).unwrap();
    assert_eq!(loaded.load(&path).await.unwrap(), 2);
    assert_eq!(loaded.cookies(), saved.cookies());
}

#[tokio::test]
async fn session_cookies_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jar.json");
    jar().save(&path, SessionCookies::Drop).await.unwrap();
    let loaded = CookieJar::new();
    assert_eq!(loaded.load(&path).await.unwrap(), 1);
    assert_eq!(loaded.cookies()[0].name(), "b");
}

#[tokio::test]
async fn saving_anew_leaves_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jar.json");
    fs::write(&path, "old").unwrap();
    for _ in 0..3 {
        jar().save(&path, SessionCookies::Keep).await.unwrap();
    }
    assert_eq!(CookieJar::new().load(&path).await.unwrap(), 2);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jar.json");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    jar().save(&path, SessionCookies::Keep).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    jar().save_netscape_file(&path).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_failed_save_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    // A directory cannot be replaced by a file.
    let path = dir.path().join("jar.json");
    fs::create_dir(&path).unwrap();
    assert!(jar().save(&path, SessionCookies::Keep).await.is_err());
    assert!(jar().save(dir.path().join("none/jar.json"), SessionCookies::Keep).await.is_err());
    assert!(jar().save("/", SessionCookies::Keep).await.is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_failed_load_leaves_the_jar_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jar.json");
    let jar = jar();
    assert!(matches!(jar.load(&path).await, Err(LoadError::Io(_))));
    fs::write(&path, "{\"version\":1").unwrap();
    assert!(matches!(jar.load(&path).await, Err(LoadError::Json(_))));
    fs::write(&path, "{\"version\":2,\"cookies\":[]}").unwrap();
    assert!(matches!(jar.load(&path).await, Err(LoadError::Version(2))));
    assert_eq!(jar.len(), 2);
}

#[test]
fn cookies_that_may_not_be_are_passed_over() {
    let cookie = |name: &str, domain: &str, path: &str, expires: &str| {
        format!(
            "{{\"name\":\"{name}\",\"value\":\"\",\"domain\":\"{domain}\",\"host_only\":false,\
             \"path\":\"{path}\",{expires}\"secure\":false,\"http_only\":false,\
             \"creation\":0,\"last_access\":18446744073709551615}}"
        )
    };
    let cookies = [
        cookie("good", "example.com", "/", ""),
        cookie("suffix", "co.uk", "/", ""),
        cookie("case", "Example.com", "/", ""),
        cookie("pair=", "example.com", "/", ""),
        cookie("", "example.com", "/", ""),
        cookie("path", "example.com", "x", ""),
        cookie("old", "example.com", "/", "\"expires\":1,"),
        cookie("__Secure-a", "example.com", "/", ""),
        cookie("late", "example.com", "/", "\"expires\":18446744073709551615,"),
    ];
    let json = format!("{{\"version\":1,\"cookies\":[{}]}}", cookies.join(","));
    let jar = CookieJar::from_json(&json).unwrap();
    let names: Vec<_> = jar.cookies().iter().map(|cookie| cookie.name().into_owned()).collect();
    assert_eq!(names, ["good", "late"]);
    let in_500_days = std::time::SystemTime::now() + std::time::Duration::from_secs(500 * 86_400);
    assert!(jar.cookies()[1].expires().unwrap() < in_500_days);
    assert!(jar.cookies()[0].last_access() < in_500_days);
}

#[tokio::test]
async fn cookies_txt_goes_through_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cookies.txt");
    jar().save_netscape_file(&path).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with(
            "# Netscape HTTP Cookie File\nwww.example.com\tFALSE\t/\tFALSE\t0\ta\t1\n"
        )
    );
    assert!(text.contains("#HttpOnly_.example.com\tTRUE\t/x\tTRUE\t"), "{text}");

    let other = CookieJar::new();
    let url = "http://other.example/".parse().unwrap();
    other.add(SetCookie::new("kept", "1").unwrap(), &url).unwrap();
    assert_eq!(other.load_netscape_file(&path).await.unwrap(), []);
    assert_eq!(other.len(), 3);
}

//! The blog: in, out, and what is written.

use dunlin::client::{Client, Response};

use super::{Started, page};

async fn sign_in(client: &Client, name: &str, password: &str) -> Response {
    client.post("/login").form(&[("name", name), ("password", password)]).send().await.unwrap()
}

/// The password that the program tells when it makes its first user.
fn password(blog: &Started) -> String {
    blog.said.iter().find_map(|line| line.rsplit_once("password ")).unwrap().1.to_owned()
}

#[tokio::test]
async fn people_sign_in_write_and_sign_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("blog.sqlite");
    let blog = Started::new("blog", &[file.to_str().unwrap()]);
    let (client, password) = (blog.client(), password(&blog));
    for path in ["/", "/create"] {
        let sent = client.get(path).send().await.unwrap();
        assert_eq!(
            (sent.status().as_u16(), sent.header("location")),
            (303, Some("/login")),
            "{path}"
        );
    }
    let response = sign_in(&client, "ada", &password).await;
    assert_eq!((response.status().as_u16(), response.header("location")), (303, Some("/")));
    let cookie = response.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let sent = client.get("/login").send().await.unwrap();
    assert_eq!(sent.header("location"), Some("/"));
    let body = "<b>first</b> post & more";
    let post = client.post("/create").form(&[("body", body)]).send().await.unwrap();
    assert_eq!(post.status(), 303);
    let (_, posts) = page(&client, "/").await;
    assert!(posts.contains("&lt;b&gt;first&lt;&#x2f;b&gt; post &amp; more"), "{posts}");
    assert!(posts.contains("ada, 2"), "{posts}");
    for body in ["", "  ", &"a".repeat(141)] {
        let refused = client.post("/create").form(&[("body", body)]).send().await.unwrap();
        assert_eq!(refused.status(), 422, "{body:?}");
    }
    let fits = client.post("/create").form(&[("body", "ä".repeat(140))]).send().await.unwrap();
    assert_eq!(fits.status(), 303);
    let old = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(client.post("/logout").send().await.unwrap().header("location"), Some("/login"));
    // The cookie that was good is so no more, wherever it comes from.
    let stranger = blog.client();
    let sent = stranger.get("/").header("cookie", &old).send().await.unwrap();
    assert_eq!(sent.header("location"), Some("/login"));
    assert!(blog.program.terminate().success());
    let again = Started::new("blog", &[file.to_str().unwrap()]);
    assert!(!again.said.iter().any(|line| line.contains("password")), "{:?}", again.said);
    let client = again.client();
    assert_eq!(sign_in(&client, "ada", &password).await.status(), 303);
    assert!(page(&client, "/").await.1.contains("post &amp; more"));
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let blog = Started::new("blog", &[]);
    let (client, password) = (blog.client(), password(&blog));
    for (name, word) in [("ada", "x"), ("ada", ""), ("grace", password.as_str())] {
        let refused = sign_in(&client, name, word).await;
        assert_eq!(refused.status(), 422, "{name}");
        assert!(refused.text().await.unwrap().contains("nobody of that name"));
    }
    let made_up = client.get("/").header("cookie", "blog=AAAA").send().await.unwrap();
    assert_eq!(made_up.header("location"), Some("/login"));
    let elsewhere = client.post("/login").header("origin", "http://evil.example");
    let elsewhere =
        elsewhere.form(&[("name", "ada"), ("password", &password)]).send().await.unwrap();
    assert_eq!(elsewhere.status(), 403);
    let mut last = 0;
    for _ in 0..5 {
        last = sign_in(&client, "ada", "guess").await.status().as_u16();
    }
    assert_eq!(last, 429);
}

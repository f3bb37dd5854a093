//! Polls: asked, voted, counted, kept.

use super::{Started, page};

#[tokio::test]
async fn votes_are_counted_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("polls.sqlite");
    let polls = Started::new("polls", &[file.to_str().unwrap()]);
    let client = polls.client();
    let (status, list) = page(&client, "/").await;
    assert!(status == 200 && list.contains("<a href=\"/poll/1\">"), "{list}");
    let (_, poll) = page(&client, "/poll/1").await;
    assert_eq!(poll.matches("type=\"radio\"").count(), 3, "{poll}");
    for _ in 0..2 {
        let voted = client.post("/poll/1/vote").form(&[("choice", "2")]).send().await.unwrap();
        assert_eq!(voted.status(), 303);
        assert_eq!(voted.header("location"), Some("/poll/1/results"));
    }
    let (_, results) = page(&client, "/poll/1/results").await;
    assert!(results.contains("2 votes") && results.contains("max=\"2\""), "{results}");
    assert!(polls.program.terminate().success());
    let again = Started::new("polls", &[file.to_str().unwrap()]);
    let (_, results) = page(&again.client(), "/poll/1/results").await;
    assert!(results.contains("2 votes"), "{results}");
}

#[tokio::test]
async fn what_is_no_vote_is_refused_and_counts_nothing() {
    let polls = Started::new("polls", &[]);
    let client = polls.client();
    // The fourth choice is another poll's.
    for (path, form, status) in [
        ("/poll/1/vote", vec![("choice", "4")], 404),
        ("/poll/9/vote", vec![("choice", "1")], 404),
        ("/poll/1/vote", vec![("choice", "x")], 400),
        ("/poll/1/vote", vec![], 400),
    ] {
        let refused = client.post(path).form(&form).send().await.unwrap();
        assert_eq!(refused.status().as_u16(), status, "{path} {form:?}");
        assert_eq!(refused.header("content-type"), Some("text/html; charset=utf-8"));
    }
    let elsewhere = client.post("/poll/1/vote").header("origin", "http://evil.example");
    assert_eq!(elsewhere.form(&[("choice", "1")]).send().await.unwrap().status(), 403);
    assert_eq!(page(&client, "/poll/1/results").await.1.matches("0 votes").count(), 3);
    for path in ["/poll/9", "/poll/9/results", "/poll/x", "/none"] {
        let (status, text) = page(&client, path).await;
        assert!(status == 404 && text.contains("Not Found"), "{path}: {text}");
    }
}

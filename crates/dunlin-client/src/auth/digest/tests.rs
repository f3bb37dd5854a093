use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const ORIGIN: &str = "http://www.example.org";

fn challenge(field: &str) -> Challenge {
    Challenge::parse(field.as_bytes()).unwrap().remove(0)
}

fn parameter(value: &HeaderValue, name: &str) -> Option<String> {
    let sent = Challenge::parse(value.as_bytes()).unwrap().remove(0);
    sent.parameter(name).map(str::to_owned)
}

/// A login, what it is asked and for which request, and the client nonce.
struct Case<'a> {
    login: (&'a str, &'a str),
    field: &'a str,
    request: (&'a str, &'a str, &'a [u8]),
    cnonce: &'a str,
}

fn answer(case: &Case<'_>) -> String {
    let mut session = Session::new(&challenge(case.field), ORIGIN).unwrap();
    let (method, uri, body) = case.request;
    let covered = Covered { method, uri, body: Some(body) };
    let (login, password) = case.login;
    session.answer(login, password, covered, || case.cnonce.to_owned()).unwrap()
}

fn auth() -> DigestAuth {
    DigestAuth::new("ada", "secret").unwrap()
}

fn respond(auth: &DigestAuth, field: &str) -> Result<HeaderValue, DigestError> {
    auth.respond(ORIGIN, "GET", "/", Some(b""), &Challenge::parse(field.as_bytes()).unwrap())
}

#[test]
fn the_examples_of_rfc_7616_3_9_1_are_answered() {
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
    let expected = [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ];
    for (algorithm, response) in expected {
        let field = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
             algorithm={algorithm}, nonce=\"{nonce}\", opaque=\"{opaque}\""
        );
        let mut session = Session::new(&challenge(&field), ORIGIN).unwrap();
        let covered = Covered { method: "GET", uri: "/dir/index.html", body: None };
        let value = session.answer("Mufasa", "Circle of Life", covered, || cnonce.to_owned());
        assert_eq!(
            value.unwrap(),
            format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
                 uri=\"/dir/index.html\", algorithm={algorithm}, nonce=\"{nonce}\", nc=00000001, \
                 cnonce=\"{cnonce}\", qop=auth, response=\"{response}\", opaque=\"{opaque}\""
            )
        );
    }
}

/// With the hashes of erratum 4897: the text of the RFC has those of another algorithm.
#[test]
fn the_example_of_rfc_7616_3_9_2_is_answered() {
    let value = answer(&Case {
        login: ("J\u{e4}s\u{f8}n Doe", "Secret, or not?"),
        field: "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
                nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
                opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, \
                userhash=true",
        request: ("GET", "/doe.json", b""),
        cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    });
    assert!(value.starts_with(
        "Digest username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\", "
    ));
    assert!(value.contains(
        ", response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\", "
    ));
    assert!(value.ends_with(", userhash=true"));
}

#[test]
fn the_example_of_rfc_2617_is_answered() {
    let value = answer(&Case {
        login: ("Mufasa", "Circle Of Life"),
        field: "Digest realm=\"testrealm@host.com\", qop=\"auth\", \
                nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
                opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        request: ("GET", "/dir/index.html", b""),
        cnonce: "0a4f113b",
    });
    assert!(value.contains(", response=\"6629fae49393a05397450978507c4ef1\", "), "{value}");
    assert!(!value.contains("algorithm"), "none was named: {value}");
}

/// With the hash of the erratum to its example.
#[test]
fn servers_of_rfc_2069_are_answered_without_count_and_nonce() {
    let value = answer(&Case {
        login: ("Mufasa", "CircleOfLife"),
        field: "Digest realm=\"testrealm@host.com\", \
                nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
        request: ("GET", "/dir/index.html", b""),
        cnonce: "unused",
    });
    assert!(value.ends_with(", response=\"1949323746fe6a43ef61f9606e7febea\""), "{value}");
    assert!(!value.contains("nc=") && !value.contains("qop"));
}

/// The responses were computed by Python's `hashlib`.
#[test]
fn all_algorithms_agree_with_an_independent_implementation() {
    #[rustfmt::skip]
    let expected = [
        ("MD5", "auth", "10bdf4acfa6d15d411e21d9c3a64b0dd"),
        ("MD5", "auth-int", "6629ad58557e0f9da058e3ef443fc436"),
        ("MD5", "", "97d532d7a50483fd95f9efb645f2b26f"),
        ("MD5-sess", "auth", "88105ab84cda3004fb50375eccea25a7"),
        ("MD5-sess", "auth-int", "6708f941ea7c88922bcc541f3815dab2"),
        ("SHA", "auth", "4b0d82f5b931ba79d0382f7029e0e6b4ff663ba7"),
        ("SHA", "auth-int", "4b0cb4527ced12dcd3471f3765aab8c46aa3deee"),
        ("SHA", "", "24b6bc22d09120af38d189dad1a26da666e86724"),
        ("SHA-sess", "auth", "72d48d3391a822c4f89a7b9a0d13be207e21d537"),
        ("SHA-sess", "auth-int", "97a685781226b6c3b085d15226cb3e3bfd76563a"),
        ("SHA-256", "auth", "d670d52e5c95b1f1a3508000361b5c9a7d55984e755a5f948e36c50c2dd3c133"),
        ("SHA-256", "auth-int", "0e1eee6db40e36558821de2499cf37d19b6d96b72f515843ac3a30f35fba429d"),
        ("SHA-256", "", "bd8fc486ccfaa3f49db28107a51dbb55ab4b6e12b92cae3fdd3bcd35aa2f9f42"),
        ("SHA-256-sess", "auth", "d99060ed0f7df5988923d0bc5f73ae22b41a80b24bef2f4b90b7f63235f59a9b"),
        ("SHA-256-sess", "auth-int", "08de21412259ae5c364cfcc121882dfebb36ad33122ee6442120d326573f2462"),
        ("SHA-512-256", "auth", "c58857c8f5b61f1bd738fa6049a255a3153a5ff63baf63c4cb534723ef0454d2"),
        ("SHA-512-256", "auth-int", "b9127315cc7cf1244325269a9c37d69d47adceec4c488cd28540193559b90002"),
        ("SHA-512-256", "", "06c0e865eb00e40555a7d005fcb146d9865adb68b769acab24e6c436172a5b5f"),
        ("SHA-512-256-sess", "auth", "7e117b18568189acda346359fb5594dfdd2a6f83e7fccb8f00c6e1cd608ce9bc"),
        ("SHA-512-256-sess", "auth-int", "3f810a19c530e5219a19a6b2cbaf9647f2b3b15646dc1b0a94746b720bc70c1b"),
        ("SHA-512", "auth", "f606de65d30bbbd0f30e53112925102f5a2c2e613ea9c010707f1bf9a8d45993fc6681b82c8033f5266546fade16983e3dbed2b3a108a6e59f12a4e2bdebe0fd"),
        ("SHA-512", "auth-int", "dca5152ba9e94a01e424b9e4348af399ac2318bac10dc95276fa406c20cf4aaace88801bccc7f2eacaa867c7373616c67cd11dc4f2cb6f0eb614c0914831d7c7"),
        ("SHA-512", "", "88b5c7122eff53e71f3955e161ba616987858ff82d13c4931a9331d68fc24a10ced477f1cb9819c67f5978881e3637960ba7b92f57482968f9020a72e3c00ab1"),
        ("SHA-512-sess", "auth", "401cc0d92f717a855beb13556f34b803d24af6b34b1e903fcfa80578f243b807b2d3a92e054066782ea71f71d5e7b1f50ad0a757eab5d82758952049ea165ed1"),
        ("SHA-512-sess", "auth-int", "e4ce6fd24ac4e833dc557729699e92fa83b89090fa412ab4152e2269944635f42fca0458b4759a856785ee4625a7d8866c667a7efd774267a432e9bedde3fd68"),
    ];
    for (algorithm, qop, response) in expected {
        let value = answer(&Case {
            login: ("ada", "pw"),
            field: &format!(
                "Digest realm=\"r e\", nonce=\"nonce\", algorithm={algorithm}, qop=\"{qop}\""
            ),
            request: ("POST", "/a?b=c", b"body"),
            cnonce: "cnonce",
        });
        assert!(value.contains(&format!("response=\"{response}\"")), "{algorithm} {qop}: {value}");
    }
}

#[test]
fn the_strongest_algorithm_is_chosen_and_of_equals_the_first() {
    let field = "Basic realm=x, Digest realm=a, nonce=1, qop=auth, \
                 Digest realm=b, nonce=2, qop=auth, algorithm=SHA-256, \
                 Digest realm=c, nonce=3, qop=auth, algorithm=SHA-256-sess, \
                 Digest realm=d, nonce=4, qop=auth, algorithm=SHA3";
    assert_eq!(parameter(&respond(&auth(), field).unwrap(), "realm").unwrap(), "b");
}

#[test]
fn a_challenge_that_cannot_be_answered_hides_no_weaker_one() {
    let field = "Digest realm=a, nonce=1, qop=auth-int, algorithm=SHA-512, \
                 Digest realm=b, nonce=2, qop=auth";
    let challenges = Challenge::parse(field.as_bytes()).unwrap();
    let value = auth().respond(ORIGIN, "GET", "/", None, &challenges).unwrap();
    assert_eq!(parameter(&value, "realm").unwrap(), "b");
}

#[test]
fn challenges_that_cannot_be_answered_say_why() {
    let fails = |field| respond(&auth(), field).unwrap_err();
    assert_eq!(fails("Basic realm=a"), DigestError::NoChallenge);
    assert_eq!(fails("Digest nonce=a"), DigestError::MissingRealm);
    assert_eq!(fails("Digest realm=a"), DigestError::MissingNonce);
    assert_eq!(fails("Digest realm=a, nonce=\"\""), DigestError::MissingNonce);
    let algorithm = "Digest realm=a, nonce=b, algorithm=token";
    assert_eq!(fails(algorithm), DigestError::UnsupportedAlgorithm);
    assert_eq!(fails("Digest realm=a, nonce=b, qop=\"x,y\""), DigestError::UnsupportedQop);
    let session = "Digest realm=a, nonce=b, algorithm=MD5-sess";
    assert_eq!(fails(session), DigestError::UnsupportedQop);

    let covers_body = [challenge("Digest realm=a, nonce=b, qop=auth-int")];
    let streams = auth().respond(ORIGIN, "POST", "/", None, &covers_body);
    assert_eq!(streams, Err(DigestError::BodyNeeded));
    let unfit =
        auth().respond(ORIGIN, "GET", "/\r\nX: 1", None, &[challenge("Digest realm=a, nonce=b")]);
    assert_eq!(unfit, Err(DigestError::Unfit));
}

#[test]
fn the_count_goes_up_with_each_use_of_a_nonce_and_starts_anew_with_the_next() {
    let auth = auth();
    let count = |value: &HeaderValue| parameter(value, "nc").unwrap();
    let first = respond(&auth, "Digest realm=a, nonce=one, qop=auth").unwrap();
    let second = auth.preempt(ORIGIN, "GET", "/", None).unwrap();
    let again = respond(&auth, "Digest realm=a, nonce=one, qop=auth").unwrap();
    let stale = respond(&auth, "Digest realm=a, nonce=two, qop=auth, stale=true").unwrap();
    assert_eq!(
        [first, second, again, stale].each_ref().map(count),
        ["00000001", "00000002", "00000003", "00000001"]
    );
}

#[test]
fn client_nonces_do_not_repeat_but_within_a_session_key() {
    let cnonces = |algorithm: &str| {
        let auth = auth();
        let field = format!("Digest realm=a, nonce=b, qop=auth, algorithm={algorithm}");
        respond(&auth, &field).unwrap();
        let one = || parameter(&auth.preempt(ORIGIN, "GET", "/", None)?, "cnonce");
        (0..20).filter_map(|_| one()).collect::<HashSet<_>>().len()
    };
    assert_eq!(cnonces("MD5"), 20);
    assert_eq!(cnonces("MD5-sess"), 1);
}

#[test]
fn other_origins_are_refused_even_before_any_challenge() {
    let evil = "http://evil.org";
    let challenges = [challenge("Digest realm=a, nonce=b")];
    let auth = auth();
    assert!(auth.preempt(ORIGIN, "GET", "/", None).is_none());
    let refused = auth.respond(evil, "GET", "/", None, &challenges);
    assert_eq!(refused, Err(DigestError::OtherOrigin));
    assert!(auth.respond(ORIGIN, "GET", "/", None, &challenges).is_ok());
    assert!(auth.preempt(evil, "GET", "/", None).is_none());

    let pinned = self::auth().origin(ORIGIN);
    let refused = pinned.respond(evil, "GET", "/", None, &challenges);
    assert_eq!(refused, Err(DigestError::OtherOrigin));
}

#[test]
fn requests_are_answered_unasked_only_within_the_protection_space() {
    let sends = |domain: &str, uri: &str| {
        let auth = auth();
        respond(&auth, &format!("Digest realm=a, nonce=b, qop=auth, domain=\"{domain}\"")).unwrap();
        auth.preempt(ORIGIN, "GET", uri, None).is_some()
    };
    assert!(sends("", "/any"));
    assert!(sends("/a /b", "/b?c"));
    assert!(sends("/a", "/a/b"));
    assert!(!sends("/a", "/ab"));
    assert!(!sends("/a", "/"));
    assert!(sends("http://WWW.example.org:80/a/", "/a/b"));
    assert!(!sends("http://other.org/a", "/a"));
    assert!(!sends("//other.org/a", "/a"));
    assert!(sends("http://other.org/a /c", "/c"));
}

#[test]
fn nothing_is_sent_unasked_where_that_is_switched_off() {
    let auth = auth().preemptive(false);
    respond(&auth, "Digest realm=a, nonce=b, qop=auth").unwrap();
    assert!(auth.preempt(ORIGIN, "GET", "/", None).is_none());
}

#[test]
fn requests_are_answered_again_only_while_the_nonce_was_stale() {
    let fresh = [challenge("Digest realm=a, nonce=b")];
    let stale = [challenge("Digest realm=a, nonce=b, stale=TRUE")];
    assert!(DigestAuth::may_answer(0, &fresh));
    assert!(!DigestAuth::may_answer(1, &fresh));
    assert!(DigestAuth::may_answer(MAX_ANSWERS - 1, &stale));
    assert!(!DigestAuth::may_answer(MAX_ANSWERS, &stale));
    assert!(!DigestAuth::may_answer(0, &[challenge("Basic realm=a")]));
}

#[test]
fn logins_outside_ascii_are_extended_only_for_servers_of_utf8() {
    let sent = |field: &str| {
        let mut session = Session::new(&challenge(field), ORIGIN).unwrap();
        let covered = Covered { method: "GET", uri: "/", body: None };
        session.answer("j\u{e4} \"\\", "", covered, String::new).unwrap()
    };
    let utf8 = sent("Digest realm=a, nonce=b, charset=utf-8");
    assert!(utf8.starts_with("Digest username*=UTF-8''j%C3%A4%20%22%5C, "), "{utf8}");
    let plain = sent("Digest realm=\"a\\\"\\\\\", nonce=b");
    let quoted = "Digest username=\"j\u{e4} \\\"\\\\\", realm=\"a\\\"\\\\\", ";
    assert!(plain.starts_with(quoted), "{plain}");
}

#[test]
fn a_server_that_does_not_know_the_password_is_told_from_one_that_does() {
    let auth = DigestAuth::new("Mufasa", "Circle of Life").unwrap();
    let field = "Digest realm=\"http-auth@example.org\", qop=auth, algorithm=SHA-256, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"";
    respond(&auth, field).unwrap();
    // As sent in the example of RFC 7616 §3.9.1; the right `rspauth` is by Python's `hashlib`.
    let sent = HeaderValue::from_static(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
         nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, qop=auth, \
         algorithm=SHA-256, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", response=\"x\"",
    );
    let info = |info: &'static str| {
        auth.authentication_info(ORIGIN, &sent, &HeaderValue::from_static(info), None)
    };
    let wrong =
        info("rspauth=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"");
    assert_eq!(wrong, Err(DigestError::WrongServer));
    let right = "qop=auth, nc=00000001, nextnonce=\"next\", \
                 rspauth=\"86d3b25618d41854ca5039a5d7e53ff6355d5134a9b1fb088a78ac3c462195a0\"";
    assert_eq!(info(right), Ok(()));
    let next = auth.preempt(ORIGIN, "GET", "/", None).unwrap();
    assert_eq!(parameter(&next, "nonce").as_deref(), Some("next"));
    assert_eq!(parameter(&next, "nc").as_deref(), Some("00000001"));

    // A response to the old nonce says nothing of what comes behind the new one.
    assert_eq!(info("nextnonce=late"), Ok(()));
    let next = auth.preempt(ORIGIN, "GET", "/", None).unwrap();
    assert_eq!(parameter(&next, "nonce").as_deref(), Some("next"));
    assert_eq!(info("rspauth"), Err(DigestError::MalformedInfo));
}

#[test]
fn a_response_to_a_session_that_is_gone_is_not_checked() {
    let wrong = HeaderValue::from_static("rspauth=\"wrong\"");
    let session = "Digest realm=a, nonce=one, qop=auth, algorithm=MD5-sess";
    for (field, next) in [
        (session, "Digest realm=a, nonce=two, qop=auth, algorithm=MD5-sess"),
        (session, "Digest realm=a, nonce=one, qop=auth, algorithm=SHA-256"),
        ("Digest realm=a, nonce=one, qop=auth", "Digest realm=b, nonce=one, qop=auth"),
    ] {
        let auth = auth();
        let before = respond(&auth, field).unwrap();
        let checked = auth.authentication_info(ORIGIN, &before, &wrong, None);
        assert_eq!(checked, Err(DigestError::WrongServer));
        let after = respond(&auth, next).unwrap();
        assert_eq!(parameter(&after, "nc").as_deref(), Some("00000001"), "{next}");
        assert_eq!(auth.authentication_info(ORIGIN, &before, &wrong, None), Ok(()), "{next}");
    }
}

#[test]
fn a_session_key_outlives_its_nonce() {
    let auth = auth();
    respond(&auth, "Digest realm=a, nonce=one, qop=auth, algorithm=MD5-sess").unwrap();
    let before = auth.preempt(ORIGIN, "GET", "/", None).unwrap();
    let info = HeaderValue::from_static("nextnonce=two");
    auth.authentication_info(ORIGIN, &before, &info, None).unwrap();
    let after = auth.preempt(ORIGIN, "GET", "/", None).unwrap();
    assert_eq!(parameter(&after, "nonce").as_deref(), Some("two"));
    assert_eq!(parameter(&before, "cnonce"), parameter(&after, "cnonce"));
    let key = auth
        .state()
        .session
        .as_ref()
        .unwrap()
        .expected_rspauth(&Challenge::parse(after.as_bytes()).unwrap()[0], None);
    assert!(key.is_some());
}

#[test]
fn logins_with_colons_are_refused_and_no_output_shows_the_password() {
    let refused = DigestAuth::new("a:b", "").unwrap_err();
    assert_eq!(refused, CredentialsError::ColonInLogin { at: 1 });
    let auth = auth();
    assert!(!format!("{auth:?}").contains("secret"));
    let value = respond(&auth, "Digest realm=a, nonce=b").unwrap();
    assert_eq!(format!("{value:?}"), "Sensitive");
}

#[test]
fn credentials_cross_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<DigestAuth>();
}

proptest! {
    /// Whatever parses as a challenge is answered or refused, and the answer parses.
    #[test]
    fn no_challenge_panics(
        parameters in proptest::collection::vec(
            ("realm|nonce|qop|algorithm|domain|opaque|charset|userhash|stale",
             "auth|auth-int|MD5|SHA-256-sess|true|UTF-8|/a //b|[ -~é]{0,8}"),
            0..8,
        ),
    ) {
        let quote = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
        let one = |(name, value): &(String, String)| format!("{name}=\"{}\"", quote(value));
        let field = "Digest a=b, ".to_owned() + &parameters.iter().map(one).collect::<Vec<_>>().join(", ");
        let auth = auth();
        if let Ok(value) = respond(&auth, &field) {
            prop_assert!(Challenge::parse(value.as_bytes()).is_ok(), "{:?}", value.as_bytes());
            let info = HeaderValue::from_bytes(&field.as_bytes()["Digest ".len()..]).unwrap();
            prop_assert!(auth.authentication_info(ORIGIN, &value, &info, None).is_ok());
        }
    }
}

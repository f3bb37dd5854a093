//! Why a challenge is not answered.

/// Why Digest cannot answer, or does not believe an answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DigestError {
    /// None of the challenges is of the scheme Digest.
    #[error("no challenge of the scheme Digest")]
    NoChallenge,
    /// The challenge names no realm.
    #[error("the challenge has no realm")]
    MissingRealm,
    /// The challenge has no nonce, or an empty one.
    #[error("the challenge has no nonce")]
    MissingNonce,
    /// The algorithm is not known.
    #[error("the challenge asks for an unknown algorithm")]
    UnsupportedAlgorithm,
    /// No `qop` that is offered is known, or a `-sess` algorithm comes without any.
    #[error("the challenge asks for an unknown quality of protection")]
    UnsupportedQop,
    /// Only `auth-int` is offered, and the body is not at hand to be hashed.
    #[error("the challenge covers the body, which is not at hand")]
    BodyNeeded,
    /// The credentials belong to the origin that they were first used for (CVE-2026-54276).
    #[error("the credentials belong to another origin")]
    OtherOrigin,
    /// The nonce was used as often as its counter can tell.
    #[error("the nonce is used up")]
    NonceSpent,
    /// Method, target or challenge hold what no header value may.
    #[error("the answer does not fit into a header")]
    Unfit,
    /// `Authentication-Info` does not parse.
    #[error("malformed `Authentication-Info`")]
    MalformedInfo,
    /// `rspauth` is not what a server that knows the password sends.
    #[error("the server did not prove that it knows the password")]
    WrongServer,
}

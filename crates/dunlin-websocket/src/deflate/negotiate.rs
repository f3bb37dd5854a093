//! Agreeing on permessage-deflate (RFC 7692 §5, §7.1).

use std::fmt::Write;

use super::{ContextTakeover, Deflate, DeflateParams};
use crate::handshake::Extension;

const NAME: &str = "permessage-deflate";

/// The parameters of an offer or an answer.
#[derive(Debug, Default)]
struct Params {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// In an offer it may stand without a value.
    client_bits: Option<Option<u8>>,
}

impl Params {
    /// `None` for a parameter that is unknown, comes twice, or has no value or the wrong one: the offer is
    /// declined then, and the answer fails the connection (RFC 7692 §7.1).
    fn read(extension: &Extension) -> Option<Self> {
        let mut params = Self::default();
        for (name, value) in &extension.params {
            let value = value.as_deref();
            let is_first = match &**name {
                "server_no_context_takeover" if value.is_none() => {
                    !std::mem::replace(&mut params.server_no_takeover, true)
                }
                "client_no_context_takeover" if value.is_none() => {
                    !std::mem::replace(&mut params.client_no_takeover, true)
                }
                "server_max_window_bits" => params.server_bits.replace(bits(value?)?).is_none(),
                "client_max_window_bits" => {
                    let bits = match value {
                        Some(value) => Some(bits(value)?),
                        None => None,
                    };
                    params.client_bits.replace(bits).is_none()
                }
                _ => false,
            };
            if !is_first {
                return None;
            }
        }
        Some(params)
    }
}

/// 8 to 15, without leading zeros (RFC 7692 §7.1.2).
fn bits(value: &str) -> Option<u8> {
    match value {
        "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15" => value.parse().ok(),
        _ => None,
    }
}

impl Deflate {
    fn server_bits(&self) -> u8 {
        self.server_max_window_bits.clamp(9, 15)
    }

    fn client_bits(&self) -> u8 {
        self.client_max_window_bits.clamp(9, 15)
    }

    fn params(&self, out_bits: u8, is_out_allowed: bool, in_takeover: bool) -> DeflateParams {
        DeflateParams {
            level: self.level.clamp(1, 9),
            threshold: self.threshold,
            out_bits,
            out_takeover: if is_out_allowed {
                self.context_takeover
            } else {
                ContextTakeover::Never
            },
            in_takeover,
            keeps_state: self.context_takeover == ContextTakeover::Always,
        }
    }

    /// A server's answer to the first offer that it can take.
    pub(crate) fn answer(&self, offers: &[Extension]) -> Option<(DeflateParams, String)> {
        let offers = offers.iter().filter(|offer| offer.name == NAME);
        let offer = offers.filter_map(Params::read).next()?;
        let mut answer = NAME.to_owned();
        let is_forgetful = self.context_takeover == ContextTakeover::Never;
        let server_no_takeover = offer.server_no_takeover || is_forgetful;
        // A server may ask it of any client (RFC 7692 §7.1.1.2).
        let client_no_takeover = offer.client_no_takeover || !self.peer_context_takeover;
        if server_no_takeover {
            answer.push_str("; server_no_context_takeover");
        }
        if client_no_takeover {
            answer.push_str("; client_no_context_takeover");
        }
        let server_bits = self.server_bits().min(offer.server_bits.unwrap_or(15));
        if offer.server_bits.is_some() || server_bits < 15 {
            let _ = write!(answer, "; server_max_window_bits={server_bits}");
        }
        // Only a client that names it can keep to it (RFC 7692 §7.1.2.2).
        if let Some(offered) = offer.client_bits {
            let client_bits = self.client_bits().min(offered.unwrap_or(15));
            if client_bits < 15 {
                let _ = write!(answer, "; client_max_window_bits={client_bits}");
            }
        }
        Some((self.params(server_bits, !server_no_takeover, !client_no_takeover), answer))
    }

    /// A client's offer.
    pub(crate) fn offer(&self) -> String {
        let mut offer = NAME.to_owned();
        if self.context_takeover != ContextTakeover::Always {
            // A hint: it lets the server do without a window for us.
            offer.push_str("; client_no_context_takeover");
        }
        if !self.peer_context_takeover {
            offer.push_str("; server_no_context_takeover");
        }
        match self.client_bits() {
            15 => offer.push_str("; client_max_window_bits"),
            bits => drop(write!(offer, "; client_max_window_bits={bits}")),
        }
        if self.server_bits() < 15 {
            let _ = write!(offer, "; server_max_window_bits={}", self.server_bits());
        }
        offer
    }

    /// What an answer to that offer makes of it; `None` where the server may not answer so.
    pub(crate) fn confirm(&self, answer: &Extension) -> Option<DeflateParams> {
        if answer.name != NAME {
            return None;
        }
        let params = Params::read(answer)?;
        let server_bits = params.server_bits.unwrap_or(15);
        let client_bits = match params.client_bits {
            // An answer has to say how many (RFC 7692 §7.1.2.2).
            Some(bits) => bits?,
            None => self.client_bits(),
        };
        if server_bits > self.server_bits() || client_bits > self.client_bits() {
            return None;
        }
        if !self.peer_context_takeover && !params.server_no_takeover {
            return None;
        }
        let is_out_allowed =
            self.context_takeover == ContextTakeover::Always && !params.client_no_takeover;
        Some(self.params(client_bits, is_out_allowed, !params.server_no_takeover))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(text: &str) -> Extension {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap().to_owned();
        let params = parts.map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (part.to_owned(), None),
        });
        Extension { name, params: params.collect() }
    }

    fn takeover() -> Deflate {
        Deflate { context_takeover: ContextTakeover::Always, ..Deflate::default() }
    }

    #[test]
    fn offers_that_cannot_be_taken_are_passed_over() {
        for bad in [
            "; x_unknown",
            "; server_no_context_takeover=1",
            "; server_max_window_bits",
            "; server_max_window_bits=7",
            "; server_max_window_bits=16",
            "; client_max_window_bits=08",
            "; client_max_window_bits=9; client_max_window_bits=9",
            "; client_no_context_takeover; client_no_context_takeover",
        ] {
            let bad = extension(&format!("permessage-deflate{bad}"));
            assert_eq!(takeover().answer(&[bad]), None);
        }
        let offers = ["x", "permessage-deflate; x", "permessage-deflate"].map(extension);
        assert_eq!(takeover().answer(&offers).unwrap().1, "permessage-deflate");
    }

    #[test]
    fn an_answer_holds_what_was_asked_for_and_no_more_than_was_offered() {
        let answer = |deflate: Deflate, offer: &str| {
            let offer = extension(&format!("permessage-deflate{offer}"));
            deflate.answer(&[offer]).unwrap()
        };
        let (params, text) =
            answer(takeover(), "; server_max_window_bits=8; client_max_window_bits");
        assert_eq!(text, "permessage-deflate; server_max_window_bits=8");
        assert_eq!(params.out_bits, 8);
        let small = Deflate {
            context_takeover: ContextTakeover::Never,
            server_max_window_bits: 10,
            client_max_window_bits: 11,
            ..Deflate::default()
        };
        let no = "permessage-deflate; server_no_context_takeover";
        let (params, text) = answer(small, "; server_max_window_bits=12");
        assert_eq!(text, format!("{no}; server_max_window_bits=10"));
        assert!(params.in_takeover && params.out_takeover == ContextTakeover::Never);
        let (_, text) = answer(small, "; client_max_window_bits=12");
        assert_eq!(text, format!("{no}; server_max_window_bits=10; client_max_window_bits=11"));
        let (params, text) = answer(takeover(), "; client_no_context_takeover");
        assert_eq!(text, "permessage-deflate; client_no_context_takeover");
        assert!(!params.in_takeover && params.out_takeover == ContextTakeover::Always);
    }

    #[test]
    fn either_end_may_ask_the_other_to_refer_to_nothing() {
        let forgetful = Deflate { peer_context_takeover: false, ..takeover() };
        let offer = forgetful.offer();
        assert_eq!(offer, "permessage-deflate; server_no_context_takeover; client_max_window_bits");
        let (server, answer) = takeover().answer(&[extension(&offer)]).unwrap();
        assert!(server.out_takeover == ContextTakeover::Never && server.in_takeover, "{answer}");
        let client = forgetful.confirm(&extension(&answer)).unwrap();
        assert!(client.out_takeover == ContextTakeover::Always && !client.in_takeover);
        assert!(forgetful.confirm(&extension("permessage-deflate")).is_none());
        // And a server of any client.
        let (server, answer) = forgetful.answer(&[extension(&takeover().offer())]).unwrap();
        assert_eq!(answer, "permessage-deflate; client_no_context_takeover");
        assert!(server.out_takeover == ContextTakeover::Always && !server.in_takeover);
        let client = takeover().confirm(&extension(&answer)).unwrap();
        assert!(client.out_takeover == ContextTakeover::Never && client.in_takeover);
    }

    #[test]
    fn a_burst_is_the_servers_where_the_client_lets_it() {
        let ours = Deflate::default();
        let (params, text) = ours.answer(&[extension(&ours.offer())]).unwrap();
        assert_eq!(params.out_takeover, ContextTakeover::Recent);
        assert_eq!(text, "permessage-deflate; client_no_context_takeover");
        assert!(!params.in_takeover && !params.keeps_state);
        let client = ours.confirm(&extension(&text)).unwrap();
        assert_eq!(client.out_takeover, ContextTakeover::Never);
        assert!(client.in_takeover);
        let declined = extension("permessage-deflate; server_no_context_takeover");
        let (params, text) = ours.answer(&[declined]).unwrap();
        assert_eq!(params.out_takeover, ContextTakeover::Never);
        assert_eq!(text, "permessage-deflate; server_no_context_takeover");
    }

    #[test]
    fn an_answer_that_was_not_offered_so_is_refused() {
        let confirm = |deflate: Deflate, answer: &str| {
            deflate.confirm(&extension(&format!("permessage-deflate{answer}")))
        };
        let params = confirm(takeover(), "; client_max_window_bits=9").unwrap();
        assert!(
            params.out_bits == 9
                && params.in_takeover
                && params.out_takeover == ContextTakeover::Always
        );
        assert!(confirm(takeover(), "; client_max_window_bits").is_none());
        assert!(confirm(takeover(), "; server_max_window_bits=16").is_none());
        let small =
            Deflate { server_max_window_bits: 10, client_max_window_bits: 10, ..takeover() };
        assert!(confirm(small, "; server_max_window_bits=11").is_none());
        assert!(confirm(small, "").is_none());
        assert!(confirm(small, "; server_max_window_bits=9; client_max_window_bits=11").is_none());
        assert!(confirm(small, "; server_max_window_bits=9").is_some());
        assert!(takeover().confirm(&extension("x")).is_none());
    }
}

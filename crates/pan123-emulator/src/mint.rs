//! Makes what is unique: tokens and trace ids.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

/// A source of tokens and trace ids: from equal seeds come equal ones, in the same order.
pub(crate) struct Mint {
    state: u64,
    /// Tokens made.
    serial: usize,
}

impl Mint {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            serial: 0,
        }
    }

    /// How many tokens were made.
    pub(crate) fn tokens(&self) -> usize {
        self.serial
    }

    /// Splitmix64 (Steele, Lea and Flood 2014): equidistributed, and never zero for long. Nothing here is secret.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A token shaped like the documented one: a JSON Web Token, `eyJ….….…`.
    ///
    /// Its `exp` is the time of issue, in seconds, because the platform's own is reported to be unreliable: a client
    /// that trusts it finds every token expired.
    pub(crate) fn token(&mut self, issued_at: u64) -> String {
        self.serial += 1;
        let claims = format!(
            r#"{{"iss":"pan123-emulator","jti":"{}","iat":{issued_at},"exp":{issued_at}}}"#,
            self.serial
        );
        let signature: Vec<u8> = (0..4).flat_map(|_| self.number().to_be_bytes()).collect();
        let head = BASE64_URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        format!(
            "{head}.{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(claims),
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        )
    }

    /// A trace id shaped like the documented one: a random UUID and the name of a gateway's pod.
    pub(crate) fn trace_id(&mut self) -> String {
        let (a, b) = (self.number(), self.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}_kong-db-5898fdd8c6-wgsts",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            ((b >> 48) & 0x3fff) | 0x8000,
            b & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn splitmix64_gives_its_known_first_number() {
        assert_eq!(Mint::new(0).number(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn a_token_is_shaped_like_the_documented_one() {
        let token = Mint::new(1).token(1_742_716_117);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
        assert!(parts[1].starts_with("eyJ"));
        assert_eq!(parts[2].len(), 43);
    }

    #[test]
    fn a_trace_id_is_shaped_like_the_documented_one() {
        let id = Mint::new(1).trace_id();
        let (uuid, pod) = id.split_once('_').unwrap();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(pod, "kong-db-5898fdd8c6-wgsts");
        // A random UUID: version 4, variant 10.
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }

    #[test]
    fn equal_seeds_give_equal_tokens_and_no_token_twice() {
        let tokens = |seed| {
            let mut mint = Mint::new(seed);
            (0..100).map(|_| mint.token(0)).collect::<Vec<_>>()
        };
        assert_eq!(tokens(7), tokens(7));
        assert_ne!(tokens(7)[0], tokens(8)[0]);
        let all: HashSet<String> = tokens(7).into_iter().chain(tokens(8)).collect();
        assert_eq!(all.len(), 200);
    }
}

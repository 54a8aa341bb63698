//! Makes what is unique: tokens and trace ids.

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
    /// that trusts it finds every token over.
    pub(crate) fn token(&mut self, issued_at: u64) -> String {
        self.serial += 1;
        let claims = format!(
            r#"{{"iss":"pan123-emulator","jti":"{}","iat":{issued_at},"exp":{issued_at}}}"#,
            self.serial
        );
        let signature: Vec<u8> = (0..4).flat_map(|_| self.number().to_be_bytes()).collect();
        let head = base64url(br#"{"alg":"HS256","typ":"JWT"}"#);
        format!(
            "{head}.{}.{}",
            base64url(claims.as_bytes()),
            base64url(&signature)
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

/// Base64 with the alphabet for URLs and without padding (RFC 4648, section 5).
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        // n bytes give n + 1 characters.
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[bits >> (18 - 6 * place) & 0x3f]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn base64url_gives_the_rfcs_vectors() {
        let vectors = [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

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

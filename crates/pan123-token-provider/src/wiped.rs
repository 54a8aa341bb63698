//! Bytes that hold a secret.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Bytes that are wiped when they are dropped: those that were written, and not all that there is room for. So make room for
/// all that may come at the beginning, since a buffer that grows leaves copies behind, and never cut it.
///
/// ```
/// use pan123_token_provider::Wiped;
///
/// let mut body = Wiped::with_capacity(64);
/// body.extend_from_slice(b"a secret");
/// assert_eq!(body.as_slice(), b"a secret");
/// ```
#[derive(Default)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    /// With room for so many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

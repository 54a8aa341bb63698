//! Gzip without compression: one "stored" block (RFC 1951, 3.2.4) in a gzip frame (RFC 1952).
//!
//! A reply that claims to be compressed is all that is wanted of it, so twenty lines stand in for a compressor.

/// Wraps up to 65,535 bytes; what exceeds them is left out.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let bytes = &bytes[..usize::from(length)];
    // Magic, deflate, no flags, no time, no extra flags, unknown system; then: last block, stored.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(bytes);
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}

/// CRC-32 as in RFC 1952, section 8.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_gives_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_frame_is_written_byte_by_byte() {
        let frame = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, // header
            1, 2, 0, 0xfd, 0xff, b'{', b'}', // stored block
            0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0, // checksum and length
        ];
        assert_eq!(gzip(b"{}"), frame);
    }
}

//! Sixty-four hexadecimal digits to thirty-two bytes: digests, seals and marks are told so.
//!
//! Knows nothing of what the bytes mean. Called by whoever reads one of those.

/// The bytes that exactly 64 hexadecimal digits of either case stand for.
pub(crate) fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_for_bytes_and_nothing_else_does() {
        assert_eq!(digest(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(digest(&"0F".repeat(32)), Some([15; 32]));
        for wrong in ["", "0", &"+f".repeat(32), &"0f".repeat(33), &"é".repeat(32)] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
    }
}

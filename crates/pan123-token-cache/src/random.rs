//! Jitter. Randomness is a seed, so that equal inputs give equal actions.

use std::time::Duration;

/// The generator `SplitMix64`. Predictable, which is all right for jitter and for telling lease owners apart.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between the half and the whole, so that a fleet doesn't come back as one.
    pub(crate) fn half_to(&mut self, whole: Duration) -> Duration {
        whole / 2 + self.up_to(whole / 2)
    }

    /// Anything from zero to `most`, inclusive.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let scaled = (u128::from(self.next()) * (u128::from(most) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_generator() {
        let mut random = Random::new(0);
        let first = [
            0xe220_a839_7b1d_cdaf,
            0x6e78_9e6a_a1b9_65f4,
            0x06c4_5d18_8009_454f,
        ];
        assert_eq!([random.next(), random.next(), random.next()], first);
    }

    #[test]
    fn a_draw_lies_between_zero_and_the_most_and_reaches_both() {
        let mut random = Random::new(1);
        let most = Duration::from_nanos(2);
        let draws: Vec<_> = (0..100).map(|_| random.up_to(most).as_nanos()).collect();
        assert!(draws.iter().all(|draw| *draw <= 2));
        assert!([0, 1, 2].iter().all(|wanted| draws.contains(wanted)));
        assert_eq!(random.up_to(Duration::ZERO), Duration::ZERO);
        let halves: Vec<_> = (0..100).map(|_| random.half_to(most).as_nanos()).collect();
        assert!(halves.iter().all(|draw| [1, 2].contains(draw)));
        assert!([1, 2].iter().all(|wanted| halves.contains(wanted)));
        assert!(random.up_to(Duration::MAX) > Duration::from_secs(1));
    }
}

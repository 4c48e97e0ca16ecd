//! Chance, the same on every run: a generator that no crate's new version changes, and draws by weight.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), so that a seed means the same with every version of every crate.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts a sequence.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }

    /// A fraction in `0.0..1.0`.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A draw from a normal distribution (Box and Muller, 1958).
    pub(crate) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let (a, b) = (1.0 - self.fraction(), self.fraction());
        mean + deviation * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

/// Numbers from zero, each with a weight; drawn in proportion to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighted {
    /// Of the weights up to each number.
    sums: Vec<f64>,
}

impl Weighted {
    /// Takes the weights of 0, 1, 2 and so on; at least one is not zero.
    pub(crate) fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let add = |weight: f64| {
            sum += weight;
            sum
        };
        Self { sums: weights.map(add).collect() }
    }

    /// Zipf's law: of `count` numbers, the n-th has a weight of 1/n.
    pub(crate) fn zipf(count: u32) -> Self {
        Self::new((1..=count).map(|rank| 1.0 / f64::from(rank)))
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> u32 {
        self.sums.len() as u32
    }

    /// Draws a number.
    pub(crate) fn draw(&self, dice: &mut Dice) -> u32 {
        let drawn = dice.fraction() * self.sums.last().copied().unwrap_or_default();
        (self.sums.partition_point(|sum| *sum <= drawn)).min(self.sums.len().saturating_sub(1)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_proportion_to_their_weights() {
        let weighted = Weighted::new([1.0, 0.0, 3.0].into_iter());
        let (mut dice, mut drawn) = (Dice::new(1), [0_u32; 3]);
        for _ in 0..40_000 {
            drawn[weighted.draw(&mut dice) as usize] += 1;
        }
        assert_eq!(drawn[1], 0);
        assert!((9_500..10_500).contains(&drawn[0]), "{drawn:?}");
    }

    #[test]
    fn the_first_of_a_thousand_comes_as_zipf_says() {
        let (words, mut dice) = (Weighted::zipf(1_000), Dice::new(2));
        let firsts = (0..75_000).filter(|_| words.draw(&mut dice) == 0).count();
        // The sum of 1/n up to 1,000 is 7.485.
        assert!((9_500..10_500).contains(&firsts), "{firsts}");
    }
}

//! What all training of weights shares: steps that shorten with what a weight has moved (AdaGrad, Duchi, Hazan and Singer 2011), and an order of
//! the examples that looks like chance and is always the same, so that the same lessons make the same weights.

/// Moves weights against their slopes; `steps` sums up the squares of what came before, `decay` draws each weight to nothing.
pub(super) fn step<const N: usize>(
    weights: &mut [f32; N],
    steps: &mut [f32; N],
    slopes: &[f32; N],
    rate: f32,
    decay: f32,
) {
    for ((weight, step), slope) in weights.iter_mut().zip(steps).zip(slopes) {
        let slope = slope + decay * *weight;
        *step += slope * slope;
        *weight -= rate * slope / step.sqrt();
    }
}

/// The order in which examples are learned from, another in each epoch.
pub(super) struct Order {
    places: Vec<u32>,
    dice: u64,
}

impl Order {
    /// Of so many examples.
    pub(super) fn new(examples: usize) -> Self {
        Self { places: (0..examples as u32).collect(), dice: 0x2545_F491_4F6C_DD1D }
    }

    /// The next epoch's.
    pub(super) fn next(&mut self) -> &[u32] {
        for last in (1..self.places.len()).rev() {
            self.dice ^= self.dice << 13;
            self.dice ^= self.dice >> 7;
            self.dice ^= self.dice << 17;
            self.places.swap(last, (self.dice % (last as u64 + 1)) as usize);
        }
        &self.places
    }
}

//! Which machines may start at a digit, told from the four bytes behind it.
//!
//! Many patterns begin with digits and few texts hold what goes on as one of them does: of a year, a price or the number of a list's
//! entry this says at once that nothing comes, or which few machines are worth a start.

use super::machine::Machine;

/// How many bytes behind the digit are looked at.
const AHEAD: usize = 4;
/// Bytes of so many kinds are told apart.
const KINDS: usize = 8;
/// With fewer machines the table costs more than it spares.
const FEW: usize = 4;

/// Machines by what stands behind a digit: a bit for each.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// By the kinds of the bytes behind, the nearest first; empty where it is not worth it.
    masks: Vec<u64>,
}

impl Numbers {
    /// The machines that start with digits, in the order of their bits. Those behind the last bit share it.
    pub(super) fn new(machines: &[&Machine]) -> Self {
        if machines.len() < FEW {
            return Self::default();
        }
        let mut kinds: [Vec<u8>; KINDS] = Default::default();
        for byte in 0..=255_u8 {
            if let Some(kind) = kinds.get_mut(usize::from(KIND[usize::from(byte)])) {
                kind.push(byte);
            }
        }
        let mut masks = vec![0; KINDS.pow(AHEAD as u32)];
        for (index, machine) in machines.iter().enumerate() {
            let bit = Self::bit(index);
            machine.paths(b'0'..=b'9', &kinds, AHEAD as u32, &mut |paths| {
                masks.get_mut(paths).into_iter().flatten().for_each(|mask| *mask |= bit);
            });
        }
        Self { masks }
    }

    /// The bit of the machine with this index.
    pub(super) fn bit(index: usize) -> u64 {
        1 << index.min(63)
    }

    /// The machines that may start at the digit at `at`: all, where what follows has not come.
    #[inline]
    pub(super) fn starting(&self, text: &[u8], at: usize) -> u64 {
        let behind = text.get(at + 1..).and_then(<[u8]>::first_chunk::<AHEAD>);
        let path = behind.map_or(usize::MAX, |behind| {
            behind.iter().fold(0, |path, &byte| path * KINDS + usize::from(KIND[usize::from(byte)]))
        });
        self.masks.get(path).copied().unwrap_or(!0)
    }
}

/// By byte: its kind.
static KIND: [u8; 256] = {
    let mut table = [7; 256];
    let mut byte = 0;
    while byte < 0x80 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => 0,
            b'a'..=b'z' | b'A'..=b'Z' => 1,
            b' ' | b'\t'..=b'\r' => 2,
            b'-' => 3,
            b'.' => 4,
            b',' => 5,
            _ => 6,
        };
        byte += 1;
    }
    table
};

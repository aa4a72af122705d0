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
    /// By how many digits there are, and the kinds of the two bytes behind them.
    ends: Vec<u64>,
    /// By how many digits there are, and the two letters behind the one space that follows them.
    words: Vec<u64>,
}

/// The most digits by which machines are told.
const DIGITS: usize = 8;
const LETTERS: usize = 26;
/// How many ways there are for the two bytes behind them.
const BEHIND: usize = KINDS * KINDS;

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
        let mut words = vec![0; DIGITS * LETTERS * LETTERS];
        for (index, machine) in machines.iter().enumerate() {
            let bit = Self::bit(index);
            machine.before_words(DIGITS, &mut |digits, letters| {
                let [first, second] = letters.map(|letter| letter.map(|letter| usize::from(letter - b'a')));
                let all = |one: Option<usize>| one.map_or(0..LETTERS, |one| one..one + 1);
                for first in all(first) {
                    for second in all(second) {
                        words[(digits * LETTERS + first) * LETTERS + second] |= bit;
                    }
                }
            });
        }
        let mut ends = vec![0; DIGITS * BEHIND];
        for (index, machine) in machines.iter().enumerate() {
            let bit = Self::bit(index);
            machine.behind_digits(DIGITS, &kinds, &mut |digits, paths| {
                let row = ends.get_mut(digits * BEHIND..).into_iter().flatten();
                row.skip(paths.start).take(paths.len()).for_each(|mask| *mask |= bit);
            });
        }
        Self { masks, ends, words }
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
        let may = self.masks.get(path).copied().unwrap_or(!0);
        if may == 0 || self.words.is_empty() { may } else { may & self.with_end(text, at) }
    }

    /// The machines that may start at the digit at `at`, by how many follow, what stands behind them, and the word behind that.
    fn with_end(&self, text: &[u8], at: usize) -> u64 {
        let rest = text.get(at..).unwrap_or_default();
        let digits = rest.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let Some(&[sign, first]) = rest.get(digits..).and_then(<[u8]>::first_chunk) else { return !0 };
        let Some(before) = digits.checked_sub(1).filter(|&before| before < DIGITS) else { return !0 };
        let kind = |byte: u8| usize::from(KIND[usize::from(byte)]);
        let ends = self.ends.get(before * BEHIND + kind(sign) * KINDS + kind(first));
        let ends = ends.copied().unwrap_or(!0);
        match rest.get(digits + 2) {
            Some(&second) if sign == b' ' && first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                let letter = |byte: u8| usize::from(byte.to_ascii_lowercase() - b'a');
                let place = (before * LETTERS + letter(first)) * LETTERS + letter(second);
                ends & self.words.get(place).copied().unwrap_or(!0)
            }
            _ => ends,
        }
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

#[cfg(test)]
mod laws {
    use super::*;
    use crate::detect::expression::parse;
    use crate::detect::machine::{Behind, DEAD, START};
    use proptest::prelude::*;

    const EXPRESSIONS: [&str; 9] = [
        "[0-9]{2,6}[ ,]?号[0-9]",
        "[0-9]{3}\\n[一-鿿a-c]",
        "[0-9]{2}-[0-9]{7}",
        "[0-9]{1,3}",
        "[13][a-km-z0-9]{5,9}",
        "[0-9]{1,4} ?(?:rue|bis)",
        "[0-9]{3}\\.[0-9]{3}\\.[0-9]{3}",
        "[0-9]{4}号",
        "(?:0|\\+)[0-9 ]{6,9}",
    ];

    fn machines() -> Vec<Machine> {
        let build = |expression: &&str| Machine::build(&[&parse(expression, true).expect("it parses")], 4096);
        EXPRESSIONS.iter().map(|expression| build(expression).expect("it is small")).collect()
    }

    /// Whether the machine has found something, or goes on, behind all that is looked at: the first byte and four more, or the digits, what stands
    /// behind them, and two letters.
    fn lives(machine: &Machine, text: &[u8]) -> bool {
        let mut state = START;
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        for &byte in text.iter().take((1 + AHEAD).max(digits + 3)) {
            state = machine.next(state, byte);
            if machine.accepts(state) {
                return true;
            }
        }
        state != DEAD
    }

    proptest! {
        #[test]
        fn no_machine_is_left_out_that_goes_on(text in "[0-9]{1,9}[0-9a-c .,号/-]{0,7}") {
            let machines = machines();
            let numbers = Numbers::new(&machines.iter().collect::<Vec<_>>());
            let may = numbers.starting(text.as_bytes(), 0);
            for (index, machine) in machines.iter().enumerate() {
                let lives = lives(machine, text.as_bytes());
                prop_assert!(!lives || may & Numbers::bit(index) != 0, "{text:?}: {}", EXPRESSIONS[index]);
            }
        }
    }

    proptest! {
        #[test]
        fn no_number_is_passed_over_that_goes_on(digits in "[0-9]{1,9}", gap in "[ ,\n]", behind in "[a-c号一]") {
            let text = format!("{digits}{gap}{behind}");
            let kind = if behind.is_ascii() { Behind::Letter } else { Behind::Chinese };
            for (machine, expression) in machines().iter().zip(EXPRESSIONS) {
                let known = &text.as_bytes()[..digits.len() + 2];
                let lives = machine.lives_on_digits(known[0], kind)[digits.len().min(8)];
                prop_assert!(!lives_to(machine, known, digits.len()) || lives, "{text:?}: {expression}");
            }
        }
    }

    /// Whether the machine has found something that ends behind `from`, or goes on behind the text.
    fn lives_to(machine: &Machine, text: &[u8], from: usize) -> bool {
        let mut state = START;
        (1..).zip(text).any(|(end, &byte)| {
            state = machine.next(state, byte);
            end >= from && machine.accepts(state)
        }) || state != DEAD
    }

    #[test]
    fn of_a_run_with_too_many_states_anything_may_come() {
        let hir = parse("[ab]*a[ab]{12}[0-9] [a-z]", true).expect("it parses");
        let machine = Machine::build(&[&hir], 1 << 15).expect("it is not that big");
        let run: [bool; 256] = std::array::from_fn(|byte| matches!(byte as u8, b'a' | b'b'));
        let text = format!("{}abbbbbbbbbbbb1 x", "ab".repeat(30));
        assert!(lives_to(&machine, text.as_bytes(), text.len()));
        assert!(machine.lives_on_number(&run, Behind::Letter)[1]);
    }

    #[test]
    fn most_numbers_start_nothing() {
        let machines: Vec<Machine> = machines().into_iter().filter(|m| !lives(m, b"2. x")).collect();
        let numbers = Numbers::new(&machines.iter().collect::<Vec<_>>());
        assert_eq!((machines.len(), numbers.starting(b"2. The", 0)), (8, 0));
        assert_eq!(numbers.starting(b"2. T", 0), 0, "what has come tells");
        assert_eq!(numbers.starting(b"2.", 0), !0, "what has not come may be anything");
        assert_eq!(Numbers::new(&[]).starting(b"2. The", 0), !0);
    }
}

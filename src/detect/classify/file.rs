//! A model's file: a line of JSON that says what it is ([`Head`]), and behind it the table of weights, row after row, compressed with
//! Zstandard.

use super::model::{Calibration, Head, LANES, Model, Rows, Table};
use super::train::Weights;
use crate::detect::model_file::{self, Fault};
use crate::text::hex;
use aws_lc_rs::digest::{Context, SHA256, digest};
use std::io::BufReader;
use std::sync::{Arc, OnceLock};

/// The most rows, as a power of two.
const MOST_BITS: u32 = 22;
/// So many rows are unpacked at once.
const AT_ONCE: usize = 4096;
/// Zstandard's level: it is made once and read often.
const LEVEL: i32 = 19;

/// A file is no model, or not a whole one.
#[derive(Debug, thiserror::Error)]
#[error("not a model: {0}")]
pub struct NoModel(#[from] Fault);

impl Model {
    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged, or not a model.
    pub fn read(file: &[u8]) -> Result<Self, NoModel> {
        let (head, tongues, packed) = described(file)?;
        let rows = unpacked(&head, packed)?;
        Ok(Self { head, tongues, rows: OnceLock::from(rows), packed: &[] })
    }

    /// A file that ships, of which the weights are unpacked when something is judged by them. Until then only its first line is
    /// read: pages of the program that nobody reads are in nobody's memory.
    ///
    /// # Errors
    /// What it says of itself is damaged.
    pub(super) fn shipped(file: &'static [u8]) -> Result<Self, NoModel> {
        let (head, tongues, packed) = described(file)?;
        Ok(Self { head, tongues, rows: OnceLock::new(), packed })
    }

    /// The weights. What ships is whole, which a test tells; of a table that is not, nothing is told.
    pub(super) fn rows(&self) -> &Rows {
        self.rows.get_or_init(|| {
            unpacked(&self.head, self.packed).unwrap_or_else(|_| Rows::Sixteen(Table::new(vec![[0; LANES]])))
        })
    }

    /// What was trained, in bytes: each class's weights are parts of 127 of a weight that few exceed.
    ///
    /// # Errors
    /// The head and the weights do not fit each other.
    pub fn quantised(mut head: Head, weights: &Weights) -> Result<(Arc<Self>, Vec<u8>), NoModel> {
        let classes = head.classes.len();
        let width = width(classes);
        head.scales = (0..classes).map(|class| scale(weights, class)).collect();
        head.biases = weights.biases.iter().copied().take(classes).collect();
        let mut table = Vec::with_capacity(width << head.bits);
        for row in weights.rows.chunks(LANES) {
            for class in 0..width {
                let weight = row.get(class).copied().unwrap_or_default();
                let scale = head.scales.get(class).copied().unwrap_or(1.0);
                table.push(byte(weight / scale));
            }
        }
        head.sha256 = hex::encode(digest(&SHA256, &table).as_ref());
        let packed =
            zstd::encode_all(&table[..], LEVEL).map_err(|_| Fault::Weights("its table cannot be packed"))?;
        let mut file =
            serde_json::to_vec(&head).map_err(|_| Fault::Weights("its first line cannot be written"))?;
        file.push(b'\n');
        file.extend(packed);
        Ok((Arc::new(Self::read(&file)?), file))
    }
}

/// What a file says of itself, how its scores are read in English, Chinese and other languages, and its packed weights.
fn described(file: &[u8]) -> Result<(Head, [Calibration; 3], &[u8]), NoModel> {
    let (head, packed) = model_file::read::<Head>(file, None)?;
    let classes = head.classes.len();
    if !(1..=LANES).contains(&classes) || head.scales.len() != classes || head.biases.len() != classes {
        return Err(Fault::Parts("its classes, scales and biases are not of one number").into());
    }
    if !(1..=MOST_BITS).contains(&head.bits) {
        return Err(Fault::Parts("its table is too large, or has no rows: `bits` goes from 1 to 22").into());
    }
    model_file::finite("scales", head.scales.iter().copied())?;
    model_file::finite("biases", head.biases.iter().copied())?;
    model_file::within("prior", [head.prior], (0.0, 1e6))?;
    let of = |name: &str| {
        let own = head.readings.get(name).cloned();
        let own = own.filter(|own| {
            let lengths =
                [own.curves.len(), own.part.len(), own.one_in_hundred.len(), own.one_in_thousand.len()];
            lengths == [classes; 4]
        });
        let own =
            own.ok_or(Fault::Parts("a language's calibration is missing or of another number of classes"))?;
        model_file::finite("curves", own.curves.iter().flatten().copied())?;
        model_file::finite("part", own.part.iter().copied())?;
        model_file::within("one_in_hundred", own.one_in_hundred.iter().copied(), (0.0, 1.0))?;
        model_file::within("one_in_thousand", own.one_in_thousand.iter().copied(), (0.0, 1.0))?;
        Ok::<Calibration, Fault>(own)
    };
    let tongues: [Calibration; 3] = [of("en")?, of("zh")?, of("other")?];
    Ok((head, tongues, packed))
}

/// The weights of a model.
fn unpacked(head: &Head, packed: &[u8]) -> Result<Rows, NoModel> {
    let decoder = zstd::Decoder::new(packed).map_err(|_| Fault::Weights("its table does not unpack"))?;
    let (decoder, count) = (BufReader::new(decoder), 1 << head.bits);
    if width(head.classes.len()) == 4 {
        rows(head, decoder, count).map(|rows| Rows::Four(Table::new(rows)))
    } else {
        rows(head, decoder, count).map(|rows| Rows::Sixteen(Table::new(rows)))
    }
}

/// So many rows from a stream that holds no more.
fn rows<const N: usize>(
    head: &Head,
    mut table: impl std::io::Read,
    count: usize,
) -> Result<Vec<[i8; N]>, NoModel> {
    let (mut rows, mut hash) = (Vec::with_capacity(count), Context::new(&SHA256));
    let mut part = vec![[0; N]; count.min(AT_ONCE)];
    while rows.len() < count {
        part.truncate(count - rows.len());
        let read = table.read_exact(part.as_flattened_mut());
        read.map_err(|_| {
            Fault::Weights("its table does not unpack, or has another size than its first line says")
        })?;
        hash.update(part.as_flattened());
        rows.extend(part.iter().map(|row| row.map(|byte| i8::from_le_bytes([byte]))));
    }
    // What cannot be unpacked behind the table is too much as well.
    if !matches!(table.read(&mut [0]), Ok(0)) {
        return Err(Fault::Weights("its table has another size than its first line says").into());
    }
    if hex::encode(hash.finish().as_ref()) != head.sha256 {
        return Err(Fault::Weights("its table is not the one whose hash its first line says").into());
    }
    Ok(rows)
}

/// How wide rows are.
fn width(classes: usize) -> usize {
    if classes <= 4 { 4 } else { LANES }
}

/// A weight of a byte.
fn byte(weight: f32) -> u8 {
    let rounded = weight.round().clamp(-127.0, 127.0);
    (-127_i8..=127).find(|byte| f32::from(*byte) >= rounded).unwrap_or_default().to_le_bytes()[0]
}

/// What a weight of one is worth: few weights are more than 127 times it.
fn scale(weights: &Weights, class: usize) -> f32 {
    let of_class = weights.rows.iter().skip(class).step_by(LANES);
    let mut sizes: Vec<f32> = of_class.map(|weight| weight.abs()).filter(|weight| *weight > 0.0).collect();
    sizes.sort_by(f32::total_cmp);
    let at = sizes.len().saturating_sub(1 + sizes.len() / 5000);
    sizes.get(at).map_or(1.0, |size| (size / 127.0).max(1e-9))
}

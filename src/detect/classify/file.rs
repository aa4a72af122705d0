//! A model's file: a line of JSON that says what it is ([`Head`]), and behind it the table of weights, row after row, compressed with
//! Zstandard.

use super::model::{Calibration, Head, LANES, Model, Rows};
use super::train::Weights;
use aws_lc_rs::digest::{SHA256, digest};
use std::io::Read as _;
use std::sync::Arc;

/// The most rows, as a power of two.
const MOST_BITS: u32 = 22;
/// Zstandard's level: it is made once and read often.
const LEVEL: i32 = 19;

/// A file is no model, or not a whole one.
#[derive(Debug, thiserror::Error)]
#[error("not a model: {0}")]
pub struct NoModel(&'static str);

impl Model {
    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged, or not a model.
    pub fn read(file: &[u8]) -> Result<Self, NoModel> {
        let line = file.iter().position(|byte| *byte == b'\n').ok_or(NoModel("there is no first line"))?;
        let (head, packed) = file.split_at(line);
        let head: Head =
            serde_json::from_slice(head).map_err(|_| NoModel("its first line says something else"))?;
        let classes = head.classes.len();
        if !(1..=LANES).contains(&classes) || head.scales.len() != classes || head.biases.len() != classes {
            return Err(NoModel("its classes, scales and biases are not of one number"));
        }
        if !(1..=MOST_BITS).contains(&head.bits) {
            return Err(NoModel("its table is too large"));
        }
        let of = |name: &str| {
            let own = head.readings.get(name).cloned();
            own.filter(|own| {
                let lengths =
                    [own.curves.len(), own.part.len(), own.one_in_hundred.len(), own.one_in_thousand.len()];
                lengths == [classes; 4]
            })
            .ok_or(NoModel("a language's calibration is missing or of another number of classes"))
        };
        let tongues: [Calibration; 3] = [of("en")?, of("zh")?, of("other")?];
        let width = width(classes);
        let size = width << head.bits;
        let mut table = Vec::with_capacity(size + 1);
        let packed = packed.get(1..).unwrap_or_default();
        let decoder = zstd::Decoder::new(packed).map_err(|_| NoModel("its table does not unpack"))?;
        decoder
            .take(size as u64 + 1)
            .read_to_end(&mut table)
            .map_err(|_| NoModel("its table does not unpack"))?;
        if table.len() != size {
            return Err(NoModel("its table has another size than its first line says"));
        }
        if hex(&table) != head.sha256 {
            return Err(NoModel("its table is not the one whose hash its first line says"));
        }
        let signed = |byte: &u8| i8::from_le_bytes([*byte]);
        let rows = if width == 4 {
            Rows::Four(table.as_chunks().0.iter().map(|row: &[u8; 4]| row.each_ref().map(signed)).collect())
        } else {
            Rows::Sixteen(
                table.as_chunks().0.iter().map(|row: &[u8; 16]| row.each_ref().map(signed)).collect(),
            )
        };
        Ok(Self { head, rows, tongues })
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
        head.sha256 = hex(&table);
        let packed =
            zstd::encode_all(&table[..], LEVEL).map_err(|_| NoModel("its table cannot be packed"))?;
        let mut file = serde_json::to_vec(&head).map_err(|_| NoModel("its first line cannot be written"))?;
        file.push(b'\n');
        file.extend(packed);
        Ok((Arc::new(Self::read(&file)?), file))
    }
}

/// How wide rows are.
fn width(classes: usize) -> usize {
    if classes <= 4 { 4 } else { LANES }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
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

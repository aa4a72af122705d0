//! A folder of drawn prints, to measure how long a text is looked up among so many.

use std::io;
use std::path::Path;

use super::keys::BITS;
use super::record::PrintRecord;
use super::segment::{Table, Writer};
use super::shelf::segment_path;

/// Prints of one answer, and letters for each.
const OF_ONE: u64 = 400;
const LETTERS: u64 = 2;

/// Writes segments of so many drawn prints of one tenant, and gives their bytes. `draw`: numbers that look drawn.
///
/// # Errors
/// A file cannot be written.
pub fn grow(folder: &Path, tenant: &str, sizes: &[u64], mut draw: impl FnMut() -> u64) -> io::Result<u64> {
    let mut bytes = 0;
    for (n, &prints) in (1..).zip(sizes) {
        let mut table = Table::default();
        let of = table.tenant(tenant);
        for _ in 0..prints.div_ceil(OF_ONE) {
            let mut exchange = [0; 16];
            exchange.iter_mut().zip(draw().to_le_bytes()).for_each(|(to, from)| *to = from);
            let record = PrintRecord { exchange, time_ms: u64::MAX, subject: [0; 16] };
            table.add(record, of, (OF_ONE * LETTERS) as u32);
        }
        let mut writer = Writer::new(&segment_path(folder, (n, n)), &table, prints)?;
        // Drawn from stretches that follow each other, so that they are in order.
        let stretch = (1_u64 << BITS) / prints.max(1);
        for at in 0..prints {
            let number = at * stretch + draw() % stretch.max(1);
            writer.push(number, (draw() % table.letters) as u32)?;
        }
        bytes += writer.finish()?.bytes;
    }
    Ok(bytes)
}

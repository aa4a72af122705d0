//! Text that a file gives.

/// The `text` of each line of a JSONL file.
pub fn read(file: &std::path::Path) -> String {
    let lines = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let texts = lines.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line.get("text")?.as_str()?.to_owned())
    });
    texts.collect::<Vec<_>>().join("\n")
}

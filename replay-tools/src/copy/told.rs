//! What a copy has to tell: where each partition's positions went, and that the records are the same.

use serde::Serialize;

/// The records of a partition on one side, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Side {
    /// The first offset.
    pub start: u64,
    /// The offset after the last record.
    pub end: u64,
    /// Records that count; the others are void.
    pub valid: u64,
    /// Bytes of headers and bodies.
    pub bytes: u64,
    /// CRC-32C over the header and the body of each record, one after the other.
    pub crc32c: u32,
}

/// A partition on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CopiedPartition {
    /// Its number.
    pub partition: u16,
    /// In the log that was copied. Its positions map to those of `to`, one by one.
    pub from: Side,
    /// In the copy.
    pub to: Side,
}

/// A finished copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// The log that was copied.
    pub from: String,
    /// Where its copy is.
    pub to: String,
    /// The generation, of both.
    pub generation: u32,
    /// All partitions, in order.
    pub partitions: Vec<CopiedPartition>,
}

impl Copied {
    /// Whether the copy holds the same records at the same offsets.
    pub fn is_equal(&self) -> bool {
        self.partitions.iter().all(|partition| partition.from == partition.to)
    }

    /// Records of the log that was copied.
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.from.end).sum()
    }

    /// For people, a line for each partition.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for CopiedPartition { partition, from, to } in &self.partitions {
            let (generation, void) = (self.generation, from.end - from.start - from.valid);
            let verdict = if from == to { "equal" } else { "NOT EQUAL" };
            text.push_str(&format!(
                "partition {partition}: {generation}.{partition}.[{}, {}) -> {generation}.{partition}.[{}, {})  {} bytes, {void} void  \
                 crc32c {:08x} -> {:08x}  {verdict}\n",
                from.start, from.end, to.start, to.end, from.bytes, from.crc32c, to.crc32c
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_where_positions_went_and_what_differs() {
        let side = Side { start: 0, end: 9, valid: 7, bytes: 1_200, crc32c: 0xab };
        let of = |partition, to| CopiedPartition { partition, from: side, to };
        let partitions = vec![of(0, side), of(1, Side { end: 8, crc32c: 0xcd, ..side })];
        let copied = Copied { from: "embedded:a".into(), to: "embedded:b".into(), generation: 3, partitions };
        assert!(!copied.is_equal());
        assert_eq!(copied.records(), 18);
        let table = "partition 0: 3.0.[0, 9) -> 3.0.[0, 9)  1200 bytes, 2 void  crc32c 000000ab -> 000000ab  equal\n\
                     partition 1: 3.1.[0, 9) -> 3.1.[0, 8)  1200 bytes, 2 void  crc32c 000000ab -> 000000cd  NOT EQUAL\n";
        assert_eq!(copied.table(), table);
    }
}

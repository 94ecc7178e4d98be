//! Writes a journal of realistic records, whole or damaged.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use clap::Parser;
use papyra_generate::damage::{Damage, damage_with};
use papyra_generate::generate::Generator;
use papyra_generate::random::Random;

/// Writes a journal of realistic records; the same arguments give the same bytes.
#[derive(Parser)]
struct Arguments {
    /// How large, at least: 300MB, 3GB, 64KiB
    #[arg(long, default_value = "1MB")]
    bytes: ByteSize,
    /// Which of all journals
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Damages it in so many ways, and says which. The journal is made in memory then
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    damage: usize,
    /// Adds one record with a single text field of this size at the end
    #[arg(long, value_name = "BYTES")]
    long_record: Option<ByteSize>,
    /// The file to write; `-` is standard output
    output: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let output: Box<dyn Write> = if arguments.output.as_os_str() == "-" {
        Box::new(io::stdout().lock())
    } else {
        let file = File::create(&arguments.output)
            .with_context(|| format!("cannot create {}", arguments.output.display()))?;
        Box::new(file)
    };
    let mut output = BufWriter::with_capacity(1 << 20, output);
    write(&arguments, &mut output).context("cannot write the journal")
}

fn write(arguments: &Arguments, output: &mut impl Write) -> Result<()> {
    let mut generator = Generator::new(arguments.seed);
    let bytes = arguments.bytes.as_u64();
    let written = if arguments.damage == 0 {
        generator.write(output, bytes)?
    } else {
        let mut journal = Vec::new();
        let written = generator.write(&mut journal, bytes)?;
        let mut random = Random::new(arguments.seed);
        // Truncation last, and once: whatever is done to lines that it cuts off would be lost.
        let mut wishes: Vec<_> = (0..arguments.damage)
            .map(|index| Damage::ALL[index % Damage::ALL.len()])
            .filter(|wish| *wish != Damage::Truncation)
            .collect();
        wishes.push(Damage::Truncation);
        wishes.truncate(arguments.damage);
        let damaged = damage_with(&journal, &wishes, &mut random);
        output.write_all(&damaged.bytes)?;
        eprintln!("{:?}", damaged.applied);
        eprintln!("{} of {} records are undamaged", damaged.survivors.len(), written.records);
        written
    };
    if let Some(length) = arguments.long_record {
        long_record(output, length.as_u64())?;
    }
    output.flush()?;
    eprintln!("{} records, {} bytes", written.records, written.bytes);
    Ok(())
}

fn long_record(output: &mut impl Write, length: u64) -> io::Result<()> {
    output.write_all(br#"{"kind":"event","timestamp":2000000000.0,"text":""#)?;
    io::copy(&mut io::Read::take(io::repeat(b'x'), length), output)?;
    output.write_all(b"\"}\n")
}

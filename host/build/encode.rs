//! Wraps core modules into components, and states in components what a registry wants to know.
//!
//! `guest/build.sh` starts this as a program: as `papyra-encode`, or as the build script of the host,
//! which contains it so that a first build needs no further program. It lies in the host because the packed crate
//! must build without the rest of the repository.

use std::error::Error;
use std::path::Path;
use std::{fs, io};

use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::ComponentEncoder;

/// How the program is called.
pub const USAGE: &str = "papyra-encode new|describe INPUT OUTPUT NAME DESCRIPTION";

/// Runs the program. `new` makes a component of a core module; `describe` takes a finished component.
/// Both state its name, description, version, licence and source.
///
/// # Errors
///
/// If the arguments are wrong, a file cannot be read or written, or the input is invalid.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [task, input, output, name, description] = arguments else { return Err(USAGE.into()) };
    let read = fs::read(input).map_err(|error| at(input, &error))?;
    let component = match task.as_str() {
        "new" => ComponentEncoder::default().validate(true).module(&read)?.encode()?,
        "describe" => read,
        _ => return Err(USAGE.into()),
    };
    let described = describe(&component, name, description)?;
    fs::write(Path::new(output), described).map_err(|error| at(output, &error))?;
    Ok(())
}

/// States nothing that changes from build to build.
fn describe(component: &[u8], name: &str, description: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(name.to_owned());
    let mut bytes = metadata.to_wasm(component)?;
    // Annotations of OCI images: custom sections that hold plain text.
    for (name, text) in [
        ("description", description),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        let mut section = Vec::new();
        length(&mut section, name.len())?;
        section.extend_from_slice(name.as_bytes());
        section.extend_from_slice(text.as_bytes());
        bytes.push(0);
        length(&mut bytes, section.len())?;
        bytes.extend_from_slice(&section);
    }
    Ok(bytes)
}

/// Appends a number as LEB128.
fn length(bytes: &mut Vec<u8>, number: usize) -> Result<(), Box<dyn Error>> {
    let mut rest = u32::try_from(number)?;
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    Ok(())
}

fn at(path: &str, error: &io::Error) -> String {
    format!("{path}: {error}")
}

use std::io::Seek;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

const FLIPS: usize = 2_000;

/// A directory with the compiled engine in it, its file, and whoever reads it.
struct Kept {
    _dir: TempDir,
    cache: CodeCache,
    path: PathBuf,
    engine: wasmtime::Engine,
}

impl Kept {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&dir.path().join("cache")).unwrap();
        let engine = wasmtime::Engine::default();
        let component = Component::new(&engine, super::super::COMPONENT).unwrap();
        cache.keep(&engine, super::super::COMPONENT, &component);
        let path = cache.path(&engine, super::super::COMPONENT);
        Self { _dir: dir, cache, path, engine }
    }

    fn is_loaded(&self) -> bool {
        self.cache.load(&self.engine, super::super::COMPONENT).is_some()
    }
}

#[test]
fn what_was_compiled_is_mapped_again_and_no_flipped_bit_is() {
    let kept = Kept::new();
    assert!(kept.is_loaded());
    let sound = fs::read(&kept.path).unwrap();
    let mut file = OpenOptions::new().write(true).open(&kept.path).unwrap();
    for flip in 0..FLIPS {
        // Spread over the file, its first and last byte among them.
        let at = (sound.len() - 1) * flip / (FLIPS - 1);
        file.seek(io::SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[sound[at] ^ 1 << (flip % 8)]).unwrap();
        assert!(!kept.is_loaded(), "bit {} of byte {at} was not missed", flip % 8);
        file.seek(io::SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&sound[at..=at]).unwrap();
    }
    assert!(kept.is_loaded());
}

#[test]
fn a_file_cut_anywhere_is_not_mapped() {
    let kept = Kept::new();
    let sound = fs::read(&kept.path).unwrap();
    for length in [0, 1, CHECKSUM - 1, CHECKSUM, 4096, sound.len() / 2, sound.len() - 1] {
        fs::write(&kept.path, &sound[..length]).unwrap();
        assert!(!kept.is_loaded(), "{length} bytes");
    }
    fs::write(&kept.path, &sound).unwrap();
    assert!(kept.is_loaded());
}

#[test]
fn a_file_that_others_could_have_written_is_not_mapped() {
    let kept = Kept::new();
    for mode in [0o620, 0o602] {
        fs::set_permissions(&kept.path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(!kept.is_loaded(), "{mode:o}");
    }
    fs::set_permissions(&kept.path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(kept.is_loaded());

    let elsewhere = kept.path.with_extension("elsewhere");
    fs::rename(&kept.path, &elsewhere).unwrap();
    symlink(&elsewhere, &kept.path).unwrap();
    assert!(!kept.is_loaded());
}

#[test]
fn a_file_of_another_user_is_not_mapped() {
    let kept = Kept::new();
    // Only root can give files away.
    if std::os::unix::fs::chown(&kept.path, Some(1), None).is_ok() {
        assert!(!kept.is_loaded());
    }
}

#[test]
fn a_directory_that_others_can_write_to_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let link = dir.path().join("link");
    symlink(&cache, &link).unwrap();
    assert!(CodeCache::open(&cache).is_some());
    assert!(CodeCache::open(&link).is_none());
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(CodeCache::open(&cache).is_none());
}

#[test]
fn the_oldest_files_go() {
    let kept = Kept::new();
    let old = |number: u64| {
        let path = kept.cache.0.join(format!("{PREFIX}{number}"));
        let file = File::create(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number)).unwrap();
        path
    };
    let files: Vec<PathBuf> = (0..20).map(old).collect();
    let foreign = kept.cache.0.join("of somebody else");
    fs::write(&foreign, "").unwrap();
    kept.cache.tidy();
    let left = files.iter().filter(|path| path.exists()).collect::<Vec<_>>();
    assert_eq!(left, files[20 - (KEPT - 1)..].iter().collect::<Vec<_>>());
    assert!(kept.is_loaded() && foreign.exists());
}

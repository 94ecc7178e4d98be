use super::*;
use crate::recorder::{Overflow, Recorder};
use crate::store::Kind;
use crate::store::Registry;

fn environment(variables: &[(&str, &str)]) -> Loader {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Config::loader().search(false).environment(variables)
}

fn wrong(text: &str) -> String {
    Config::parse(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn flags_are_over_the_environment_over_the_file_over_defaults() {
    let dir = std::env::temp_dir().join(format!("papyra-config-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("p.toml");
    std::fs::write(&path, "jobs = 2\nsync = \"never\"\nlog.format = \"json\"\n").unwrap();
    let loader = environment(&[("PAPYRA_JOBS", "3"), ("PAPYRA_SYNC", "interval:5")]);
    let mut config = loader.file(&path).load().unwrap();
    config.settings.jobs.by_flag(Some(4_u64), "--jobs");
    std::fs::remove_dir_all(&dir).unwrap();
    let origin = |key: &str| {
        let entries = config.entries();
        entries.iter().find(|entry| entry.key == key).unwrap().origin.to_string()
    };
    assert_eq!((config.settings.jobs.value, origin("jobs")), (Some(4), "--jobs".to_owned()));
    assert_eq!(origin("sync"), "PAPYRA_SYNC");
    assert_eq!(origin("log.format"), format!("{}:3", path.display()));
    assert_eq!(origin("startup.mode"), "default");
    assert_eq!(config.settings.log_level.value, "warn");
}

#[test]
fn a_name_that_does_not_exist_names_the_nearest_one() {
    for (text, line, nearest) in [
        ("jobbs = 1", 1, "jobs"),
        ("\n[retention]\nmax_agee = 1", 3, "retention.max_age"),
        ("[retention.event]\nmax_records = 1", 2, "retention.events.max_records"),
        ("[route]\ndeadletters = \"none\"", 2, "route.dead_letters"),
        ("[logs]\nformat = \"json\"", 2, "log.format"),
        ("[retentoin]", 1, "store"),
    ] {
        let error = wrong(text);
        assert!(error.starts_with(&format!("papyra.toml:{line}: there is no setting")), "{error}");
        let near = error.contains(&format!("`{nearest}`")) || nearest == "store";
        assert!(near, "{error}");
    }
}

#[test]
fn of_the_environment_only_slips_are_refused() {
    let refused = |name: &str| environment(&[(name, "1")]).load().is_err();
    assert!(refused("PAPYRA_JOB") && refused("PAPYRA_RETENTION_MAX_RECORD"));
    for name in ["PAPYRA_SERVICE_HOST", "PAPYRA_PORT", "PAPYRA_KILL_CYCLES", "papyra_jobs"] {
        assert!(!refused(name), "{name}");
    }
    // Two slips make another word of a short name: `POD` of `LOG`.
    assert!(refused("PAPYRA_JBOS") && refused("PAPYRA_LOGS") && refused("PAPYRA_STROEE"));
    assert!(!refused("PAPYRA_POD") && !refused("PAPYRA_JAVA"));
    assert!(!refused("PAPYRA_REDIS_SENTINEL_PASSWORD"));
    let error = environment(&[("PAPYRA_JOBS", "many")]).load().unwrap_err().to_string();
    assert_eq!(error, "PAPYRA_JOBS: jobs = \"many\": write a whole number, 0 or more");
    assert_eq!(environment(&[("PAPYRA_JOBS", "")]).load().unwrap().settings.jobs.value, None);
}

#[test]
fn everything_that_is_wrong_is_listed() {
    let error = Config::parse("jobs = 0\nsync = true\nx = 1\n").unwrap_err();
    let faults: Vec<_> = error.faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3);
    assert_eq!(faults[0], "papyra.toml:1: jobs = \"0\": it must be 1 to 256");
    assert_eq!(faults[1], "papyra.toml:2: sync: write a string; always, interval:MS or never");
    assert!(error.to_string().contains("and 2 more"));
}

#[test]
fn a_number_of_another_base_is_a_number_and_no_word() {
    assert_eq!(Config::parse("jobs = 0x1f").unwrap().settings.jobs.value, Some(31));
    for (text, message) in [
        ("jobs = true", "jobs: write a whole number; 1 to 256"),
        ("jobs = -0x4", "this is not TOML"),
        ("retention.max_age = true", "write a number or a string; 0s or more"),
        ("quarantine_dir = 5", "quarantine_dir: write a string; a directory"),
        ("store = 5", "store: write a string; a URL or a path"),
        ("log.level = 1.5", "write a string; error"),
        ("recorder.loss_records = 1", "write a boolean; true or false"),
    ] {
        let error = wrong(text);
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn every_setting_reaches_the_type_that_uses_it() {
    let config = Config::parse(
        r#"
        jobs = 3
        sync = "interval:7"
        quarantine_dir = "q"
        index = "recorder"
        profile = "pino"
        kind_field = "type"
        time_field = "at"
        time_format = "rfc3339"
        [retention]
        max_records = 1
        max_age = "1d"
        max_total_bytes = "1k"
        [retention.metrics]
        max_records = 2
        max_age = 3.5
        max_total_bytes = 4
        [startup]
        mode = "RECOVER"
        recovery_mode = "Quarantine"
        timeout = "30s"
        [log]
        format = "JSON"
        level = "info"
        [recorder]
        queue_records = 5
        queue_bytes = "20MiB"
        overflow = "drop_oldest"
        index_every = "9s"
        loss_records = false
        [serve]
        address = "[::1]:1"
        "#,
    )
    .unwrap();
    let retention = config.retention();
    assert_eq!(retention.journal.max_records, Some(1));
    assert_eq!(retention.journal.max_age_seconds, Some(86_400.0));
    assert_eq!(retention.journal.max_total_bytes, Some(1000));
    assert_eq!(retention.per_kind.len(), 1);
    assert_eq!(retention.per_kind[0].kind, Kind::Metric);
    assert_eq!(retention.per_kind[0].limits.max_records, Some(2));
    assert_eq!(retention.per_kind[0].limits.max_age_seconds, Some(3.5));
    assert_eq!(retention.per_kind[0].limits.max_total_bytes, Some(4));
    assert_eq!(config.settings.jobs.value, Some(3));
    let interval = std::time::Duration::from_millis(7);
    assert_eq!(config.settings.sync.value, crate::Durability::Interval(interval));
    assert_eq!(config.settings.quarantine_dir.value, Some("q".into()));
    let startup = &config.settings;
    assert_eq!(startup.startup_mode.value, crate::journal::StartupMode::Recover);
    assert_eq!(startup.startup_recovery_mode.value, crate::journal::RecoveryMode::Quarantine);
    assert_eq!(startup.startup_timeout.value, Some(std::time::Duration::from_secs(30)));
    assert_eq!(config.settings.log_format.value, LogFormat::Json);
    assert_eq!(config.settings.log_level.value, "info");
    let wanted = Recorder::builder().max_records(5).max_bytes(20 << 20);
    let wanted = wanted.overflow(Overflow::DropOldest).loss_records(false);
    assert_eq!(config.recorder(), wanted.index_every(std::time::Duration::from_secs(9)));
    assert!(config.is_indexed());
    let profile = config.profile().profile().unwrap();
    assert_eq!((profile.kind_field.as_deref(), &*profile.time_field), (Some("type"), "at"));
    assert_eq!(profile.time_format, crate::store::TimeFormat::Rfc3339);
    assert_eq!(Config::default().profile().profile(), None);
    assert_eq!(Config::default().recorder(), Recorder::builder(), "one default");
    assert_eq!(config.settings.serve_address.value.to_string(), "[::1]:1");
    let mut config = config;
    config.clear_retention();
    assert_eq!(config.retention(), Default::default());
}

#[test]
fn a_store_of_a_stronger_source_takes_the_place_of_a_weaker_route() {
    let file = "[route]\nevents = \"memory:\"\ndefault = \"none\"\n";
    let mut config = Config::parse(file).unwrap();
    let events = |config: &Config| {
        let route = config.route(&Registry::standard()).unwrap().unwrap();
        (route.stores().len(), route.store(Kind::Event).unwrap().describe().backend)
    };
    assert_eq!(events(&config), (1, "memory".to_owned()));
    config.settings.store.by_flag(Some(Place::Path("a".into())), "--path");
    assert_eq!(events(&config), (1, "file".to_owned()));
    // And a stronger route only says otherwise for its kinds.
    let mut config = Config::parse("store = \"a\"").unwrap();
    let [events_route, ..] = &mut config.settings.route;
    events_route.by_flag(Some(Place::Url("memory:".into())), "--x");
    assert_eq!(events(&config), (2, "memory".to_owned()));
}

#[test]
fn a_store_and_a_route_in_one_place_contradict_each_other() {
    let error = wrong("[route]\nevents = \"a\"\n[x]\n");
    assert!(error.contains("there is no setting `x`"), "{error}");
    let error = wrong("store = \"a\"\nroute.events = \"b\"\n");
    assert!(error.contains("papyra.toml:1") && error.contains("route.default"), "{error}");
    let error = wrong("route.events = \"b\"\n");
    assert!(
        error.contains("no store for audits") && error.contains("3 more")
            || error.contains("2 more"),
        "{error}"
    );
}

#[test]
fn one_file_has_one_store() {
    let route = |text: &str| Config::parse(text).unwrap().route(&Registry::standard());
    let shared = route("route.events = \"file:a\"\nroute.default = \"file:a\"\n").unwrap().unwrap();
    assert_eq!(shared.stores().len(), 1);
    let error = route("route.events = \"./a\"\nroute.default = \"file:a?sync=never\"\n");
    let error = error.unwrap_err().to_string();
    assert!(error.contains("names the same file"), "{error}");
}

#[test]
fn settings_are_parameters_of_the_stores_that_have_them() {
    let open = |text: &str, flag: bool| {
        let mut config = Config::parse(text).unwrap();
        if flag {
            config.settings.sync.by_flag(Some(crate::Durability::Never), "--sync");
        }
        config.route(&Registry::standard()).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(open("store = \"memory:\"\nsync = \"never\"", false), Ok(()));
    assert_eq!(open("store = \"file:a?sync=always\"\nsync = \"never\"", false), Ok(()));
    assert_eq!(open("store = \"a?b%zz\"\nsync = \"never\"", false), Ok(()));
    let error = open("store = \"memory:\"", true).unwrap_err();
    assert!(error.contains("--sync does not go with a memory store"), "{error}");
    assert!(open("store = \"file:a?sync=always\"", true).unwrap_err().contains("twice"));
    let error = open("store = \"floppy:a\"", false).unwrap_err();
    assert!(error.starts_with("papyra.toml:1: store = \"floppy:a\": `floppy:`"), "{error}");
}

#[test]
fn an_option_is_for_the_stores_of_a_route_that_have_it() {
    let open = |text: &str, never: bool, quarantine: bool| {
        let mut config = Config::parse(text).unwrap();
        let settings = &mut config.settings;
        settings.sync.by_flag(never.then_some(crate::Durability::Never), "--sync");
        let directory = quarantine.then(|| PathBuf::from("q"));
        settings.quarantine_dir.by_flag(directory, "--quarantine-dir");
        config.route(&Registry::standard()).map(|_| ()).map_err(|error| error.to_string())
    };
    for file in ["a", "file:a", "rotating:a"] {
        let route = format!("route.events = \"redis://h\"\nroute.default = \"{file}\"");
        assert_eq!(open(&route, true, true), Ok(()), "{file}");
    }
    let servers = "route.events = \"redis://h\"\nroute.default = \"redis://i\"";
    let none = Err("--quarantine-dir: no store of the route has this option".to_owned());
    assert_eq!(open(servers, false, true), none);
    // Nothing that vanishes with the process has to be quarantined.
    let volatile = "route.events = \"redis://h\"\nroute.default = \"memory:\"";
    assert_eq!(open(volatile, false, true), Ok(()));
    assert!(open(volatile, true, false).is_err());
    // A store that was named, or that is the only one, is the one that is meant.
    for single in
        ["store = \"redis://h\"", "route.events = \"none\"\nroute.default = \"redis://h\""]
    {
        let error = open(single, false, true).unwrap_err();
        assert!(error.contains("does not go with a redis store"), "{error}");
    }
}

#[test]
fn whether_a_place_for_quarantine_is_lacking_depends_on_the_store() {
    let lacks =
        |text: &str| Config::parse(text).unwrap().lacks_quarantine_dir(&Registry::standard());
    assert!(lacks("store = \"a\"") && !lacks("store = \"file:a?no_quarantine_dir=q\""));
    assert!(!lacks("store = \"file:a?quarantine_dir=q\"") && !lacks("store = \"memory:\""));
    assert!(!lacks("store = \"a\"\nquarantine_dir = \"q\""));
    assert!(lacks("route.events = \"memory:\"\nroute.default = \"file:a?sync=never\""));
}

#[test]
fn old_names_still_work_with_a_note() {
    let config = Config::parse("evidence_dir = \"q\"").unwrap();
    assert_eq!(config.settings.quarantine_dir.value, Some("q".into()));
    assert_eq!(config.notes(), ["papyra.toml:1: `evidence_dir` is called `quarantine_dir` now"]);
    let old = ("PAPYRA_EVIDENCE_DIR", "q");
    let config = environment(&[old, ("PAPYRA_QUARANTINE_DIR", "q")]).load().unwrap();
    assert_eq!(config.settings.quarantine_dir.value, Some("q".into()));
    assert_eq!(config.notes(), ["PAPYRA_EVIDENCE_DIR is called PAPYRA_QUARANTINE_DIR now"]);
    let config = Config::parse("store = \"file:a?evidence=q\"").unwrap();
    assert_eq!(config.notes(), ["papyra.toml:1: `?evidence=` is called `?quarantine_dir=` now"]);
    assert!(!config.lacks_quarantine_dir(&Registry::standard()));
    assert_eq!(Config::parse("quarantine_dir = \"q\"").unwrap().notes(), Vec::<String>::new());
}

#[test]
fn an_old_and_a_new_name_must_agree() {
    let contradicts = |error: ConfigError| error.faults().iter().all(|fault| fault.contradiction);
    let both = environment(&[("PAPYRA_EVIDENCE_DIR", "q"), ("PAPYRA_QUARANTINE_DIR", "r")]);
    assert!(contradicts(both.load().unwrap_err()));
    let both = "evidence_dir = \"q\"\nquarantine_dir = \"r\"";
    assert!(contradicts(Config::parse(both).unwrap_err()));
    let config = Config::parse("store = \"file:a?evidence=q&quarantine_dir=r\"").unwrap();
    assert!(contradicts(config.route(&Registry::standard()).unwrap_err()));
}

#[test]
fn no_message_holds_a_password() {
    for text in [
        "store = \"redis://:hunter2@h\"\nroute.events = \"none\"",
        "jobs = \"redis://:hunter2@h\"",
        "engine.cache_dir = 5\nlog.level = \"redis://u:hunter2@h\"",
        "jobs = \"redis:/:hunter2@h\"\nsync = \"redis://u:hunter2\"",
    ] {
        let error = Config::parse(text).map(|_| ()).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
    let config = Config::parse("store = \"redis://:hunter2@h\"").unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.entries()[0].value.as_deref(), Some("redis://***@h"));
    let error = config.route(&Registry::empty()).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
}

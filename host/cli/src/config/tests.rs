use clap::Parser;
use clap::error::ErrorKind;
use papyra_persistence::store::StoreUrl;
use papyra_persistence::units;

use super::*;
use crate::startup_check::StartupCheckArgs;

/// The options of one command, without the command.
#[derive(Debug, Parser)]
struct Options<A: Args> {
    #[command(flatten)]
    args: A,
}

/// Reads an option; `None` if its word is refused.
fn by_option<A: Args>(option: &str, apply: impl Fn(&A, &mut Config)) -> Option<Config> {
    let options = Options::<A>::try_parse_from(["papyra", option]);
    let refused = options.as_ref().err().map(clap::Error::kind);
    assert_ne!(refused, Some(ErrorKind::UnknownArgument), "{option}");
    let mut config = Config::default();
    apply(&options.ok()?.args, &mut config);
    Some(config)
}

/// Reads a word by the option of a setting, if it has one that takes a word.
fn by_flag(setting: &Setting, key: &str, word: &str) -> Option<Option<Config>> {
    let option = match setting.flag? {
        "-v, -q" => return None,
        "--store, --path" => format!("--store={word}"),
        "--kind-limit" => {
            let (kind, limit) = key.strip_prefix("retention.")?.split_once('.')?;
            let limit = match limit {
                "max_records" => "records",
                "max_age" => "age",
                _ => "bytes",
            };
            format!("--kind-limit={kind}:{limit}={word}")
        }
        flag => format!("{flag}={word}"),
    };
    Some(match key.split('.').next()? {
        "startup" => by_option(&option, StartupCheckArgs::apply),
        "log" => by_option(&option, |log: &LogArgs, config| log.apply(false, config)),
        #[cfg(feature = "serve")]
        "serve" => by_option(&option, |serve: &crate::serve::ServeArgs, config| {
            serve.apply(config).unwrap();
        }),
        _ => by_option(&option, |show: &ShowArgs, config| show.apply(config).unwrap()),
    })
}

/// A route that has a store for each kind, whichever of them another word sets.
fn rest_of_route(key: &str) -> Option<(&'static str, &'static str)> {
    let one_kind = key.starts_with("route.") && key != "route.default";
    one_kind.then_some(("route.default", "memory:"))
}

fn by_variable(key: &str, word: &str) -> Option<Config> {
    let variables = rest_of_route(key).into_iter().chain([(key, word)]);
    let variables = variables.map(|(key, word)| (table::variable(key).into(), word.into()));
    Config::loader().search(false).environment(variables).load().ok()
}

fn by_file(key: &str, literal: &str) -> Config {
    let rest = rest_of_route(key).map(|(key, word)| format!("{key} = {word:?}\n"));
    let text = format!("{}{key} = {literal}", rest.unwrap_or_default());
    Config::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Every setting as it is shown.
fn shown(config: &Config) -> Vec<(String, Option<String>)> {
    config.entries().into_iter().map(|entry| (entry.key, entry.value)).collect()
}

/// Words of every form, of which each setting allows some.
fn words() -> Vec<String> {
    let numbers =
        (0..64).step_by(5).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, 3 << bit, 1_000 << bit]);
    let units = ["", "us", "ms", "s", "m", "h", "d", "k", "MB", "KiB", "MiB", "GiB", ".25s"];
    let quantities = numbers.flat_map(|number| units.map(|unit| format!("{number}{unit}")));
    let times =
        ["1us", "1500us", "7", "1m30s", "1001ms", "90d"].map(|time| format!("interval:{time}"));
    let others = [
        "always NEVER ignore scan FAIL_ON_ANOMALY recover repair Rebuild quarantine text JSON",
        "drop_newest DROP-OLDEST 127.0.0.1:0 [::1]:80 [fe80::1%3]:1 warn info,papyra::store=TRACE",
        "0.1 1e300 1.5GiB 0.000001 a ./file:a /x/y%20z?sync=never d/e:f none a@b memory: -1 -a",
        "file:a%20b?sync=interval:1s rotating:a?max_bytes=1MiB&max_files=2 redis://h redis://h:1/2",
        "true FALSE pino papyra milliseconds rfc3339 a.b @timestamp",
        "rediss://[::1]:7/3?prefix=x&timeout=1m redis+cluster://a:1,b:2 redis+sentinel://a/m/0",
    ];
    let others = others.iter().flat_map(|line| line.split(' ')).map(str::to_owned);
    let odd = ["a b", "q\"uo'te\\", "tab\t\u{7f}\n", "ü 🎉", " a ", "#a = 1"].map(str::to_owned);
    quantities.chain(times).chain(others).chain(odd).collect()
}

#[test]
fn what_is_shown_means_the_same_to_every_reader_of_settings() {
    let words = words();
    for Entry { key, setting, .. } in Config::default().entries() {
        let mut allowed = 0;
        for word in &words {
            let by_flag = |word: &str| by_flag(setting, &key, word);
            let Some(config) = by_variable(&key, word) else {
                assert!(by_flag(word).flatten().is_none(), "only an option of {key} takes {word}");
                continue;
            };
            allowed += 1;
            let all = shown(&config);
            let (_, value) = all.iter().find(|(other, _)| *other == key).unwrap();
            let value = value.as_deref().unwrap();
            assert_eq!(by_variable(&key, value).unwrap().settings, config.settings, "{key} {word}");
            for word in [word, value] {
                let by_flag = by_flag(word);
                let same = by_flag.is_none_or(|config| config.is_some_and(|c| shown(&c) == all));
                assert!(same, "the option of {key} takes {word} for something else");
            }
            let mut literals = vec![json!(value).to_string().replace('\u{7f}', "\\u007f")];
            if setting.toml == Toml::Number && value.parse::<i64>().is_ok() {
                literals.push(value.to_owned());
            }
            if setting.toml == Toml::Boolean {
                literals.push(value.to_owned());
            }
            for literal in literals {
                assert_eq!(shown(&by_file(&key, &literal)), all, "{key} = {literal}");
            }
            let page = Config::parse(&people(&config, true)).unwrap();
            assert_eq!(shown(&page), all, "{key} {word}");
            in_a_url(&key, value, &config);
        }
        assert!(allowed > 0, "{key}");
    }
}

/// Checks that a parameter of a store URL reads the value of a setting alike.
fn in_a_url(key: &str, value: &str, config: &Config) {
    let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let url = |name: &str| StoreUrl::parse(&format!("file:a?{name}={encoded}")).unwrap();
    let settings = &config.settings;
    match key {
        "sync" => assert_eq!(url("sync").sync().unwrap(), Some(settings.sync.value), "{value}"),
        "quarantine_dir" => {
            let directory = url("quarantine_dir").quarantine_dir();
            assert_eq!(directory, settings.quarantine_dir.value, "{value}");
        }
        "retention.max_total_bytes" => {
            let size = url("max_bytes").value("max_bytes", units::parse_size);
            assert_eq!(size.unwrap(), settings.max_total_bytes.value, "{value}");
        }
        "startup.timeout" => {
            let time = url("lock_wait").value("lock_wait", units::parse_duration);
            assert_eq!(time.unwrap(), settings.startup_timeout.value, "{value}");
        }
        _ => {}
    }
}

#[test]
fn options_without_a_word_show_what_every_reader_accepts() {
    for (option, quiet) in
        [("-v", false), ("-vv", false), ("-vvv", false), ("--log-format=text", true)]
    {
        let config = by_option(option, |log: &LogArgs, config| log.apply(quiet, config)).unwrap();
        let level = &config.settings.log_level.value;
        assert_eq!(shown(&by_variable("log.level", level).unwrap()), shown(&config));
        assert_eq!(shown(&by_file("log.level", &format!("{level:?}"))), shown(&config));
    }
    for path in ["a", "file:a", "redis://h", "none", "a?b=c", "-a", "a b\u{7f}"] {
        let option = format!("--path={path}");
        let config = by_option(&option, |show: &ShowArgs, config| show.apply(config).unwrap());
        let config = config.unwrap();
        let store = shown(&config).remove(0).1.unwrap();
        assert_eq!(shown(&by_variable("store", &store).unwrap()), shown(&config), "{path}");
        let page = Config::parse(&people(&config, false)).unwrap();
        assert_eq!(shown(&page), shown(&config), "{path}");
        let again = by_option(&format!("--store={store}"), |show: &ShowArgs, config| {
            show.apply(config).unwrap();
        });
        assert_eq!(shown(&again.unwrap()), shown(&config), "{path}");
    }
}

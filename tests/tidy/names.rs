//! Which room may name what: clocks, Redis, metrics, exits, both sides of the wire.

use super::{Faults, File, files};

/// What only some files may say.
struct Reserved {
    /// What is said.
    word: &'static str,
    /// Where the rule holds.
    within: &'static [&'static str],
    /// Who may say it all the same; beginnings of paths.
    except: &'static [&'static str],
    /// Why.
    rule: &'static str,
}

const RESERVED: &[Reserved] = &[
    Reserved {
        word: "Instant::now",
        within: &["src/core/", "src/service/", "src/client/", "src/calendar/", "src/view/"],
        except: &["src/service/clock.rs"],
        rule: "only src/service/clock.rs reads the clock; others are told the time",
    },
    Reserved {
        word: "SystemTime::now",
        within: &["src/"],
        except: &["src/service/clock.rs"],
        rule: "only src/service/clock.rs reads the clock; others are told the time",
    },
    Reserved {
        word: "redis::",
        within: &["src/", "sim/"],
        except: &["src/service/store/redis", "src/service/store.rs"],
        rule: "only the Redis store speaks Redis",
    },
    Reserved {
        word: "metrics::",
        within: &["src/", "sim/"],
        except: &["src/service/telemetry", "src/client/stats"],
        rule: "numbers leave through src/service/telemetry/event.rs",
    },
    Reserved {
        word: "process::exit",
        within: &["src/", "sim/"],
        except: &[],
        rule: "only main returns an exit code",
    },
    Reserved {
        word: "ExitCode",
        within: &["src/"],
        except: &["src/service/main.rs"],
        rule: "only main returns an exit code",
    },
    Reserved {
        word: "paceline::",
        within: &["sim/src/"],
        except: &["sim/src/demo", "sim/src/drive"],
        rule: "of the simulator only demo and drive, in its program, know the service",
    },
    Reserved {
        word: "paceline_client",
        within: &["sim/src/"],
        except: &["sim/src/demo", "sim/src/drive"],
        rule: "of the simulator only demo and drive, in its program, know the client",
    },
    Reserved {
        word: "paceline_proto",
        within: &["sim/src/"],
        except: &["sim/src/demo", "sim/src/drive"],
        rule: "of the simulator only demo and drive, in its program, know the wire",
    },
    Reserved {
        word: "paceline_service",
        within: &["src/client/", "src/core/", "src/view/", "src/calendar/"],
        except: &[],
        rule: "nobody here knows the service",
    },
];

/// Whether the line says the word as the first of a path: `redis::Client`, not `store::redis::X`.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = &line[..at];
        let inside = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let below = word.ends_with("::") && before.ends_with("::");
        !inside && !below
    })
}

fn is_shipped(file: &File) -> bool {
    let aside = ["/tests/", "/benches/", "/examples/"];
    file.is_rust() && !file.is_test() && !aside.iter().any(|part| file.path.contains(part))
}

fn begins(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

#[test]
fn what_is_reserved_is_said_only_where_it_may_be() {
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| is_shipped(file)) {
        for reserved in RESERVED {
            if !begins(&file.path, reserved.within) || begins(&file.path, reserved.except) {
                continue;
            }
            for (at, line) in file.code() {
                let is_prose = line.trim_start().starts_with("//");
                if !is_prose && says(line, reserved.word) {
                    faults.add(&file.path, at, reserved.rule);
                }
            }
        }
    }
    faults.none();
}

#[test]
fn only_the_wire_knows_both_sides() {
    const WIRE: &[&str] = &[
        "src/service/wire",
        "src/client/wire",
        "src/client/subscribe",
        "src/client/spend",
        "src/client/opportunity",
        "src/client/outcome",
    ];
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| is_shipped(file)) {
        let is_shell = begins(&file.path, &["src/service/", "src/client/"]);
        if !is_shell || begins(&file.path, WIRE) {
            continue;
        }
        let first = |word| file.code().find(|(_, line)| says(line, word)).map(|(at, _)| at);
        if let (Some(at), Some(_)) = (first("paceline_proto::"), first("paceline_core::")) {
            faults.add(&file.path, at, "knows proto and core: convert in wire.rs");
        }
    }
    faults.none();
}

#[test]
fn rooms_know_only_the_rooms_they_may() {
    const FORBIDDEN: &[(&str, &[&str])] = &[
        ("src/core/", &["paceline::", "paceline_client", "paceline_proto", "paceline_sim"]),
        ("src/client/", &["paceline::", "paceline_sim", "paceline_calendar", "paceline_view"]),
        ("src/service/", &["paceline_client", "paceline_sim"]),
        ("src/view/", &["paceline::", "paceline_core", "paceline_proto", "paceline_sim"]),
        ("proto/src/", &["paceline::", "paceline_core", "paceline_client", "paceline_sim"]),
    ];
    // The program carries its own simulator nowhere but in these, which start both.
    const BOTH: &[&str] = &["src/service/main.rs", "sim/src/demo", "sim/src/drive"];
    let mut faults = Faults::default();
    for file in files().iter().filter(|file| is_shipped(file)) {
        let rows = FORBIDDEN.iter().filter(|(room, _)| file.path.starts_with(room));
        for (_, words) in rows.filter(|_| !begins(&file.path, BOTH)) {
            for (at, line) in file.code().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                for word in words.iter().filter(|word| says(line, word)) {
                    faults.add(&file.path, at, &format!("may not know {word}"));
                }
            }
        }
    }
    faults.none();
}

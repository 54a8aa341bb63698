//! Bad options and credentials: one clear line, exit code 64, nothing sent.

use super::{SECRET, command, file, run, run_with_stdin, with_credentials};

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row per mistake")]
fn a_bad_command_line_is_one_line_and_64() {
    for (arguments, says) in [
        (&[][..], "no command given"),
        (&["frobnicate"], "no such command; see pan123-token --help"),
        (
            &["gett"],
            "no such command: 'gett' (did you mean 'get'?); see",
        ),
        (
            &["get", "--nope"],
            "unexpected argument '--nope'; see pan123-token get --help",
        ),
        (
            &["get", "--clientid", "x"],
            "unexpected argument '--clientid' (did you mean '--client-id'?); see",
        ),
        (
            &["-v"],
            "unexpected argument '-v' (did you mean '-V'?); see",
        ),
        (&["get", "-x"], "unexpected argument '-x'; see"),
        (&["completions", "csh"], "takes one of bash, elvish, fish"),
        (&["get", "stray"], "unexpected argument; see"),
        (
            &["get", "--format", "xml"],
            "'--format <FORMAT>' takes one of raw, header, json, env",
        ),
        (
            &["get", "--format"],
            "'--format <FORMAT>' takes one of raw, header, json, env",
        ),
        (
            &["get", "--timeout", "0"],
            "a number of seconds from 0.001 to 86400",
        ),
        (&["get", "--timeout", "-1"], "unexpected argument"),
        (&["get", "--timeout=-1"], "a number of seconds"),
        (&["get", "--timeout", "nan"], "a number of seconds"),
        (&["get", "--timeout", "1e300"], "a number of seconds"),
        (
            &["get", "--emulate", "--base-url", "https://x"],
            "cannot be used with",
        ),
        (
            &["get", "--emulate", "--client-id", "x"],
            "cannot be used with",
        ),
        (
            &["get", "--store", "etcd://user:SENTINEL-secret@x"],
            "unknown token store: --store and PAN123_TOKEN_STORE take none, file, file:FOLDER, file-group:FOLDER, redis://… or rediss://…",
        ),
        (
            &["get", "--store", "file:"],
            "the store file: names no folder",
        ),
        (
            &["get", "--store", "redis://"],
            "the Redis URL names no host",
        ),
        (
            &["status", "--store", "none", "--client-id", "x"],
            "the store `none` keeps nothing",
        ),
        (
            &["reject", "--store", "none", "--client-id", "x"],
            "the store `none` keeps nothing",
        ),
        (
            &["get", "--base-url", "nonsense"],
            "needs a scheme and a host",
        ),
        (
            &["get", "--base-url", "http://example.com"],
            "must be https",
        ),
        (
            &["get", "--base-url", "ftp://example.com"],
            "scheme must be https",
        ),
        (
            &["get", "--base-url", "https://u:p@example.com"],
            "user name or password",
        ),
        (
            &["get", "--base-url", "https://example.com?q"],
            "must not have a query",
        ),
        (
            &["get", "--base-url", "https://example.com#f"],
            "must not have a fragment",
        ),
        (
            &["get", "--insecure-http", "--base-url", "ftp://x"],
            "scheme must be https",
        ),
        (
            &["get", "--ca-file", "/no/such/file"],
            "can't take certificates from /no/such/file",
        ),
        (
            &["emulate", "--listen", "nonsense"],
            "an address and a port, such as 127.0.0.1:18080",
        ),
        (
            &["emulate", "--upload-listen", "localhost"],
            "a port of the loopback, such as 18080",
        ),
        (
            &["emulate", "--host", "http://emulator"],
            "is no host: it must look like emulator",
        ),
        (
            &["emulate", "--eviction", "newest"],
            "takes one of oldest, newest-but-one, random",
        ),
        (&["emulate", "--rejection", "403"], "takes one of 200, 401"),
        (&["emulate", "--throttling", "503"], "takes one of 200, 429"),
        (
            &["emulate", "--client", ":SENTINEL-secret"],
            "a client ID, or a client ID and a secret",
        ),
        (
            &["emulate", "--clients-file", "/no/such/file"],
            "can't read /no/such/file",
        ),
        (
            &["emulate", "--clients-file", "/dev/null"],
            "names no client",
        ),
        (
            &["emulate", "--lifetime", "soon"],
            "a length of time above zero",
        ),
        (&["emulate", "--max-tokens", "0"], "0 is not in 1..=1000"),
        (
            &["emulate", "--fault", "nonsense"],
            "no such fault; its help lists them; see pan123-token emulate --help",
        ),
        (&["emulate", "--rate", "-1"], "unexpected argument"),
        (&["get", "line\nbreak\u{1b}[31m"], "unexpected argument"),
    ] {
        let said = run(&mut with_credentials(arguments));
        assert_eq!(said.exit, 64, "{arguments:?}: {}", said.stderr);
        assert!(
            said.one_line().contains(says),
            "{arguments:?}: {}",
            said.stderr
        );
    }
}

#[test]
fn an_empty_value_is_no_default_and_stands_before_no_variable() {
    for (arguments, option) in [
        (&["get", "--client-id", ""][..], "--client-id"),
        (&["get", "--client-secret-file", ""], "--client-secret-file"),
        (&["get", "--base-url", ""], "--base-url"),
        (&["get", "--base-url="], "--base-url"),
        (&["get", "--store", ""], "--store"),
        (&["get", "--ca-file", ""], "--ca-file"),
        (&["get", "--store-ca-file", ""], "--store-ca-file"),
        (&["get", "--timeout", ""], "--timeout"),
        (&["api", "/x", "--base-url", ""], "--base-url"),
        (&["api", "/x", "--data", ""], "--data"),
        (&["status", "--store", ""], "--store"),
        (&["reject", "--store", ""], "--store"),
        (&["emulate", "--listen", ""], "--listen"),
        (&["emulate", "--upload-listen", ""], "--upload-listen"),
        (&["emulate", "--host", ""], "--host"),
        (&["emulate", "--tls", ""], "--tls"),
        (&["emulate", "--client", ""], "--client"),
        (&["emulate", "--clients-file", ""], "--clients-file"),
    ] {
        let said = run(with_credentials(arguments)
            // Where it would go, if an empty option were none.
            .env("PAN123_BASE_URL", "http://127.0.0.1:1")
            .env("PAN123_CA_FILE", "/no/such/file"));
        assert_eq!(said.exit, 64, "{arguments:?}: {}", said.stderr);
        let named = format!("value for '{option} <");
        let missing = format!("a value is missing for '{option} <");
        let line = said.one_line();
        assert!(
            line.contains(&named) || line.starts_with(&missing),
            "{arguments:?}: {line}"
        );
    }
}

#[test]
fn a_secret_as_an_argument_is_refused_and_not_repeated() {
    let said = run(&mut command(&["get", &format!("--client-secret={SECRET}")]));
    assert_eq!(said.exit, 64);
    let said = run(&mut command(&["get", "--client-secret", SECRET]));
    assert_eq!(said.exit, 64);
}

#[test]
fn missing_credentials_are_named() {
    let said = run(&mut command(&["get"]));
    assert_eq!(said.exit, 64);
    assert_eq!(
        said.one_line(),
        "no client ID: set PAN123_CLIENT_ID, or give --client-id"
    );
    let said = run(&mut command(&["get", "--client-id", "my-id"]));
    assert_eq!(said.exit, 64);
    assert_eq!(
        said.one_line(),
        "no client secret: set PAN123_CLIENT_SECRET, or give --client-secret-file"
    );
    // An empty variable is as good as none.
    let said = run(with_credentials(&["get"]).env("PAN123_CLIENT_SECRET", ""));
    assert_eq!(said.exit, 64);
    assert!(said.one_line().starts_with("no client secret"));
}

#[test]
fn unusable_credentials_are_named_and_not_shown() {
    for (secret, says) in [
        (
            "SENTINEL-secret\n",
            "the client secret ends in a line break; remove it",
        ),
        (
            "SENTINEL-secret\u{1b}",
            "the client secret holds a control character",
        ),
        (
            &*"SENTINEL-secret".repeat(100),
            "the client secret is longer than 1024 bytes",
        ),
    ] {
        let said = run(with_credentials(&["get"]).env("PAN123_CLIENT_SECRET", secret));
        assert_eq!(said.exit, 64);
        assert_eq!(said.one_line(), says);
    }
}

#[test]
fn a_secret_file_that_cannot_be_used_is_named() {
    let too_long = file("too-long", "x".repeat(100_000).as_bytes());
    let binary = file("binary", b"\xff\xfe");
    let empty = file("empty", b"\n");
    for (path, says) in [
        (
            "/no/such/file",
            "can't read the client secret from /no/such/file: ",
        ),
        ("/", "can't read the client secret from /: "),
        (too_long.to_str().unwrap(), "it has more than 1024 bytes"),
        (binary.to_str().unwrap(), "it is not UTF-8"),
        (empty.to_str().unwrap(), "the client secret is empty"),
    ] {
        let said = run(&mut command(&[
            "get",
            "--client-id",
            "x",
            "--client-secret-file",
            path,
        ]));
        assert_eq!(said.exit, 64, "{path}: {}", said.stderr);
        assert!(said.one_line().contains(says), "{path}: {}", said.stderr);
    }
}

#[test]
fn a_secret_on_stdin_may_end_in_one_line_break() {
    let get = [
        "get",
        "--client-id",
        "x",
        "--client-secret-file",
        "-",
        "--base-url",
        "http://127.0.0.1:1",
    ];
    for stdin in [
        &b"SENTINEL-secret"[..],
        b"SENTINEL-secret\n",
        b"SENTINEL-secret\r\n",
    ] {
        // Past the credentials, and on to a port where nothing listens.
        let said = run_with_stdin(&mut command(&get), stdin);
        assert_eq!(said.exit, 69, "{}", said.stderr);
    }
    let said = run_with_stdin(&mut command(&get), b"SENTINEL-secret\n\n");
    assert_eq!(said.exit, 64);
    assert_eq!(
        said.one_line(),
        "the client secret ends in a line break; remove it"
    );
}

#[test]
fn usage_errors_are_json_too_where_that_was_asked_for() {
    for (arguments, kind) in [
        (&["get", "--format", "json", "--nope"][..], "usage"),
        (&["get", "--nope", "--format=json"], "usage"),
        (&["get", "--format", "json"], "credentials"),
    ] {
        let said = run(&mut command(arguments));
        assert_eq!(said.exit, 64);
        assert_eq!(said.json()["error"]["kind"], kind);
        assert_eq!(said.stderr.matches('\n').count(), 1);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_utf_8_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let odd = OsStr::from_bytes(b"\xff");
    let said = run(command(&["get"]).env("PAN123_CLIENT_ID", odd));
    assert_eq!(said.exit, 64);
    assert_eq!(said.one_line(), "PAN123_CLIENT_ID is not UTF-8");
    let said = run(command(&["get", "--base-url"]).arg(odd));
    assert_eq!(said.exit, 64);
    assert!(said.one_line().contains("invalid UTF-8"), "{}", said.stderr);
}

#[test]
fn help_and_version_go_to_stdout() {
    for (arguments, says) in [
        (&["--help"][..], "Usage: pan123-token <COMMAND>"),
        (&["get", "--help"], "Usage: pan123-token get"),
        (
            &["api", "--help"],
            "Usage: pan123-token api [OPTIONS] [METHOD] PATH\n",
        ),
        (&["help", "get"], "Usage: pan123-token get"),
        (&["--version"], "pan123-token 0."),
    ] {
        let said = run(&mut command(arguments));
        assert_eq!(said.exit, 0);
        assert_eq!(said.stderr, "");
        let stdout = said.stdout.replace("pan123-token.exe", "pan123-token");
        assert!(stdout.contains(says), "{stdout}");
    }
}

#[test]
fn each_help_has_examples_and_none_a_table() {
    for name in [
        "",
        "get",
        "api",
        "status",
        "reject",
        "emulate",
        "completions",
        "man",
    ] {
        let arguments = [name, "--help"];
        let said = run(&mut command(if name.is_empty() {
            &arguments[1..]
        } else {
            &arguments
        }));
        assert_eq!(said.exit, 0);
        let help = &said.stdout;
        assert!(
            help.contains("\nExamples:\n") || help.contains("\nExample:\n"),
            "{help}"
        );
        assert!(!help.contains("|--") && !help.contains("\n|"), "{help}");
    }
    let said = run(&mut command(&["emulate", "--help"]));
    assert!(said.stdout.contains("--listen 18080"), "{}", said.stdout);
}

#[test]
fn completions_and_the_manual_page_know_each_command_and_option() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(&mut command(&["completions", shell]));
        assert_eq!((said.exit, &*said.stderr), (0, ""));
        for word in ["get", "api", "status", "reject", "emulate", "store-ca-file"] {
            assert!(said.stdout.contains(word), "{shell}: {word}");
        }
    }
    let said = run(&mut command(&["man"]));
    assert_eq!((said.exit, &*said.stderr), (0, ""));
    assert!(
        said.stdout.contains(".TH pan123-token 1"),
        "{}",
        said.stdout
    );
    for section in [
        "GET",
        "API",
        "STATUS",
        "REJECT",
        "EMULATE",
        "COMPLETIONS",
        "MAN",
    ] {
        let heading = format!("\n.SH {section}\n");
        assert!(said.stdout.contains(&heading), "{section}");
    }
    assert!(said.stdout.contains(r"\-\-store\-ca\-file"));
}

#[test]
fn help_and_the_manual_page_say_what_is_trusted_and_what_is_bounded() {
    let trusted = if cfg!(feature = "platform-verifier") {
        "[default: PAN123_CA_FILE, or those that the system trusts]"
    } else {
        "[default: PAN123_CA_FILE, or Mozilla's]"
    };
    for arguments in [&["get", "--help"][..], &["man"]] {
        let said = run(&mut command(arguments)).stdout;
        // As one line, and without the marks of roff.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = said.replace(r"\-", "-").replace(r"\*(Aq", "'");
        for says in [
            trusted,
            "[default: PAN123_STORE_CA_FILE, or Mozilla's, whatever the system trusts]",
            "How long the wait for a token may take, in seconds; the call of api may then take as long again",
            "What comes on stdin is waited for without a limit",
            "Has no effect on status and reject",
        ] {
            assert!(said.contains(says), "{says}: {said}");
        }
    }
}

/// As bash calls them at a tab.
#[cfg(unix)]
#[test]
fn bash_completes_commands_options_and_values() {
    let script = run(&mut command(&["completions", "bash"])).stdout;
    let complete = |words: &[&str]| {
        let call = "eval \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                    _pan123__token \"$1\" \"${@: -1}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; echo \"${COMPREPLY[@]}\"";
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", call, &script, "pan123-token"]).args(words);
        run(&mut bash).stdout
    };
    assert_eq!(complete(&["g"]), "get\n");
    assert_eq!(complete(&["get", "--fo"]), "--format\n");
    assert_eq!(complete(&["get", "--format", ""]), "raw header json env\n");
    assert_eq!(complete(&["api", "/x", "--da"]), "--data\n");
    assert_eq!(complete(&["completions", "z"]), "zsh\n");
}

#[test]
fn what_stands_at_a_wrong_place_is_not_repeated() {
    let secret = format!("{SECRET}.eyJ");
    let as_value = format!("--nope={SECRET}");
    let as_client_secret = format!("--client-secret={SECRET}");
    let commands: [&[&str]; 12] = [
        &["api", &secret],
        &["api", "/x", &secret],
        &["api", "/x", "--data", &secret],
        &[&secret],
        &["get", &secret],
        &["get", &as_value],
        &["get", &as_client_secret],
        &["get", "--timeout", &secret],
        &["get", "--format", &secret],
        &["status", &secret],
        &["reject", &secret],
        &["emulate", "--fault", &secret],
    ];
    for arguments in commands {
        // That the secret comes out nowhere is seen to by `run`.
        let said = run(&mut command(arguments));
        assert_eq!(said.exit, 64, "{arguments:?}: {}", said.stderr);
        said.one_line();
        let said = run(command(arguments).args(["--format", "json"]));
        assert_eq!(said.exit, 64, "{arguments:?}");
    }
    let said = run(&mut command(&["reject", &secret]));
    assert!(
        said.one_line().contains("the token is read from stdin"),
        "{}",
        said.stderr
    );
}

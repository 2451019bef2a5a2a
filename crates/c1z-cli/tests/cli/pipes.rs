//! Readers that go away, and interrupts.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::support::{golden, program, v3};

#[test]
fn a_closed_pipe_ends_quietly() {
    // The reader takes one byte and goes; the output is far longer than a pipe holds.
    for format in ["json", "ndjson", "csv", "console"] {
        let mut child = program()
            .args(["grants", "-o", format, "-f"])
            .arg(golden("fanout"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{format}: {output:?}");
        assert!(output.stderr.is_empty(), "{format}: {output:?}");
    }
}

#[test]
fn a_reader_that_never_comes_is_no_error() {
    for args in [
        &["stats"][..],
        &["diff"],
        &["access", "-t", "user", "-r", "u-e13981"],
        &["completions", "bash"],
        &["man"],
        &["assets", "get", "icon-app-000"],
        &["--help"],
    ] {
        // Standard output and standard error are pipes without a reader.
        let line = r#"exec 3>&1; { sh -c '"$@" 2>&1; echo $? >&3' sh "$@"; } | true"#;
        let output = Command::new("sh")
            .args(["-c", line, "sh", env!("CARGO_BIN_EXE_c1z")])
            .args(args)
            .args(["-f"])
            .arg(v3())
            .output()
            .unwrap();
        let code = String::from_utf8(output.stdout).unwrap();
        let expected = if args == ["diff"] { "9\n" } else { "0\n" };
        assert_eq!(code, expected, "{args:?}");
    }
}

#[test]
fn an_interrupt_ends_the_program_by_the_signal() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("never.c1z");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    // Opening the pipe waits for a writer, so the program is there to be interrupted.
    let mut child = program().arg("stats").arg("-f").arg(&fifo).spawn().unwrap();
    let pid = child.id().to_string();
    // A program that was started with interrupts ignored, as in the background of a shell, never ends.
    for _ in 0..5_000 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        sent.unwrap();
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    // What a shell makes of it.
    let line = r#"sh -c '(sleep 0.3; kill -INT $$) & exec "$@"' sh "$@"; echo $?"#;
    let output = Command::new("sh")
        .args(["-c", line, "sh", env!("CARGO_BIN_EXE_c1z"), "stats", "-f"])
        .arg(&fifo)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "130\n");
}

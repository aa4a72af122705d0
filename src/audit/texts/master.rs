//! Where the key comes from that wraps the others: a file, a variable of the environment, or a command that asks a key service for it.

use super::TextsSettings;
use super::keys::{KEY, KeysError, MasterKey};
use crate::text::hex;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a command may take to print the key.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// More than a key takes, in bytes.
const LONGEST: u64 = 1024;

impl TextsSettings {
    /// The master key, from where the settings say. With `makes` its file is made where there is none.
    ///
    /// # Errors
    /// It is not there, is open to others, cannot be read, or is no key.
    pub fn master(&self, makes: bool) -> Result<MasterKey, KeysError> {
        match (&self.key_command, &self.key_env, &self.key) {
            (Some(command), ..) => {
                let what = "journal.texts.key_command";
                parse(&printed(command)?).ok_or(KeysError::NoKey { what: what.to_owned() })
            }
            (None, Some(name), _) => {
                let what = format!("environment variable `{name}`");
                let text = std::env::var(name).map(Zeroizing::new).ok();
                text.and_then(|text| parse(&text)).ok_or(KeysError::NoKey { what })
            }
            (None, None, Some(path)) if makes => MasterKey::load_or_make(path),
            (None, None, Some(path)) => MasterKey::load(path),
            (None, None, None) => {
                Err(KeysError::NoKey { what: "the configuration, which names no master key,".to_owned() })
            }
        }
    }

    /// The file of the master key, where it comes from one.
    pub fn key_file(&self) -> Option<&PathBuf> {
        self.key.as_ref().filter(|_| self.key_command.is_none() && self.key_env.is_none())
    }
}

/// A key as 64 hexadecimal digits or in base64, as key services print it. One byte over and over is no key.
pub(super) fn parse(text: &str) -> Option<MasterKey> {
    let text = text.trim();
    let bytes = match hex::array::<KEY>(text) {
        Some(bytes) => Zeroizing::new(bytes),
        None => {
            Zeroizing::new(Zeroizing::new(BASE64_STANDARD.decode(text).ok()?).as_slice().try_into().ok()?)
        }
    };
    bytes.iter().any(|byte| *byte != bytes[0]).then(|| MasterKey::new(&bytes))
}

/// What the command prints. It has this process's environment, in which key services look for who asks.
fn printed(command: &[String]) -> Result<Zeroizing<String>, KeysError> {
    let fault = |reason: String| KeysError::Command { reason };
    let (program, arguments) = command.split_first().ok_or_else(|| fault("it names no program".into()))?;
    let started = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| fault(format!("`{program}`: {error}")))?;
    let out = child.stdout.take();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut text = Zeroizing::new(String::new());
        let read = out.map_or(Ok(0), |out| out.take(LONGEST).read_to_string(&mut text));
        let _ = tell.send(read.map(|_| text));
    });
    let text = match told.recv_timeout(PATIENCE) {
        Ok(text) => text.map_err(|error| fault(error.to_string())),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            let _ = child.kill();
            Err(fault(format!("`{program}` did not end within {} s", PATIENCE.as_secs())))
        }
    };
    let ended = ends(&mut child);
    let text = text?;
    match ended {
        Ok(status) if status.success() => Ok(text),
        Ok(status) => Err(fault(format!("`{program}` failed: {status}"))),
        Err(error) => Err(fault(io::Error::to_string(&error))),
    }
}

/// How a child has ended that has said all: it is not waited for any longer than for what it says.
fn ends(child: &mut Child) -> io::Result<ExitStatus> {
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::park_timeout(LOOK);
    }
    child.kill()?;
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(command: &[&str]) -> TextsSettings {
        let key_command = Some(command.iter().map(|word| (*word).to_owned()).collect());
        TextsSettings { key_command, ..TextsSettings::default() }
    }

    #[test]
    fn a_key_comes_from_a_command_as_digits_or_base64() {
        let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        for text in [digits, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="] {
            assert!(by(&["printf", "%s\\n", text]).master(false).is_ok(), "{text}");
        }
        for (command, why) in [
            (&["printf", "short"][..], "holds no key"),
            (&["printf", "%064d", "0"], "holds no key"),
            (&["false"], "failed"),
            (&["/nonexistent/kms"], "No such file"),
            (&[], "no program"),
        ] {
            let error = by(command).master(false).map(drop).expect_err("no key").to_string();
            assert!(error.contains(why), "{command:?}: {error}");
        }
    }
}

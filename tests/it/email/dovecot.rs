//! A private Dovecot that tests may kill: own port, folders and configuration, without privileges.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use muara_tests::guard::Guard;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

pub(super) const USER: &str = "dki@jakarta.example";
pub(super) const PASSWORD: &str = "rahasia-sekali";

/// Nothing of it takes as long.
const DEADLINE: Duration = Duration::from_secs(30);

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub(super) struct Dovecot {
    guard: Guard,
    port: u16,
}

impl Dovecot {
    pub(super) async fn launch() -> Self {
        Self::with("").await
    }

    /// With more lines of configuration.
    pub(super) async fn with(more: &str) -> Self {
        let program =
            ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"].iter().find(|path| Path::new(path).exists());
        let program = program.expect("Dovecot is not installed (Debian: apt install dovecot-imapd)");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { guard: Guard::new("muara-dovecot-"), port };
        server.configure(more);
        server.start(program).await;
        server
    }

    fn configure(&self, more: &str) {
        let root = self.guard.folder();
        let (user, group) =
            if is_root() { ("nobody".into(), "nogroup".into()) } else { (id("-un"), id("-gn")) };
        for name in ["mail", "run", "state"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let ssl = if more.contains("ssl_cert") { "yes" } else { "no" };
        let implicit = if more.contains("implicit") { "yes" } else { "no" };
        let (root, port) = (root.display(), self.port);
        let text = format!(
            r"protocols = imap
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
disable_plaintext_auth = no
ssl = {ssl}
mail_location = maildir:{root}/mail
first_valid_uid = 1
mail_max_userip_connections = 2
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={root}
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
    ssl = {implicit}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{more}
"
        );
        fs::write(self.guard.folder().join("dovecot.conf"), text).unwrap();
        self.own();
    }

    /// Gives everything to the server's user.
    fn own(&self) {
        if is_root() {
            // a file of the running server may go away meanwhile
            let own = || {
                Command::new("chown")
                    .args(["-R", "nobody:nogroup"])
                    .arg(self.guard.folder())
                    .status()
                    .unwrap()
                    .success()
            };
            assert!((0..5).any(|_| own()), "the folder cannot be given to the server's user");
        }
        fs::set_permissions(self.guard.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn start(&self, program: &str) {
        let mut command = Command::new(program);
        if is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--", program]);
        }
        command.args(["-F", "-c"]).arg(self.guard.folder().join("dovecot.conf"));
        self.guard.start(&command);
        let deadline = Instant::now() + DEADLINE;
        while let Err(error) = TcpStream::connect(self.address()).await {
            let log = fs::read_to_string(self.guard.folder().join("dovecot.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "Dovecot did not start ({error}):\n{log}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// With a certificate of its own for `localhost`: encrypted from the first byte, or on demand. Returns the
    /// certificate's file, too.
    pub(super) async fn encrypted(implicit: bool) -> (Self, TempDir) {
        let folder = tempfile::Builder::new().prefix("muara-cert-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let config = folder.path().join("openssl.cnf");
        fs::write(&config, "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=localhost\n[ext]\nsubjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\n").unwrap();
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config"]).arg(config);
        let status = command.arg("-keyout").arg(&key).arg("-out").arg(&cert).stderr(Stdio::null()).status();
        assert!(status.unwrap().success());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let more = format!(
            "ssl_cert = <{}\nssl_key = <{}\n# {}\n",
            cert.display(),
            key.display(),
            if implicit { "implicit" } else { "on demand" }
        );
        (Self::with(&more).await, folder)
    }

    pub(super) async fn restart(&self) {
        self.kill9();
        self.start("/usr/sbin/dovecot").await;
    }

    /// Kills it with all that belongs to it.
    pub(super) fn kill9(&self) {
        if self.guard.kill9() {
            // sockets that nobody serves any more, and a process number that may be anybody's
            fs::remove_dir_all(self.guard.folder().join("run")).unwrap();
            fs::create_dir(self.guard.folder().join("run")).unwrap();
            // it waits two minutes for the lock of a dead process
            fs::remove_file(self.maildir("INBOX").join("dovecot-uidlist.lock")).ok();
            self.own();
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn maildir(&self, folder: &str) -> PathBuf {
        let mail = self.guard.folder().join("mail");
        if folder == "INBOX" { mail } else { mail.join(format!(".{folder}")) }
    }

    /// A message comes into a folder, as a mail server delivers it.
    pub(super) fn deliver(&self, folder: &str, message: &[u8]) {
        let maildir = self.maildir(folder);
        for name in ["tmp", "new", "cur"] {
            fs::create_dir_all(maildir.join(name)).unwrap();
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:010}.M{number}.test", 1_793_675_400 + number);
        fs::write(maildir.join("tmp").join(&name), message).unwrap();
        self.own();
        fs::rename(maildir.join("tmp").join(&name), maildir.join("new").join(&name)).unwrap();
    }

    /// The flags of the messages in a folder, e.g. `S`; a new one has none.
    pub(super) fn flags(&self, folder: &str) -> Vec<String> {
        let mut flags: Vec<String> = Vec::new();
        for name in ["new", "cur"] {
            let Ok(files) = fs::read_dir(self.maildir(folder).join(name)) else { continue };
            let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            flags.extend(names.map(|name| name.split_once(":2,").map_or("", |(_, flags)| flags).to_owned()));
        }
        flags
    }

    /// As after a restore from a backup: other UIDs, and a UIDVALIDITY that says so.
    pub(super) async fn renumber(&self) {
        self.kill9();
        let list = self.maildir("INBOX").join("dovecot-uidlist");
        let text = fs::read_to_string(&list).unwrap();
        let (head, rest) = text.split_once('\n').unwrap();
        let head = head.split(' ').map(|word| match word.strip_prefix('V') {
            Some(validity) => format!("V{}", validity.parse::<u32>().unwrap() + 1000),
            None => word.to_owned(),
        });
        let head = head.collect::<Vec<_>>().join(" ");
        fs::write(&list, format!("{head}\n{rest}")).unwrap();
        for file in fs::read_dir(self.maildir("INBOX")).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with("dovecot.index") {
                fs::remove_file(path).unwrap();
            }
        }
        self.own();
        self.start("/usr/sbin/dovecot").await;
    }
}

fn is_root() -> bool {
    id("-u") == "0"
}

fn id(option: &str) -> String {
    String::from_utf8(Command::new("id").arg(option).output().unwrap().stdout).unwrap().trim().to_owned()
}

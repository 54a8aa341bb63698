//! An nginx of the test's own in front of the emulator.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pan123_emulator::Emulator;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    ports: [u16; 5],
    ca_pem: String,
    /// Holds a port that answers nothing.
    _silent: TcpListener,
}

/// How one reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Plain,
    /// HTTP/1.1 alone.
    Http1Tls13,
    /// HTTP/2 where the client can, and HTTP/1.1.
    Http2Tls12,
    Http2Tls13,
    /// Likewise; connections that are idle for 100 ms are closed.
    ShortKeepAlive,
}

impl Listener {
    pub(crate) const ALL: [Self; 5] = [
        Self::Plain,
        Self::Http1Tls13,
        Self::Http2Tls12,
        Self::Http2Tls13,
        Self::ShortKeepAlive,
    ];
}

impl Nginx {
    /// In front of the emulator; `elsewhere` is where a redirect leads.
    pub(crate) fn start(emulator: &Emulator, elsewhere: &Emulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_pem = write_certificate(folder.path());
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ports = free_ports();
        let config = config(
            folder.path(),
            &ports,
            emulator.addr(),
            silent.local_addr().unwrap(),
            &elsewhere.url(),
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self {
            child,
            folder,
            ports,
            ca_pem,
            _silent: silent,
        };
        let begun = Instant::now();
        while TcpStream::connect(nginx.address(Listener::ShortKeepAlive)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "nginx is up");
            thread::sleep(Duration::from_millis(10));
        }
        nginx
    }

    pub(crate) fn address(&self, listener: Listener) -> SocketAddr {
        let place = Listener::ALL.iter().position(|it| *it == listener).unwrap();
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[place]))
    }

    pub(crate) fn url(&self, listener: Listener) -> String {
        let scheme = match listener {
            Listener::Plain => "http",
            _ => "https",
        };
        format!("{scheme}://{}", self.address(listener))
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The requests since the last time, once there is one: `HTTP/2.0 TLSv1.3 /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.folder.path().join("access.log");
        let begun = Instant::now();
        loop {
            // A request is written down when its reply is sent.
            thread::sleep(Duration::from_millis(20));
            let text = fs::read_to_string(&log).unwrap_or_default();
            if !text.is_empty() || begun.elapsed() > Duration::from_secs(5) {
                // nginx appends to it.
                fs::write(&log, "").unwrap();
                return text.lines().map(str::to_owned).collect();
            }
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports() -> [u16; 5] {
    let listeners = [(); 5].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// One that is vouched for by an authority, whose PEM it gives.
fn write_certificate(folder: &Path) -> String {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "the gateway's authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    ca.pem()
}

fn config(
    folder: &Path,
    ports: &[u16; 5],
    emulator: SocketAddr,
    silent: SocketAddr,
    elsewhere: &str,
) -> String {
    let folder = folder.display();
    let [plain, http1, http2_tls12, http2_tls13, short] = ports;
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
        .concat();
    let locations = format!(
        "location / {{ proxy_pass http://{emulator}; proxy_http_version 1.1; }}
        location /gzip/ {{
            proxy_pass http://{emulator}/;
            gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;
        }}
        location /413/ {{ client_max_body_size 8; proxy_pass http://{emulator}/; }}
        location /429/ {{ return 429; }}
        location /502/ {{ proxy_pass http://127.0.0.1:1/; }}
        location /503/ {{ return 503; }}
        location /504/ {{ proxy_pass http://{silent}/; proxy_read_timeout 200ms; }}
        location /301/ {{ return 301 {elsewhere}$request_uri; }}"
    );
    let server = |listen: &str, more: &str| {
        format!("server {{ listen 127.0.0.1:{listen}; {more}\n{locations}\n}}\n")
    };
    let servers = [
        server(&plain.to_string(), ""),
        server(&format!("{http1} ssl"), "ssl_protocols TLSv1.3;"),
        server(
            &format!("{http2_tls12} ssl http2"),
            "ssl_protocols TLSv1.2;",
        ),
        server(
            &format!("{http2_tls13} ssl http2"),
            "ssl_protocols TLSv1.3;",
        ),
        server(&format!("{short} ssl http2"), "keepalive_timeout 100ms;"),
    ]
    .concat();
    format!(
        "daemon off;
        master_process off;
        pid {folder}/pid;
        error_log {folder}/error.log;
        events {{ worker_connections 128; }}
        http {{
            log_format short '$server_protocol $ssl_protocol $request_uri';
            access_log {folder}/access.log short;
            ssl_certificate {folder}/server.pem;
            ssl_certificate_key {folder}/server.key;
            {temporary}
            {servers}
        }}"
    )
}

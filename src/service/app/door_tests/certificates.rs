//! Certificates of callers, over real connections: who is vouched for is known by a name, with no
//! token, and whoever is not gets no connection.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::Identity;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of this name and its key, good until that year.
fn made(by: &Authority, name: &str, year: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, by).unwrap();
    (made.pem(), key.serialize_pem())
}

fn vouched(by: &Authority, name: &str, year: i32) -> Identity {
    let (certificate, key) = made(by, name, year);
    Identity::from_pem(certificate, key)
}

/// What `paceline ctl status` makes of a certificate.
async fn status_by_command(grpc: SocketAddr, folder: &Path, by: &Authority) -> String {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = made(by, "viewer.example", 2090);
    let endpoint = format!("https://localhost:{}", grpc.port());
    let ca = folder.join("chain.pem").display().to_string();
    let (certificate, key) = (write("own.pem", certificate), write("own-key.pem", key));
    let flags = ["--ca-file", &ca, "--certificate-file", &certificate, "--key-file", &key];
    let line = ["paceline", "ctl", "--endpoint", &endpoint].into_iter().chain(flags);
    let read = crate::args::Arguments::try_parse_from(line.chain(["status"])).unwrap();
    match read.command {
        crate::args::Command::Ctl(args) => crate::ctl::run(*args).await.text,
        other => panic!("{other:?}"),
    }
}

/// Settings under which callers of `by` are known, and the authority of the service's own.
fn mutual(folder: &Path, by: &Authority, is_required: bool) -> (Config, String) {
    let (mut config, pem) = guarded(folder);
    let file = folder.join("callers.pem");
    std::fs::write(&file, by.pem()).unwrap();
    config.server.tls_client_authority_file = Some(file);
    config.server.tls_client_required = is_required;
    let tokens = folder.join("tokens");
    let text = std::fs::read_to_string(&tokens).unwrap();
    let lines = "viewer by-name dns:viewer.example\nbidder fleet dns:bidder.example\n";
    std::fs::write(&tokens, text + lines).unwrap();
    (config, pem)
}

/// What a caller with this certificate and token is answered to a look.
async fn looks(
    grpc: SocketAddr,
    pem: &str,
    identity: Option<Identity>,
    role: Option<&str>,
) -> Result<(), Code> {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)).domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{grpc}")).unwrap();
    let mut admin = AdminServiceClient::new(endpoint.tls_config(tls).unwrap().connect_lazy());
    let asked = v1::GetStatusRequest {};
    let asked = role.map_or_else(|| Request::new(asked), |role| from(role, asked));
    admin.get_status(asked).await.map(|_| ()).map_err(|status| status.code())
}

/// Runs the service while `guide` does what it does.
async fn while_it_runs(config: Config, guide: impl AsyncFnOnce(Addresses)) {
    let page = MetricsPage::of(PrometheusBuilder::new().build_recorder().handle());
    let (hand, signals) = Signals::manual();
    let (announce, announced) = oneshot::channel::<Addresses>();
    let guide = async {
        guide(announced.await.unwrap()).await;
        hand.send(()).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(config, page, signals, announce), guide);
    result.unwrap();
}

/// What a page says to whoever shows this certificate; nothing when there is no connection.
async fn page_for(http: SocketAddr, pem: &str, identity: Option<(&Authority, &str)>) -> String {
    ask_for(http, pem, identity, "/fleet").await
}

/// The same of any page.
async fn ask_for(
    http: SocketAddr,
    pem: &str,
    identity: Option<(&Authority, &str)>,
    path: &str,
) -> String {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((by, name)) => {
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let key = KeyPair::generate().unwrap();
            let made = params.signed_by(&key, by).unwrap();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![made.der().clone()], key).unwrap()
        }
    };
    let stream = tokio::net::TcpStream::connect(http).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await else {
        return String::new();
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_vouched_for_stands_for_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (authority(), authority());
    let (config, pem) = mutual(folder.path(), &ours, false);
    while_it_runs(config, async |Addresses { grpc, http }| {
        let look = async |identity, role| looks(grpc, &pem, identity, role).await;
        assert_eq!(look(Some(vouched(&ours, "Viewer.Example", 2090)), None).await, Ok(()));
        let bidder = vouched(&ours, "bidder.example", 2090);
        assert_eq!(look(Some(bidder.clone()), None).await, Err(Code::PermissionDenied));
        assert_eq!(look(Some(bidder), Some("viewer")).await, Ok(()), "a token counts alone");
        let viewer = vouched(&ours, "viewer.example", 2090);
        let wrong = look(Some(viewer), Some("nobody")).await;
        assert_eq!(wrong, Err(Code::Unauthenticated), "a wrong one too");
        let stranger = vouched(&ours, "stranger.example", 2090);
        assert_eq!(look(Some(stranger), None).await, Err(Code::Unauthenticated), "not in the file");
        // No connection at all, whatever token goes with it.
        for refused in
            [vouched(&theirs, "viewer.example", 2090), vouched(&ours, "viewer.example", 2021)]
        {
            let told = look(Some(refused), Some("viewer")).await.unwrap_err();
            assert!(![Code::Unauthenticated, Code::PermissionDenied].contains(&told), "{told:?}");
        }
        assert_eq!(look(None, Some("viewer")).await, Ok(()), "none is needed with a token");
        assert_eq!(look(None, None).await, Err(Code::Unauthenticated));

        let told = page_for(http, &pem, Some((&ours, "viewer.example"))).await;
        assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
        let told = page_for(http, &pem, Some((&ours, "bidder.example"))).await;
        assert!(told.starts_with("HTTP/1.1 403 ") && told.contains("fleet has the role"), "{told}");
        assert_eq!(page_for(http, &pem, Some((&theirs, "viewer.example"))).await, "");
        let told = page_for(http, &pem, None).await;
        assert!(told.starts_with("HTTP/1.1 401 "), "{told}");

        let told = ask_for(http, &pem, Some((&ours, "viewer.example")), "/login").await;
        let who = "You are by-name, with the role viewer, by the certificate of this browser";
        assert!(told.contains(who) && told.contains("no token is needed"), "{told}");
        assert!(!told.contains("/logout") && told.contains("href=\"/\">Portfolio"), "{told}");
        for nobody in [Some((&ours, "stranger.example")), None] {
            let told = ask_for(http, &pem, nobody, "/login").await;
            assert!(!told.contains("You are") && told.contains("name=\"token\""), "{told}");
        }
    })
    .await;
}

#[tokio::test]
async fn where_a_certificate_is_required_nobody_connects_without() {
    let folder = tempfile::tempdir().unwrap();
    let ours = authority();
    let (config, pem) = mutual(folder.path(), &ours, true);
    while_it_runs(config, async |Addresses { grpc, http }| {
        let viewer = vouched(&ours, "viewer.example", 2090);
        assert_eq!(looks(grpc, &pem, Some(viewer), None).await, Ok(()));
        let told = status_by_command(grpc, folder.path(), &ours).await;
        assert!(told.contains("leading"), "{told}");
        let told = looks(grpc, &pem, None, Some("viewer")).await.unwrap_err();
        assert!(![Code::Unauthenticated, Code::PermissionDenied].contains(&told), "{told:?}");
        assert_eq!(page_for(http, &pem, None).await, "");
    })
    .await;
}

#[tokio::test]
async fn authorities_and_names_are_changed_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (authority(), authority());
    let (config, pem) = mutual(folder.path(), &old, false);
    while_it_runs(config, async |Addresses { grpc, .. }| {
        let look = async |by: &Authority, name: &str| {
            looks(grpc, &pem, Some(vouched(by, name, 2090)), None).await
        };
        assert_eq!(look(&old, "viewer.example").await, Ok(()));
        assert!(look(&new, "viewer.example").await.is_err());
        std::fs::write(folder.path().join("callers.pem"), new.pem()).unwrap();
        let tokens = folder.path().join("tokens");
        let text = std::fs::read_to_string(&tokens).unwrap();
        std::fs::write(&tokens, text.replace("dns:viewer.example", "dns:other.example")).unwrap();
        let known = async {
            while look(&new, "other.example").await != Ok(()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let known = tokio::time::timeout(Duration::from_secs(30), known).await;
        known.expect("both files are read again within seconds");
        assert_eq!(look(&new, "viewer.example").await, Err(Code::Unauthenticated), "struck out");
        assert!(look(&old, "other.example").await.is_err(), "the old word counts no more");
    })
    .await;
}

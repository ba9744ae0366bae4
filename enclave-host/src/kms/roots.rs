//! Amazon's roots, which the certificates of KMS lead to. They are part of the image, and so measured.

/// Amazon Trust Services' roots, in PEM.
pub const fn amazon() -> [&'static str; 5] {
    [
        include_str!("../../roots/amazon-root-ca-1.pem"),
        include_str!("../../roots/amazon-root-ca-2.pem"),
        include_str!("../../roots/amazon-root-ca-3.pem"),
        include_str!("../../roots/amazon-root-ca-4.pem"),
        include_str!("../../roots/starfield-services-root-g2.pem"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use protocol::sha256;

    /// As <https://www.amazontrust.com/repository/> lists them.
    const SHA256: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn they_are_amazon_s() {
        for (pem, expected) in amazon().into_iter().zip(SHA256) {
            let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            assert_eq!(sha256(&STANDARD.decode(text).unwrap()).to_string(), expected);
        }
    }
}

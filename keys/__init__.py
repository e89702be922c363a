"""JWT key pairs and keyrings, KMS keys, envelope encryption: to come. See CONTRIBUTING.md."""

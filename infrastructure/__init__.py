"""What IPA runs on: images, manifests, and a Kubernetes for tests."""
